//! Runs of the program that nothing of the person's own surroundings reaches: no configuration, no variables, no cache in their home.

use std::path::Path;
use std::process::Command;

/// A command with an empty home, and without what the environment would tell it about providers, variables and arguments.
pub fn alone(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("home");
    std::fs::create_dir_all(&home).unwrap();
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("TF_") || text.starts_with("STRADDLE_") {
            command.env_remove(&name);
        }
    }
    command.env("HOME", &home).env_remove("XDG_CACHE_HOME").env_remove("XDG_CONFIG_HOME").env("NO_COLOR", "1");
    command
}
