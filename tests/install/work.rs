//! A working directory and the programs that work in it.

use super::server::Server;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a program said and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub all: String,
}

/// A directory with a configuration.
pub struct Work {
    dir: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Work {
    pub fn new(config: &str) -> Work {
        let work = Work { dir: tempfile::tempdir().unwrap(), environment: Vec::new() };
        work.write("main.tf", config);
        work.write("cli.tfrc", "");
        work
    }

    /// As this one, with another directory.
    pub fn twin(&self, config: &str) -> Work {
        let work = Work { environment: self.environment.clone(), ..Work::new(config) };
        std::fs::copy(self.path("cli.tfrc"), work.path("cli.tfrc")).unwrap();
        work
    }

    pub fn with(mut self, name: &str, value: &str) -> Work {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Trusts the authority of a server.
    pub fn trusting(self, server: &Server) -> Work {
        self.with("SSL_CERT_FILE", server.authority.to_str().unwrap())
    }

    pub fn cli(self, text: &str) -> Work {
        self.write("cli.tfrc", text);
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("TF_CLI_CONFIG_FILE", self.path("cli.tfrc"))
            .env("HOME", self.dir.path())
            .env("CHECKPOINT_DISABLE", "1")
            .env("NO_COLOR", "1")
            .env("TF_IN_AUTOMATION", "1")
            .envs(self.environment.iter().map(|(n, v)| (n, v)))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> Said {
        let output = self.command(program, arguments).output().unwrap();
        let all = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Said { code: output.status.code().unwrap_or(-1), all }
    }

    pub fn straddle(&self, arguments: &[&str]) -> Said {
        self.run(Path::new(env!("CARGO_BIN_EXE_straddle")), arguments)
    }

    /// Starts straddle, to run beside others.
    pub fn start(&self, arguments: &[&str]) -> std::process::Child {
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_straddle")), arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs straddle, which must end well.
    pub fn well(&self, arguments: &[&str]) -> String {
        let said = self.straddle(arguments);
        assert_eq!(said.code, 0, "straddle {arguments:?}\n{}", said.all);
        said.all
    }

    /// Runs straddle, which must refuse with these words.
    pub fn refused(&self, arguments: &[&str], words: &str) {
        let said = self.straddle(arguments);
        assert_eq!(said.code, 1, "straddle {arguments:?}\n{}", said.all);
        let framed = |c: char| "│╷╵|".contains(c);
        let flat = said.all.split(framed).flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
        assert!(flat.contains(words), "{words:?} is not in {flat}");
    }

    /// Runs the real program; `None` where there is none.
    pub fn terraform(&self, arguments: &[&str]) -> Option<Said> {
        if Command::new("terraform").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            println!("not compared: there is no terraform here");
            return None;
        }
        Some(self.run(Path::new("terraform"), arguments))
    }

    /// Every file and link below a directory, with where links lead.
    pub fn tree(&self, under: &str) -> Vec<String> {
        let mut found = Vec::new();
        walk(&self.path(under), String::new(), &mut found);
        found.sort();
        found
    }
}

fn walk(dir: &Path, prefix: String, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries {
        let entry = entry.unwrap();
        let name = format!("{prefix}/{}", entry.file_name().to_str().unwrap());
        if let Ok(to) = std::fs::read_link(entry.path()) {
            found.push(format!("{name} -> {}", to.display()));
        } else if entry.path().is_dir() {
            walk(&entry.path(), name, found);
        } else {
            found.push(name);
        }
    }
}

/// The files that publishers have made: a provider that does nothing, signed by the real gpg.
pub fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/install/registry").join(name)).unwrap()
}
