//! Schemas on disk: what a provider offers depends on its executable alone, so it is kept under the executable's checksum.
//!
//! Only of providers that say their schema may come from a cache. A file that is not whole, or not readable for any other reason,
//! is as good as none.

use data_encoding::HEXLOWER;
use prost::Message;
use sha2::{Digest, Sha256};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use straddle_sdk::proto::tfplugin6::{get_provider_schema, get_resource_identity_schemas};

/// What a provider said it offers.
pub(super) type Offers = (get_provider_schema::Response, Option<get_resource_identity_schemas::Response>);

/// Names the form of the files; another form has another name.
const FORM: &str = "1";
/// The checksum at the head of a file.
const HEAD: usize = 32;

/// Where schemas are kept.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    dir: PathBuf,
}

impl Cache {
    pub(super) fn new(dir: PathBuf) -> Cache {
        Cache { dir }
    }

    /// The file for an executable as it is now.
    pub(super) fn place(&self, program: &Path) -> Option<PathBuf> {
        let sum = checksum(program).ok()?;
        let name = HEXLOWER.encode(&sum);
        Some(self.dir.join(format!("{name}.{FORM}")))
    }
}

fn checksum(program: &Path) -> io::Result<[u8; 32]> {
    let mut file = std::fs::File::open(program)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().into()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

/// What was kept.
pub(super) fn load(place: &Path) -> Option<Offers> {
    let bytes = std::fs::read(place).ok()?;
    let (head, body) = bytes.split_at_checked(HEAD)?;
    if Sha256::digest(body)[..] != *head {
        return None;
    }
    let (length, rest) = body.split_at_checked(8)?;
    let length = usize::try_from(u64::from_le_bytes(length.try_into().ok()?)).ok()?;
    let (schema, identities) = rest.split_at_checked(length)?;
    let schema = get_provider_schema::Response::decode(schema).ok()?;
    let identities = match identities.split_first()? {
        (0, _) => None,
        (_, bytes) => Some(get_resource_identity_schemas::Response::decode(bytes).ok()?),
    };
    Some((schema, identities))
}

/// Keeps it, whole or not at all. Where that cannot be, the provider is asked again next time.
pub(super) fn store(place: &Path, offers: &Offers) {
    let write = || {
        let dir = place.parent().ok_or(io::ErrorKind::NotFound)?;
        std::fs::create_dir_all(dir)?;
        let (schema, identities) = offers;
        let schema = schema.encode_to_vec();
        let mut body = (schema.len() as u64).to_le_bytes().to_vec();
        body.extend(schema);
        match identities {
            None => body.push(0),
            Some(identities) => {
                body.push(1);
                body.extend(identities.encode_to_vec());
            }
        }
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(&Sha256::digest(&body))?;
        file.write_all(&body)?;
        file.persist(place).map_err(|e| e.error)?;
        Ok::<(), io::Error>(())
    };
    let _ = write();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_what_is_damaged_does_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let program = dir.path().join("program");
        std::fs::write(&program, "one").expect("written");
        let cache = Cache::new(dir.path().join("cache"));
        let place = cache.place(&program).expect("a place");
        assert!(load(&place).is_none());
        let schema = get_provider_schema::Response { provider: Some(Default::default()), ..Default::default() };
        let offers: Offers = (schema, Some(Default::default()));
        store(&place, &offers);
        assert_eq!(load(&place), Some(offers.clone()));
        store(&place, &(offers.0.clone(), None));
        assert_eq!(load(&place), Some((offers.0.clone(), None)));

        let whole = std::fs::read(&place).expect("read");
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&place, &damaged).expect("written");
            assert!(load(&place).is_none(), "byte {at}");
            std::fs::write(&place, &whole[..at]).expect("written");
            assert!(load(&place).is_none(), "cut at {at}");
        }
        std::fs::write(&program, "two").expect("written");
        assert_ne!(cache.place(&program), Some(place), "another executable, another place");
    }
}
