//! Building the providers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The directory with the built providers; `None`, and a word why, where they cannot be built.
pub fn providers() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build).as_deref()
}

fn go(arguments: &[&str]) -> Command {
    let mut command = Command::new("go");
    command
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/go"))
        .env("GOFLAGS", "-mod=mod -buildvcs=false")
        .env("GOTOOLCHAIN", "local")
        .stdin(Stdio::null());
    command
}

fn build() -> Option<PathBuf> {
    match go(&["mod", "download"]).output() {
        Err(error) => {
            println!("not run: there is no Go here ({error})");
            return None;
        }
        Ok(output) if !output.status.success() => {
            println!("not run: Go's modules cannot be had: {}", String::from_utf8_lossy(&output.stderr));
            return None;
        }
        Ok(_) => {}
    }
    let bin = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop");
    std::fs::create_dir_all(&bin).unwrap();
    for name in ["old", "new"] {
        let program = bin.join(format!("terraform-provider-{name}"));
        let package = format!("./{name}");
        let output = go(&["build", "-o", program.to_str().unwrap(), &package]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    Some(bin)
}

/// The real program: its name, or what a variable names in its place, and its version.
#[derive(Clone)]
pub struct Oracle {
    pub program: PathBuf,
    /// Major and minor.
    pub version: (u32, u32),
}

/// The real program; says so if it is not here.
pub fn oracle() -> Option<Oracle> {
    static FOUND: OnceLock<Option<Oracle>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let program = PathBuf::from(std::env::var_os("INTEROP_TERRAFORM").unwrap_or_else(|| "terraform".into()));
        let output = Command::new(&program).args(["version", "-json"]).env("CHECKPOINT_DISABLE", "1").output().ok()?;
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        let mut numbers = said["terraform_version"].as_str()?.split('.').map(|n| n.parse().unwrap_or(0));
        Some(Oracle { program, version: (numbers.next()?, numbers.next()?) })
    });
    if found.is_none() {
        println!("not compared: there is no terraform here");
    }
    found.clone()
}
