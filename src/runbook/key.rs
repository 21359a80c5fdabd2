//! One secret of 32 bytes: an Ed25519 key that signs, and, derived from it, the key that seals.

use crate::state::seal::{self, Keys};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

/// Bytes of the secret.
const SECRET: usize = 32;
/// What a private key of Ed25519 begins with in PKCS #8.
const PKCS8: &[u8] = &[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Why there is no key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// None is given.
    #[error("{0} is not set")]
    Missing(String),
    /// It cannot be read.
    #[error("{0}: {1}")]
    Unreadable(String, String),
    /// It is none.
    #[error(
        "{0} holds no key: neither 64 hexadecimal digits, nor 44 characters of base64, nor a PEM file of an Ed25519 key"
    )]
    Wrong(String),
    /// The library refused.
    #[error("the key cannot be used")]
    Unusable,
}

/// A key. Never printed.
pub struct Key {
    pair: Ed25519KeyPair,
    secret: [u8; SECRET],
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("public", &self.public()).finish_non_exhaustive()
    }
}

impl Key {
    /// Reads a key from a text; `place` says where it came from.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str, place: &str) -> Result<Key, KeyError> {
        let wrong = || KeyError::Wrong(place.to_string());
        let text = text.trim();
        let bytes = match text.starts_with("-----BEGIN") {
            true => {
                let inner: String = text.lines().filter(|l| !l.starts_with("-----")).map(str::trim).collect();
                let der = STANDARD.decode(inner).map_err(|_| wrong())?;
                der.strip_prefix(PKCS8).ok_or_else(wrong)?.to_vec()
            }
            false => HEXLOWER_PERMISSIVE
                .decode(text.as_bytes())
                .ok()
                .or_else(|| STANDARD.decode(text).ok())
                .ok_or_else(wrong)?,
        };
        Key::of(bytes.try_into().map_err(|_| wrong())?)
    }

    /// A new key, by chance.
    ///
    /// # Errors
    /// The machine has no chance to give.
    pub fn random() -> Result<Key, KeyError> {
        let mut secret = [0; SECRET];
        aws_lc_rs::rand::fill(&mut secret).map_err(|_| KeyError::Unusable)?;
        Key::of(secret)
    }

    fn of(secret: [u8; SECRET]) -> Result<Key, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&secret).map_err(|_| KeyError::Unusable)?;
        Ok(Key { pair, secret })
    }

    /// The secret in hexadecimal digits: for whoever asks for it by name, and for nobody else.
    pub fn secret(&self) -> String {
        HEXLOWER.encode(&self.secret)
    }

    /// The public half in hexadecimal digits.
    pub fn public(&self) -> String {
        HEXLOWER.encode(self.pair.public_key().as_ref())
    }

    /// Signs.
    pub fn sign(&self, bytes: &[u8]) -> String {
        HEXLOWER.encode(self.pair.sign(bytes).as_ref())
    }

    /// What seals and opens: derived from the secret, so that one secret is all there is to keep.
    ///
    /// # Errors
    /// The library refuses.
    pub fn sealing(&self) -> Result<Keys, KeyError> {
        let mut bytes = [0; SECRET];
        let salt = Salt::new(HKDF_SHA256, b"straddle runbook");
        let whole = salt.extract(&self.secret);
        let derived = whole.expand(&[b"sealing, version 1"], HKDF_SHA256).map_err(|_| KeyError::Unusable)?;
        derived.fill(&mut bytes).map_err(|_| KeyError::Unusable)?;
        Ok(Keys { current: Some(seal::Key::of_bytes(&bytes)), former: Vec::new() })
    }
}

/// Whether a signature is that of a public key; both in hexadecimal digits.
pub fn is_signed(public: &str, bytes: &[u8], signature: &str) -> bool {
    let bytes_of = |text: &str| HEXLOWER_PERMISSIVE.decode(text.as_bytes());
    let (Ok(public), Ok(signature)) = (bytes_of(public), bytes_of(signature)) else { return false };
    UnparsedPublicKey::new(&ED25519, public).verify(bytes, &signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_in_three_forms() {
        let seed = [7u8; 32];
        let public = Key::of(seed).unwrap().public();
        let mut der = PKCS8.to_vec();
        der.extend(seed);
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der));
        for text in [HEXLOWER.encode(&seed), STANDARD.encode(seed), pem] {
            assert_eq!(Key::parse(&text, "here").unwrap().public(), public);
        }
        for text in ["", "key", "00", "zz", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
            assert!(matches!(Key::parse(text, "here"), Err(KeyError::Wrong(_))), "{text}");
        }
        assert!(!format!("{:?}", Key::of(seed).unwrap()).contains(&HEXLOWER.encode(&seed)));
    }

    #[test]
    fn only_the_same_key_and_context_open() {
        let (key, other) = (Key::random().unwrap(), Key::random().unwrap());
        let sealed = seal::pack(b"secret", &key.sealing().unwrap(), "a");
        let open = |key: &Key, name: &str, bytes: &[u8]| seal::unpack(bytes, &key.sealing().unwrap(), name).ok();
        assert_eq!(open(&key, "a", &sealed).as_deref(), Some(&b"secret"[..]));
        assert_eq!(open(&key, "b", &sealed), None);
        assert_eq!(open(&other, "a", &sealed), None);
        assert_eq!(open(&key, "a", &sealed[..5]), None);
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert_eq!(open(&key, "a", &bent), None, "{at}");
        }
        let signature = key.sign(b"text");
        assert!(is_signed(&key.public(), b"text", &signature));
        assert!(!is_signed(&key.public(), b"texT", &signature) && !is_signed(&other.public(), b"text", &signature));
    }
}
