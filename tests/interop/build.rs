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

/// Whether the real program is here; says so if not.
pub fn oracle() -> bool {
    let found = Command::new("terraform").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        println!("not compared: there is no terraform here");
    }
    found
}
