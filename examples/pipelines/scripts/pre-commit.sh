#!/bin/sh
# Before a commit: the form of the files that are given, and the rules of the directories they are in. Needs no credentials.
set -eu
for file in "$@"; do
    straddle fmt -check -diff "$file" || status=$?
done
for stack in $(for file in "$@"; do dirname "$file"; done | sort -u); do
    straddle -chdir="$stack" validate -rules || status=$?
done
exit "${status:-0}"
