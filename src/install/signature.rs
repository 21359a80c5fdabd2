//! OpenPGP signatures of publishers.

use pgp::composed::{Deserializable, DetachedSignature, SignedPublicKey};

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignatureError {
    /// Nobody to have signed it.
    #[error("the registry names no key that signed the list of checksums")]
    NoKeys,
    /// A key that cannot be read.
    #[error("a key of the registry cannot be read: {0}")]
    Key(String),
    /// A signature that cannot be read.
    #[error("the signature of the list of checksums cannot be read: {0}")]
    Signature(String),
    /// Somebody else, or another text.
    #[error("the list of checksums is not signed by any key of the registry: it may have been tampered with")]
    Mismatch,
}

/// Whether one of the keys, or a signing subkey of one, has signed the text. Keys that have expired since count, as in Terraform:
/// what was published does not become wrong.
pub(super) fn check<'k>(
    text: &[u8],
    signature: &[u8],
    keys: impl Iterator<Item = &'k str>,
) -> Result<(), SignatureError> {
    let read = |e: pgp::errors::Error| SignatureError::Signature(e.to_string());
    let signature = match DetachedSignature::from_bytes(signature) {
        Ok(signature) => signature,
        Err(_) => DetachedSignature::from_armor_single(signature).map_err(read)?.0,
    };
    let mut unreadable = None;
    let mut any = false;
    for armor in keys {
        any = true;
        let (key, _) = match SignedPublicKey::from_armor_single(armor.as_bytes()) {
            Ok(key) => key,
            Err(error) => {
                unreadable = Some(SignatureError::Key(error.to_string()));
                continue;
            }
        };
        let by_subkey = || {
            key.public_subkeys
                .iter()
                .any(|sub| signature.verify(&sub.key, text).is_ok() && sub.verify_bindings(&key.primary_key).is_ok())
        };
        if signature.verify(&key.primary_key, text).is_ok() || by_subkey() {
            return Ok(());
        }
    }
    Err(match unreadable {
        Some(error) => error,
        None if any => SignatureError::Mismatch,
        None => SignatureError::NoKeys,
    })
}
