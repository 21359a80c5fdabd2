// Package store keeps the objects of these providers in files, so that they outlive the process and can be spoiled by a test.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrGone says that there is no such object.
var ErrGone = errors.New("there is no such object")

func dir() (string, error) {
	dir := os.Getenv("INTEROP_STORE")
	if dir == "" {
		return "", errors.New("INTEROP_STORE names no directory")
	}
	return dir, nil
}

func path(id string) (string, error) {
	dir, err := dir()
	return filepath.Join(dir, id+".json"), err
}

// NewID gives an id that no object had before: KIND-NAME-N.
func NewID(kind, name string) (string, error) {
	dir, err := dir()
	if err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		id := fmt.Sprintf("%s-%s-%d", kind, name, n)
		file, err := os.OpenFile(filepath.Join(dir, id+".used"), os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		return id, file.Close()
	}
}

// Put writes an object.
func Put(id string, object map[string]any) error {
	path, err := path(id)
	if err != nil {
		return err
	}
	text, err := json.Marshal(object)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// Get reads an object.
func Get(id string) (map[string]any, error) {
	path, err := path(id)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, err
	}
	var object map[string]any
	return object, json.Unmarshal(text, &object)
}

// Delete removes an object.
func Delete(id string) error {
	path, err := path(id)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// The pipe of Hang: closed with the process, and not before.
var pipe *os.File

// Hang tells the reader of a pipe that it is here, and never returns.
func Hang() {
	dir, err := dir()
	if err != nil {
		return
	}
	pipe, err = os.OpenFile(filepath.Join(dir, "hang.fifo"), os.O_WRONLY, 0)
	if err != nil {
		return
	}
	fmt.Fprintln(pipe, "here")
	select {}
}

// Die ends the process in the middle of a call, as a crash does.
func Die(when string) {
	go panic("dead " + when)
	select {}
}

// Refuse ends the process where a test wants to see that none is started.
func Refuse() {
	if os.Getenv("INTEROP_REFUSE") != "" {
		fmt.Fprintln(os.Stderr, "started, which was not to be")
		os.Exit(1)
	}
}

// Log adds a line to what a test can read of what was called.
func Log(line string) {
	dir, err := dir()
	if err != nil {
		return
	}
	file, err := os.OpenFile(filepath.Join(dir, "calls.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	defer file.Close()
	fmt.Fprintln(file, line)
}
