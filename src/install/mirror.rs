//! `providers mirror`: a directory that can be served, or copied, to where there is no network.

use super::fetch::{self, Asked};
use super::lock::LockFile;
use super::origin::Place;
use super::providers::Need;
use super::{Http, InstallError, Origins, at};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Puts the archives of these providers into a directory, with the documents of a network mirror. Only packages that are published as
/// archives can be mirrored. What was done, in words.
pub fn mirror(
    origins: &Origins,
    http: &Http,
    needs: &[Need],
    lock: &LockFile,
    platforms: &[String],
    root: &Path,
) -> Result<Vec<String>, InstallError> {
    let mut done = Vec::new();
    for need in needs {
        let source = &need.source;
        let locked = lock.providers.get(source);
        let version = match locked {
            Some(locked) if need.constraints.as_ref().is_none_or(|c| c.allow(&locked.version)) => {
                locked.version.clone()
            }
            _ => origins.newest(source, need.constraints.as_ref())?,
        };
        let known = locked.filter(|l| l.version == version).map(|l| l.hashes.clone()).unwrap_or_default();
        let dir = source.path_under(root);
        std::fs::create_dir_all(&dir).map_err(at(&dir))?;
        for platform in platforms {
            let package = origins.package(source, &version, platform)?;
            let what = format!("{source} {version} for {platform}");
            let Place::Archive(archive) = &package.place else {
                return Err(InstallError::Unsupported(format!(
                    "{what} is an unpacked directory; only archives can be mirrored"
                )));
            };
            let (path, keep) = fetch::local(http, archive, &dir)?;
            let hashes = fetch::archive_hashes(&path)?;
            let nothing = BTreeSet::new();
            let asked = if locked.is_some_and(|l| l.can_check()) && keep.is_some() { &known } else { &nothing };
            fetch::expected(&hashes, &package, Asked { what: &what, hashes: asked })?;
            let name = format!("terraform-provider-{}_{version}_{platform}.zip", source.name);
            let target = dir.join(&name);
            if path != target {
                let staged = tempfile::NamedTempFile::new_in(&dir).map_err(at(&dir))?;
                std::fs::copy(&path, staged.path()).map_err(at(&path))?;
                readable_by_all(staged.path())?;
                staged.persist(&target).map_err(|e| at(&target)(e.error))?;
            }
            done.push(format!("{what}: {}", target.display()));
        }
        documents(&dir, &source.name)?;
    }
    Ok(done)
}

fn readable_by_all(path: &Path) -> Result<(), InstallError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).map_err(at(path))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// `index.json` and `VERSION.json` for every archive of a provider's directory.
fn documents(dir: &Path, name: &str) -> Result<(), InstallError> {
    let mut versions: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for entry in std::fs::read_dir(dir).map_err(at(dir))? {
        let path = entry.map_err(at(dir))?.path();
        let Some(file) = path.file_name().and_then(|n| n.to_str()) else { continue };
        let Some((version, platform)) = super::filesystem::packed(file, name) else { continue };
        let h1 = fetch::archive_hashes(&path)?.into_iter().filter(|h| h.starts_with("h1:"));
        let entry = json!({ "hashes": h1.collect::<Vec<_>>(), "url": file });
        versions.entry(version.to_string()).or_default().insert(platform, entry);
    }
    let write = |name: String, document: Value| {
        let path = dir.join(name);
        let text = serde_json::to_string_pretty(&document).unwrap_or_default();
        std::fs::write(&path, text).map_err(at(&path))
    };
    let index: Map<String, Value> = versions.keys().map(|v| (v.clone(), json!({}))).collect();
    write("index.json".to_owned(), json!({ "versions": index }))?;
    for (version, archives) in versions {
        write(format!("{version}.json"), json!({ "archives": archives }))?;
    }
    Ok(())
}
