//! What saved plans are protected with on this machine: a key that encrypts them, one that signs, one whose signature is asked for.

use crate::diag::Diagnostic;
use crate::plan::file::Protection;
use crate::plan::model::Origin;
use crate::plan::sign::{SigningKey, VerifyingKey};
use crate::state::seal::{Key, Keys};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The variable with the key that encrypts plans.
const KEY: &str = "STRADDLE_PLAN_KEY";
/// The variable with the file of the private key that signs.
const SIGN: &str = "STRADDLE_PLAN_SIGN_WITH";
/// The variable with the file of the public key whose signature `apply` asks for.
const VERIFY: &str = "STRADDLE_PLAN_VERIFY_WITH";

type Problem = Box<Diagnostic>;

fn wrong(detail: String) -> Problem {
    Box::new(Diagnostic::error("No key for the plan", detail))
}

fn named(flag: Option<&Path>, variable: &str) -> Option<PathBuf> {
    flag.map(Path::to_path_buf).or_else(|| std::env::var_os(variable).filter(|v| !v.is_empty()).map(PathBuf::from))
}

fn text(path: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(path).map_err(|e| wrong(format!("{} cannot be read: {e}.", path.display())))
}

/// What the environment and the flags say.
///
/// # Errors
/// A key is none.
pub fn protection(sign: Option<&Path>, verify: Option<&Path>) -> Result<Protection, Problem> {
    let mut protection = Protection::default();
    if let Some(secret) = std::env::var(KEY).ok().filter(|text| !text.is_empty()) {
        let key = Key::of_text(&secret).map_err(|e| wrong(format!("The key in {KEY} is none: {e}.")))?;
        protection.keys = Keys { current: Some(key), former: Vec::new() };
    }
    if let Some(path) = named(sign, SIGN) {
        let key = SigningKey::of_pem(&text(&path)?);
        protection.sign = Some(key.map_err(|e| wrong(format!("{}: {e}.", path.display())))?);
    }
    if let Some(path) = named(verify, VERIFY) {
        let key = VerifyingKey::of_pem(&text(&path)?);
        protection.verify = Some(key.map_err(|e| wrong(format!("{}: {e}.", path.display())))?);
    }
    Ok(protection)
}

/// What a plan is made with in this directory.
pub fn origin() -> Origin {
    let git = |words: &[&str]| {
        let run = Command::new("git").args(words).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        run.status.success().then(|| String::from_utf8_lossy(&run.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"]).map(|commit| {
        let clean = git(&["status", "--porcelain", "--untracked-files=no", "."]).is_some_and(|s| s.is_empty());
        if clean { commit } else { format!("{commit}+") }
    });
    // A lock file that cannot be read is told where providers are started.
    let lock = crate::install::lock::LockFile::read(Path::new(".")).unwrap_or_default();
    let providers = lock.providers.iter().map(|(source, locked)| {
        let mut hash = Sha256::new();
        locked.hashes.iter().for_each(|h| hash.update(format!("{h}\n")));
        let digest = HEXLOWER.encode(&hash.finalize()[..16]);
        (source.full(), format!("{} sha256:{digest}", locked.version))
    });
    Origin { commit, providers: providers.collect(), straddle: env!("CARGO_PKG_VERSION").into() }
}

/// What of the providers is another than a plan was made with.
pub fn providers_moved(then: &Origin, now: &Origin) -> Vec<String> {
    let mut moved = Vec::new();
    let version = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
    for (source, was) in &then.providers {
        match now.providers.get(source) {
            Some(is) if is == was => {}
            Some(is) if version(is) == version(was) => moved.push(format!("provider {source} has other checksums")),
            Some(is) => moved.push(format!("provider {source} is version {}, was {}", version(is), version(was))),
            None => moved.push(format!("provider {source} is not locked any more, was version {}", version(was))),
        }
    }
    let new = now.providers.iter().filter(|(source, _)| !then.providers.contains_key(*source));
    moved.extend(new.map(|(source, is)| format!("provider {source} is locked now, version {}", version(is))));
    if !then.straddle.is_empty() && then.straddle != now.straddle {
        moved.push(format!("straddle is version {}, was {}", now.straddle, then.straddle));
    }
    moved
}
