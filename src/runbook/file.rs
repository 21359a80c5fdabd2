//! A runbook as bytes: a line names format and version, a line holds the header, a line the signature over both and over what
//! follows, which is sealed. Nothing is believed before the signature is right; nothing secret is readable without the key.

use super::key::{Key, KeyError, is_signed};
use super::{Carried, CarriedKind, Content, Header};
use crate::state::seal;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use std::io::Read as _;
use std::path::Path;

/// What every runbook of any version begins with.
const MAGIC: &str = "straddle runbook, version ";
/// The version written, and the only one read.
const VERSION: u32 = 1;
/// The largest file read, the largest content unpacked, the longest header.
const MOST_FILE: u64 = 1 << 29;
const MOST_CONTENT: u64 = 1 << 30;
const MOST_LINE: usize = 1 << 20;

/// Why bytes are not taken for a runbook.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RunbookError {
    /// Something else.
    #[error("it is no runbook of straddle")]
    Foreign,
    /// Of another version.
    #[error("it is a runbook of format version {0}; this program reads version {VERSION}")]
    Version(String),
    /// Not as it was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// Not signed by the key that its head names, or by another than is trusted.
    #[error("its signature is not that of the key {0}: it was changed, or made by somebody else")]
    Signature(String),
    /// Sealed for another key.
    #[error("it is sealed for the key {0}, and the key given is {1}")]
    OtherKey(String, String),
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Too large.
    #[error("it is larger than any runbook that is read")]
    TooLarge,
    /// The file cannot be had.
    #[error("{0}")]
    File(String),
}

/// The bytes of a runbook. The head's `key` and `content` are filled in here.
///
/// # Errors
/// The key cannot be used, or the content not be written.
pub fn write(mut header: Header, content: &Content, key: &Key) -> Result<(Header, Vec<u8>), RunbookError> {
    let unwritable = |e: &dyn std::fmt::Display| RunbookError::File(format!("it cannot be written: {e}"));
    let packed = rmp_serde::to_vec_named(&Bytes::of(content)).map_err(|e| unwritable(&e))?;
    header.key = key.public();
    let sealed = seal::pack(&packed, &key.sealing()?, &header.name);
    header.content = digest(&sealed);
    let head = serde_json::to_string(&header).map_err(|e| unwritable(&e))?;
    let signed = format!("{MAGIC}{VERSION}\n{head}\n");
    let signature = key.sign(signed.as_bytes());
    let mut bytes = signed.into_bytes();
    bytes.extend(signature.as_bytes());
    bytes.push(b'\n');
    bytes.extend(sealed);
    Ok((header, bytes))
}

/// The head of a runbook and its sealed content; the signature is that of the key the head names.
///
/// # Errors
/// [`RunbookError`], which says what the bytes are instead.
pub fn read(bytes: &[u8]) -> Result<(Header, &[u8]), RunbookError> {
    let damaged = |what: &str| RunbookError::Damaged(what.to_string());
    let early = || damaged("it ends too early");
    let rest = bytes.strip_prefix(MAGIC.as_bytes()).ok_or(RunbookError::Foreign)?;
    let (version, rest) = line(rest).ok_or_else(early)?;
    if version != VERSION.to_string() {
        return Err(RunbookError::Version(version.chars().take(20).collect()));
    }
    let (head, rest) = line(rest).ok_or_else(early)?;
    let (signature, sealed) = line(rest).ok_or_else(early)?;
    let header: Header = serde_json::from_str(head).map_err(|e| RunbookError::Damaged(e.to_string()))?;
    if !is_signed(&header.key, format!("{MAGIC}{VERSION}\n{head}\n").as_bytes(), signature) {
        return Err(RunbookError::Signature(header.key));
    }
    if header.content != digest(sealed) {
        return Err(damaged("its content is another than was signed"));
    }
    Ok((header, sealed))
}

/// Opens a runbook with the key it was made with.
///
/// # Errors
/// [`RunbookError`].
pub fn open(bytes: &[u8], key: &Key) -> Result<(Header, Content), RunbookError> {
    let (header, sealed) = read(bytes)?;
    let damaged = |e: &dyn std::fmt::Display| RunbookError::Damaged(e.to_string());
    if header.key != key.public() {
        return Err(RunbookError::OtherKey(header.key, key.public()));
    }
    let unpacked = seal::unpack_within(sealed, &key.sealing()?, &header.name, MOST_CONTENT).map_err(|e| damaged(&e))?;
    let content: Bytes = rmp_serde::from_slice(&unpacked).map_err(|e| damaged(&e))?;
    Ok((header, content.content()))
}

/// The bytes of a file that may be a runbook.
///
/// # Errors
/// It cannot be read.
pub fn load(path: &Path) -> Result<Vec<u8>, RunbookError> {
    let failed = |e: std::io::Error| RunbookError::File(e.to_string());
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MOST_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST_FILE { Err(RunbookError::TooLarge) } else { Ok(bytes) }
}

/// A content whose bytes are packed as bytes, not as lists of numbers.
#[derive(serde::Serialize, serde::Deserialize)]
struct Bytes {
    plan: Blob,
    state: Blob,
    #[serde(default)]
    files: Vec<(String, CarriedKind, Option<Blob>)>,
}

impl Bytes {
    fn of(content: &Content) -> Bytes {
        let file = |c: &Carried| (c.path.clone(), c.kind, c.bytes.clone().map(Blob));
        let files = content.files.iter().map(file).collect();
        Bytes { plan: Blob(content.plan.clone()), state: Blob(content.state.clone()), files }
    }

    fn content(self) -> Content {
        let file = |(path, kind, bytes): (String, CarriedKind, Option<Blob>)| Carried {
            path,
            kind,
            bytes: bytes.map(|b| b.0),
        };
        let files = self.files.into_iter().map(file).collect();
        Content { plan: self.plan.0, state: self.state.0, files }
    }
}

struct Blob(Vec<u8>);

impl serde::Serialize for Blob {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Blob {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Blob, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Blob;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}

fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().take(MOST_LINE).position(|b| *b == b'\n')?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

fn digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn header() -> Header {
        Header {
            format_version: "1.0".into(),
            name: "lose-zone-a".into(),
            lose: BTreeSet::from(["zone:a".to_string()]),
            aliases: BTreeSet::new(),
            lineage: "l".into(),
            serial: 7,
            built: 1,
            straddle: "0".into(),
            adds: BTreeMap::new(),
            expected_s: None,
            stores: vec!["x".into()],
            key: String::new(),
            content: String::new(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn comes_back_and_no_bent_byte_is_believed(
            plan in prop::collection::vec(any::<u8>(), 0..200), state in prop::collection::vec(any::<u8>(), 0..200),
            at in 0.0f64..1.0, flip in 1u8..=255, cut in any::<bool>()
        ) {
            let key = Key::random().unwrap();
            let content = Content { plan, state, files: Vec::new() };
            let (header, bytes) = write(header(), &content, &key).unwrap();
            prop_assert_eq!(open(&bytes, &key).unwrap(), (header, content));
            let mut bent = bytes;
            let at = ((bent.len() - 1) as f64 * at) as usize;
            if cut { bent.truncate(at) } else { bent[at] ^= flip }
            prop_assert!(open(&bent, &key).is_err());
        }

        #[test]
        fn foreign_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(read(&bytes).err(), Some(RunbookError::Foreign));
        }
    }

    #[test]
    fn a_runbook_signed_by_somebody_else_is_told_from_a_bent_one() {
        let (key, other) = (Key::random().unwrap(), Key::random().unwrap());
        let file = Carried { path: "a.tpl".into(), kind: CarriedKind::File, bytes: Some(vec![3, 4]) };
        let content = Content { plan: vec![1], state: vec![2], files: vec![file] };
        let (_, bytes) = write(header(), &content, &other).unwrap();
        assert!(matches!(open(&bytes, &key), Err(RunbookError::OtherKey(..))));
        let secret = Content { plan: b"hunter2-hunter2".to_vec(), state: Vec::new(), files: Vec::new() };
        let (_, bytes) = write(header(), &secret, &key).unwrap();
        assert!(!bytes.windows(7).any(|w| w == b"hunter2"));
    }
}
