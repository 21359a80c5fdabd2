//! Saved plans: `plan -out` writes one, `apply`, `show` and `verify` read it.
//!
//! A line names format and version, a line holds the SHA-256 of what follows the next, that one a signature or `-`, and what
//! follows is MessagePack with named fields, compressed and (with a key) encrypted. Nothing is looked at before the digest is
//! right, so a file cut short or bent anywhere is refused as such. The digest protects from accidents, the signature from others;
//! without a key a saved plan holds secrets, and must be kept as what it is.

use super::model::Plan;
use super::sign::{SigningKey, VerifyingKey};
use crate::diag::Diagnostic;
use crate::state::seal::{self, Keys};
use data_encoding::HEXLOWER;
use flate2::read::GzDecoder;
use serde::Serialize as _;
use sha2::{Digest as _, Sha256};
use std::io::{Read as _, Write as _};
use std::path::Path;
use straddle_sdk::value::{Marks, Value};

/// What every saved plan of any version begins with.
const MAGIC: &[u8] = b"straddle saved plan, version ";
/// The version written. The first, without signature and key, is still read.
pub const VERSION: u32 = 2;
/// The largest file read, in bytes.
pub const MAX_FILE: u64 = 1 << 28;
/// The largest content unpacked, in bytes.
const MAX_CONTENT: u64 = 1 << 30;

/// Why a file is not taken for a saved plan. It is left as it is.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PlanFileError {
    /// Something else.
    #[error("it is no saved plan of straddle")]
    Foreign,
    /// Of another version of straddle.
    #[error("it is a saved plan of format version {0}; this program reads version {VERSION}")]
    Version(String),
    /// Not as it was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// Beyond what is read.
    #[error("it is larger than any saved plan that is read ({0} bytes)")]
    TooLarge(u64),
    /// A plan that cannot be written.
    #[error("the plan cannot be saved: {0}")]
    Unwritable(String),
    /// Encrypted, and not to be opened with what is given.
    #[error("{0}")]
    Sealed(String),
    /// A signature is asked for, and this is not it.
    #[error("{0}")]
    Unsigned(&'static str),
    /// The file cannot be had.
    #[error("{0}")]
    File(String),
}

impl PlanFileError {
    /// For the person who named the file.
    pub fn about(&self, path: &Path) -> Diagnostic {
        let help = match self {
            PlanFileError::Foreign => "Name a file that `straddle plan -out=FILE` has written.",
            PlanFileError::Unwritable(_) => {
                "See to the directory's rights and to the disk, or name a file elsewhere. Nothing was changed."
            }
            PlanFileError::File(_) => "",
            PlanFileError::Sealed(_) => "Give the key it was saved with: STRADDLE_PLAN_KEY.",
            PlanFileError::Unsigned(_) => {
                "Have it signed by whoever reviewed it: straddle plan -out=FILE -sign-with=KEY."
            }
            _ => "Make it anew: straddle plan -out=FILE",
        };
        let summary =
            if matches!(self, PlanFileError::Unwritable(_)) { "Plan not saved" } else { "Saved plan not read" };
        Diagnostic::error(summary, format!("{}: {self}.", path.display())).help(help)
    }
}

/// What saved plans are protected with.
#[derive(Clone, Debug, Default)]
pub struct Protection {
    /// Their content is encrypted with.
    pub keys: Keys,
    /// They are signed with.
    pub sign: Option<SigningKey>,
    /// Their signature must be this key's.
    pub verify: Option<VerifyingKey>,
}

/// What is sealed in with the content: that it is a plan.
const NAME: &str = "saved plan";

/// What is signed: that it is a plan of this version, and the digest of its content.
fn signed(digest: &str) -> String {
    format!("straddle saved plan {VERSION} sha256:{digest}")
}

/// A plan as the bytes of a file; equal plans give equal bytes, unless they are encrypted. Ephemeral variables are left out: they must be given anew.
///
/// # Errors
/// An ephemeral value anywhere else.
pub fn write(plan: &Plan, protection: &Protection) -> Result<Vec<u8>, PlanFileError> {
    let unwritable = |e: &dyn std::fmt::Display| PlanFileError::Unwritable(e.to_string());
    let mut plan = plan.clone();
    plan.variables.retain(|_, value: &mut Value| !value.deep_marks().contains(Marks::EPHEMERAL));
    let mut content = Vec::new();
    plan.serialize(&mut rmp_serde::Serializer::new(&mut content).with_struct_map()).map_err(|e| unwritable(&e))?;
    let packed = seal::pack(&content, &protection.keys, NAME);
    let digest = digest(&packed);
    let signature = protection.sign.as_ref().map_or("-".into(), |key| key.sign(signed(&digest).as_bytes()));
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(format!("{VERSION}\n{digest}\n{signature}\n").as_bytes());
    bytes.extend_from_slice(&packed);
    Ok(bytes)
}

/// The plan in the bytes of a file.
///
/// # Errors
/// [`PlanFileError`], which says what the bytes are instead.
pub fn read(bytes: &[u8], protection: &Protection) -> Result<Plan, PlanFileError> {
    let damaged = |what: &str| PlanFileError::Damaged(what.to_string());
    if bytes.len() as u64 > MAX_FILE {
        return Err(PlanFileError::TooLarge(bytes.len() as u64));
    }
    let rest = bytes.strip_prefix(MAGIC).ok_or(PlanFileError::Foreign)?;
    let (version, rest) = line(rest).ok_or_else(|| damaged("it ends too early"))?;
    let first = version == "1";
    if !first && version != VERSION.to_string() {
        return Err(PlanFileError::Version(version.chars().take(20).collect()));
    }
    let (said, rest) = line(rest).ok_or_else(|| damaged("it ends too early"))?;
    let (signature, packed) =
        if first { ("-", rest) } else { line(rest).ok_or_else(|| damaged("it ends too early"))? };
    if said != digest(packed) {
        return Err(damaged("its digest is another"));
    }
    match &protection.verify {
        Some(_) if signature == "-" => return Err(PlanFileError::Unsigned("it is not signed")),
        Some(key) if !key.is_good(signed(said).as_bytes(), signature) => {
            return Err(PlanFileError::Unsigned("it is not signed by the key that is asked for"));
        }
        _ => {}
    }
    if !first {
        let content = seal::unpack_within(packed, &protection.keys, NAME, MAX_CONTENT);
        let content = content.map_err(|e| match e {
            seal::SealError::Damaged | seal::SealError::Foreign => damaged("its content is not what was written"),
            e => PlanFileError::Sealed(e.to_string()),
        })?;
        return rmp_serde::from_slice(&content).map_err(|e| PlanFileError::Damaged(e.to_string()));
    }
    let mut content = Vec::new();
    let unpacked = GzDecoder::new(packed).take(MAX_CONTENT + 1).read_to_end(&mut content);
    unpacked.map_err(|e| PlanFileError::Damaged(e.to_string()))?;
    if content.len() as u64 > MAX_CONTENT {
        return Err(PlanFileError::TooLarge(content.len() as u64));
    }
    rmp_serde::from_slice(&content).map_err(|e| PlanFileError::Damaged(e.to_string()))
}

/// A line of at most a hundred bytes, and what follows.
fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().take(100).position(|b| *b == b'\n')?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

fn digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// Writes beside `path` and renames: either the whole file is there or what was there before. Only its owner may read it.
///
/// # Errors
/// The file cannot be written.
pub fn save(path: &Path, bytes: &[u8]) -> Result<(), PlanFileError> {
    // The file that could not be written is not the one the person named.
    let failed = |e: std::io::Error| PlanFileError::Unwritable(e.kind().to_string());
    let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}

/// Reads a file and the plan in it.
///
/// # Errors
/// [`PlanFileError`].
pub fn open(path: &Path, protection: &Protection) -> Result<Plan, PlanFileError> {
    let failed = |e: std::io::Error| PlanFileError::File(e.to_string());
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    read(&bytes, protection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Diagnostic, FileId, Source, Sources, Span};
    use crate::plan::model::*;
    use crate::plan::sequence::StepReplicas;
    use crate::spread::model::{Mode, Ratio};
    use crate::spread::tests::world;
    use crate::state::ProviderRef;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use straddle_sdk::value::{Path, Str, Type};

    /// A plan of a small world: real decisions, invented objects.
    fn plan(counts: &[u32], replicas: u32, texts: &[String]) -> Plan {
        let topology = world::zones(counts.len());
        let rules = world::workload(&topology, replicas, vec![world::level("zone", Ratio::Even)]);
        let decision = crate::spread::decide(&topology, &rules, &world::live(counts), &Mode::normal()).unwrap();
        let steps = decision.steps.iter().map(|s| StepReplicas {
            adds: s.adds.iter().map(|a| Str::new(&format!("z/{}", a.count))).collect(),
            ..StepReplicas::default()
        });
        let w = WorkloadPlan {
            steps: steps.collect(),
            rules,
            decision,
            weakened: vec![("survive.zone".into(), "was".into(), None)],
            fingerprints: BTreeMap::from([("a".into(), "b".into())]),
        };
        let changes: Vec<Change> = texts
            .iter()
            .enumerate()
            .map(|(i, text)| Change {
                prior_dependencies: std::sync::Arc::from([]),
                prior_tainted: false,
                address: format!("workload.web.sim_instance.s[\"a/{i}\"]").parse().unwrap(),
                previous_address: None,
                provider: ProviderRef::new("registry.terraform.io/straddle/sim", Some("b")),
                action: Action::Create,
                reason: Some(Reason::ReplicaRemoved),
                before: Value::null(Type::Dynamic),
                after: Value::object(vec![
                    ("name".into(), Value::string(text.as_str()).with_marks(Marks::SENSITIVE)),
                    ("id".into(), Value::unknown(Type::String)),
                ]),
                replace_paths: vec![Path::ROOT.attr("name")],
                schema_version: i as i64 - 1,
                prior_private: text.clone().into_bytes(),
                planned_private: vec![0, 255],
                dependencies: vec!["sim_network.n".parse().unwrap()],
                create_before_destroy: i % 2 == 0,
                deposed: None,
                config_known: true,
                aside: false,
                importing: None,
                before_identity: None,
                after_identity: None,
                remembered: None,
                identity_version: 0,
                site: Some(Span { file: FileId(0), range: 3..i + 4 }),
            })
            .collect();
        Plan {
            kind: Kind::Failover { lost: texts.to_vec() },
            partial: false,
            assumed: Default::default(),
            beside: Default::default(),
            lineage: "l".into(),
            serial: u64::MAX,
            sources: Sources { files: vec![Source::new("a.tf", texts.concat())] },
            variables: BTreeMap::from([("v".into(), Value::string("x"))]),
            topology,
            workloads: vec![("web".into(), w)],
            ops: (0..changes.len() as u32)
                .map(|change| Op { what: OpKind::Create { change }, after: (0..change).collect() })
                .collect(),
            changes,
            data: Vec::new(),
            deferred: Vec::new(),
            drift: Vec::new(),
            notes: Vec::new(),
            unreadable: Vec::new(),
            evidence: Vec::new(),
            courses: Default::default(),
            outputs: vec![OutputChange {
                was_sensitive: false,
                declared: None,
                name: "o".into(),
                before: None,
                after: Some(Value::list(Type::Number, vec![])),
                sensitive: true,
            }],
            survival: Default::default(),
            checked: Vec::new(),
            configuration: None,
            relevant: Vec::new(),
            left_outputs: Vec::new(),
            given: Default::default(),
            time: None,
            warnings: vec![Diagnostic::warning("w", "d")],
            origin: Origin::default(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn comes_back_as_it_was(
            counts in prop::collection::vec(0u32..6, 1..5), replicas in 0u32..12, texts in prop::collection::vec(".{0,12}", 0..5)
        ) {
            let plan = plan(&counts, replicas, &texts);
            let bytes = write(&plan, &Protection::default()).unwrap();
            let back = read(&bytes, &Protection::default()).unwrap();
            prop_assert_eq!(format!("{plan:?}"), format!("{back:?}"));
            prop_assert_eq!(write(&back, &Protection::default()).unwrap(), bytes);
        }

        #[test]
        fn a_bent_or_cut_file_is_refused(at in 0.0f64..1.0, flip in 1u8..=255, cut in any::<bool>()) {
            let mut bytes = write(&plan(&[2, 1], 4, &["x".into()]), &Protection::default()).unwrap();
            let at = ((bytes.len() - 1) as f64 * at) as usize;
            if cut { bytes.truncate(at) } else { bytes[at] ^= flip }
            prop_assert!(read(&bytes, &Protection::default()).is_err());
        }

        #[test]
        fn foreign_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(read(&bytes, &Protection::default()).err(), Some(PlanFileError::Foreign));
        }
    }

    #[test]
    fn a_right_digest_over_wrong_content_is_refused() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        // Lists in lists, deeper than any plan: refused, no stack overflown.
        packed.write_all(&[0x91; 100_000]).unwrap();
        let packed = packed.finish().unwrap();
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(format!("1\n{}\n", digest(&packed)).as_bytes());
        bytes.extend_from_slice(&packed);
        assert!(matches!(read(&bytes, &Protection::default()), Err(PlanFileError::Damaged(_))));
        let newer = [MAGIC, b"3\n"].concat();
        assert_eq!(read(&newer, &Protection::default()).err(), Some(PlanFileError::Version("3".into())));
    }

    /// Made by OpenSSL for this test.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIBLXRDYof/F0aYpn50q3FeerLU4CAI4GL/7xL4xngNt3\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEADqsm6I/GHUrvOuqsl8imMFWRwAHTPLL0wjSKCe4X3f4=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn a_signed_plan_is_that_of_its_key_and_an_encrypted_one_holds_no_secret() {
        let secret = "hunter2-hunter2";
        let plan = plan(&[2, 1], 4, &[secret.into()]);
        let key = |text: &str| Keys { current: Some(seal::Key::of_text(text).unwrap()), former: Vec::new() };
        let sign = Some(SigningKey::of_pem(PRIVATE).unwrap());
        let verify = Some(VerifyingKey::of_pem(PUBLIC).unwrap());
        let both = Protection { keys: key("correct horse battery staple"), sign, verify: verify.clone() };
        let bytes = write(&plan, &both).unwrap();
        assert_eq!(format!("{:?}", read(&bytes, &both).unwrap()), format!("{plan:?}"));
        for keys in [Keys::default(), key("another passphrase entirely")] {
            let refused = read(&bytes, &Protection { keys, ..Protection::default() });
            assert!(matches!(refused, Err(PlanFileError::Sealed(_))));
        }
        let unsigned = write(&plan, &Protection::default()).unwrap();
        let asked = Protection { verify, ..Protection::default() };
        assert_eq!(read(&unsigned, &asked).err(), Some(PlanFileError::Unsigned("it is not signed")));
        // Another's signature: the same line, over another content.
        let signature =
            line(line(line(bytes.strip_prefix(MAGIC).unwrap()).unwrap().1).unwrap().1).unwrap().0.to_owned();
        let mut forged = unsigned;
        let at = forged.windows(3).position(|w| w == b"\n-\n").unwrap() + 1;
        forged.splice(at..at + 1, signature.into_bytes());
        assert!(matches!(read(&forged, &asked), Err(PlanFileError::Unsigned(_))));
        assert!(read(&forged, &Protection::default()).is_ok());
        assert!(SigningKey::of_pem(PUBLIC).is_err() && VerifyingKey::of_pem(PRIVATE).is_err());
    }

    #[test]
    fn ephemeral_variables_are_not_stored() {
        let mut plan = plan(&[1], 1, &[]);
        plan.variables.insert("token".into(), Value::string("hush").with_marks(Marks::EPHEMERAL));
        let back = read(&write(&plan, &Protection::default()).unwrap(), &Protection::default()).unwrap();
        assert_eq!(back.variables.len(), 1);
        assert!(!back.variables.contains_key("token"));
    }

    #[test]
    fn saving_replaces_the_whole_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        std::fs::write(&path, "something longer that was there before").unwrap();
        save(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(open(&path, &Protection::default()).err(), Some(PlanFileError::Foreign));
    }
}
