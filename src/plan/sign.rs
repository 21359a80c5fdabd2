//! Signatures of saved plans: whoever reviewed a plan signs it, and `apply` carries out what that key has signed.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::sync::Arc;

/// What an Ed25519 key in SubjectPublicKeyInfo begins with; 32 bytes follow.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Why a key is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignError {
    /// Not a private key.
    #[error("it is no Ed25519 private key in PEM (openssl genpkey -algorithm ed25519)")]
    Private,
    /// Not a public key.
    #[error("it is no Ed25519 public key in PEM (openssl pkey -pubout)")]
    Public,
}

/// Signs. Never printed.
#[derive(Clone)]
pub struct SigningKey(Arc<Ed25519KeyPair>);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(...)")
    }
}

impl SigningKey {
    /// From PKCS#8 in PEM.
    ///
    /// # Errors
    /// It is something else.
    pub fn of_pem(text: &str) -> Result<SigningKey, SignError> {
        let der = pem(text, "PRIVATE KEY").ok_or(SignError::Private)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| SignError::Private)?;
        Ok(SigningKey(Arc::new(pair)))
    }

    /// The signature of a text, in base64.
    pub(super) fn sign(&self, text: &[u8]) -> String {
        STANDARD.encode(self.0.sign(text))
    }
}

/// Tells whether a signature is good.
#[derive(Clone, Debug)]
pub struct VerifyingKey(Vec<u8>);

impl VerifyingKey {
    /// From SubjectPublicKeyInfo in PEM.
    ///
    /// # Errors
    /// It is something else.
    pub fn of_pem(text: &str) -> Result<VerifyingKey, SignError> {
        let der = pem(text, "PUBLIC KEY").ok_or(SignError::Public)?;
        let raw = der.strip_prefix(&SPKI).filter(|raw| raw.len() == 32).ok_or(SignError::Public)?;
        Ok(VerifyingKey(raw.to_vec()))
    }

    pub(super) fn is_good(&self, text: &[u8], signature: &str) -> bool {
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        UnparsedPublicKey::new(&ED25519, &self.0).verify(text, &signature).is_ok()
    }
}

/// The bytes between the lines of that name.
fn pem(text: &str, name: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {name}-----"))?;
    let (inside, _) = rest.split_once(&format!("-----END {name}-----"))?;
    let inside: String = inside.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(inside).ok()
}
