//! `.terraform.lock.hcl`: the version and checksums of every provider, as Terraform writes and reads it.

use super::{InstallError, at};
use crate::lang::version::{Constraints, Version};
use crate::plugin::Source;
use hcl::{Block, Expression};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The name of the file.
pub const NAME: &str = ".terraform.lock.hcl";

const HEAD: &str = "# This file is maintained automatically by \"terraform init\".\n\
                    # Manual edits may be lost in future updates.\n";

/// What the file says.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct LockFile {
    /// By the provider's source address.
    pub providers: BTreeMap<Source, Locked>,
}

/// The choice for one provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Locked {
    /// The version chosen.
    pub version: Version,
    /// The constraints it was chosen by; for people.
    pub constraints: Option<Constraints>,
    /// Checksums of packages that are this provider in this version, for any platform. Of unknown kinds too.
    pub hashes: BTreeSet<String>,
}

impl Locked {
    /// Whether it knows checksums of a kind that is checked here.
    pub fn can_check(&self) -> bool {
        self.hashes.iter().any(|h| h.starts_with("h1:") || h.starts_with("zh:"))
    }
}

impl LockFile {
    /// Reads the file of a directory; empty when there is none.
    pub fn read(directory: &Path) -> Result<LockFile, InstallError> {
        let path = directory.join(NAME);
        match std::fs::read_to_string(&path) {
            Ok(text) => LockFile::parse(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(LockFile::default()),
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// Reads the text of the file.
    pub fn parse(text: &str) -> Result<LockFile, InstallError> {
        let malformed = |why: String| InstallError::Malformed { what: format!("the lock file {NAME}"), why };
        let body = hcl::parse(text).map_err(|error| malformed(error.to_string()))?;
        let mut providers = BTreeMap::new();
        for block in body.blocks().filter(|b| b.identifier() == "provider") {
            let (source, locked) = provider(block).map_err(malformed)?;
            if providers.insert(source.clone(), locked).is_some() {
                return Err(malformed(format!("there are two blocks of provider {source}")));
            }
        }
        Ok(LockFile { providers })
    }

    /// The text of the file.
    pub fn print(&self) -> String {
        let mut text = HEAD.to_owned();
        for (source, locked) in &self.providers {
            text.push_str(&format!("\nprovider \"{}\" {{\n", source.full()));
            match &locked.constraints {
                Some(constraints) => text
                    .push_str(&format!("  version     = \"{}\"\n  constraints = \"{constraints}\"\n", locked.version)),
                None => text.push_str(&format!("  version = \"{}\"\n", locked.version)),
            }
            if !locked.hashes.is_empty() {
                text.push_str("  hashes = [\n");
                locked.hashes.iter().for_each(|hash| text.push_str(&format!("    \"{hash}\",\n")));
                text.push_str("  ]\n");
            }
            text.push_str("}\n");
        }
        text
    }

    /// Writes the file into a directory, whole or not at all.
    pub fn write(&self, directory: &Path) -> Result<(), InstallError> {
        use std::io::Write;
        let path = directory.join(NAME);
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(directory)?;
            file.write_all(self.print().as_bytes())?;
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
            }
            file.persist(&path).map_err(|e| e.error)?;
            Ok(())
        };
        write().map_err(at(&path))
    }
}

fn provider(block: &Block) -> Result<(Source, Locked), String> {
    let [label] = block.labels() else {
        return Err("a provider block needs one label, the source address".to_owned());
    };
    let label = label.as_str();
    let source = Source::parse(label).map_err(|e| e.to_string())?;
    if source.full() != label {
        return Err(format!("provider {label:?} must be written in full, as {:?}", source.full()));
    }
    let attribute = |name: &str| block.body().attributes().find(|a| a.key() == name).map(|a| a.expr());
    let text = |name: &str| {
        attribute(name).map(|e| literal(e).ok_or_else(|| format!("{name} of provider {source} must be a text")))
    };
    let version = text("version").ok_or_else(|| format!("provider {source} has no version"))??;
    let version = Version::parse(&version).ok_or_else(|| format!("{version:?} is no version"))?;
    let constraints = match text("constraints").transpose()? {
        Some(written) => {
            Some(Constraints::parse(&written).ok_or_else(|| format!("{written:?} are no version constraints"))?)
        }
        None => None,
    };
    let hashes = match attribute("hashes") {
        None => BTreeSet::new(),
        Some(written) => {
            let Expression::Array(items) = written else {
                return Err(format!("hashes of provider {source} must be a list of texts"));
            };
            let hash = |item: &Expression| {
                let hash = literal(item).ok_or_else(|| format!("hashes of provider {source} must be texts"))?;
                match hash.split_once(':') {
                    Some((scheme, value)) if !scheme.is_empty() && !value.is_empty() => Ok(hash),
                    _ => Err(format!("{hash:?} of provider {source} is no checksum")),
                }
            };
            items.iter().map(hash).collect::<Result<BTreeSet<_>, String>>()?
        }
    };
    Ok((source, Locked { version, constraints, hashes }))
}

fn literal(expr: &Expression) -> Option<String> {
    match expr {
        Expression::String(text) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the real program wrote it.
    const MEASURED: &str = r#"# This file is maintained automatically by "terraform init".
# Manual edits may be lost in future updates.

provider "registry.terraform.io/interop/new" {
  version = "2.0.1"
  hashes = [
    "h1:yLA05R4jhY7DmKkH4i53FUjgXMy8q9TZ9LnMQblty9Q=",
  ]
}

provider "registry.terraform.io/interop/old" {
  version     = "1.2.3"
  constraints = "> 1.2.2, >= 1.2.2, ~> 1.2.2, >= 1.2.3, 1.2.3, ~> 1.2.3, <= 1.2.3, < 1.2.4, != 1.2.4"
  hashes = [
    "h1:U+1BuxywSMO2r16aneJYIcow0GlQMposXvLlYbRlaAY=",
    "new:kept",
  ]
}
"#;

    #[test]
    fn a_file_of_terraform_is_read_and_written_back_byte_for_byte() {
        let lock = LockFile::parse(MEASURED).expect("read");
        assert_eq!(lock.print(), MEASURED);
        let old = &lock.providers[&Source::parse("interop/old").expect("a source")];
        assert!(old.can_check() && old.hashes.len() == 2);
        assert_eq!(LockFile::parse("").expect("read"), LockFile::default());
    }

    #[test]
    fn mistakes_are_named() {
        for (text, words) in [
            ("provider \"interop/old\" {\n version = \"1.0.0\"\n}", "in full"),
            ("provider \"registry.terraform.io/a/b\" {}", "no version"),
            ("provider \"registry.terraform.io/a/b\" {\n version = \"x\"\n}", "no version"),
            ("provider \"registry.terraform.io/a/b\" {\n version = \"1.0.0\"\n hashes = [\"x\"]\n}", "no checksum"),
            ("provider \"registry.terraform.io/a/b\" {\n version = 1 +\n}", "cannot be understood"),
            ("provider {}", "label"),
        ] {
            let error = LockFile::parse(text).expect_err(text).to_string();
            assert!(error.contains(words), "{text:?}: {error}");
        }
    }
}
