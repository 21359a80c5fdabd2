//! Bytes at rest: compressed and, where there is a key, encrypted with AES-256-GCM.
//!
//! What a piece is kept as is sealed in with it, so that pieces cannot be put in each other's place.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, pbkdf2};
use base64::Engine as _;
use data_encoding::HEXLOWER_PERMISSIVE;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::fmt;
use std::io::{Read, Write};
use std::num::NonZeroU32;

/// Begins every piece.
const MAGIC: &[u8; 4] = b"STRP";
const PLAIN: u8 = 0;
const SEALED: u8 = 1;
/// Pieces unpack to no more than this many bytes: nothing a stranger puts there fills the memory.
const MOST: u64 = 4 << 30;
/// Rounds of deriving a key from a passphrase.
const ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).unwrap();
/// Passphrases shorter than this are refused.
pub const SHORTEST_PASSPHRASE: usize = 16;

/// A key. Never printed.
#[derive(Clone)]
pub struct Key(std::sync::Arc<LessSafeKey>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(...)")
    }
}

/// Why a key is none. Never quotes it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// Nothing there.
    #[error("it is empty")]
    Empty,
    /// A passphrase anybody could try out.
    #[error(
        "it is neither 32 bytes in hexadecimal or base64 nor a passphrase of at least {SHORTEST_PASSPHRASE} characters"
    )]
    Short,
}

impl Key {
    /// A key from a text: 32 bytes in hexadecimal or base64, or a passphrase, from which 32 bytes are derived.
    ///
    /// # Errors
    /// The text is too short to be any of them.
    pub fn of_text(text: &str) -> Result<Key, KeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        if let Some(bytes) = of_hex(text).or_else(|| of_base64(text)) {
            return Ok(Key::of_bytes(&bytes));
        }
        if text.chars().count() < SHORTEST_PASSPHRASE {
            return Err(KeyError::Short);
        }
        let mut bytes = [0u8; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, b"straddle state 1", text.as_bytes(), &mut bytes);
        Ok(Key::of_bytes(&bytes))
    }

    /// A key of 32 bytes.
    pub fn of_bytes(bytes: &[u8; 32]) -> Key {
        // 32 bytes are a key of AES-256.
        #[allow(clippy::expect_used, reason = "the length is in the type")]
        let key = UnboundKey::new(&AES_256_GCM, bytes).expect("32 bytes");
        Key(std::sync::Arc::new(LessSafeKey::new(key)))
    }
}

fn of_hex(text: &str) -> Option<[u8; 32]> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok()
}

fn of_base64(text: &str) -> Option<[u8; 32]> {
    base64::engine::general_purpose::STANDARD.decode(text).ok()?.try_into().ok()
}

/// The key to write with and those that may still be needed to read. Without any, pieces are not encrypted.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Encrypts, and decrypts.
    pub current: Option<Key>,
    /// Decrypt what was written before the key was changed.
    pub former: Vec<Key>,
}

/// Why a piece cannot be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SealError {
    /// Not one of ours.
    #[error("a part of it was not written by straddle")]
    Foreign,
    /// Encrypted, and no key is configured.
    #[error("it is encrypted, and no key is given")]
    NoKey,
    /// No key that is configured opens it.
    #[error("no key that is given opens it, or it was changed after it was written")]
    WrongKey,
    /// A key is configured, and somebody has put something unencrypted there.
    #[error("a key is given, but a part of it is not encrypted")]
    NotSealed,
    /// Its bytes are not those that were written.
    #[error("a part of it is damaged")]
    Damaged,
}

/// The bytes to keep of a text.
pub fn pack(plain: &[u8], keys: &Keys, name: &str) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.push(if keys.current.is_some() { SEALED } else { PLAIN });
    let body = checked(plain);
    match &keys.current {
        None => out.extend(body),
        Some(key) => out.extend(encrypt(key, body, name)),
    }
    out
}

/// Encrypts: a nonce, and what only [`decrypt`] opens, under the same name.
pub fn encrypt(key: &Key, mut body: Vec<u8>, name: &str) -> Vec<u8> {
    let mut nonce = [0u8; NONCE_LEN];
    // The operating system's randomness does not fail once it has begun; a nonce must never be used twice.
    #[allow(clippy::expect_used, reason = "without randomness nothing may be encrypted")]
    aws_lc_rs::rand::fill(&mut nonce).expect("randomness");
    let mut out = nonce.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    #[allow(clippy::expect_used, reason = "fails only beyond 64 GiB")]
    key.0.seal_in_place_append_tag(nonce, Aad::from(name.as_bytes()), &mut body).expect("a size AES-GCM takes");
    out.extend(body);
    out
}

/// What [`encrypt`] encrypted, and whether only a former key opened it.
///
/// # Errors
/// See [`SealError`].
pub fn decrypt(keys: &Keys, bytes: &[u8], name: &str) -> Result<(Vec<u8>, bool), SealError> {
    let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN).ok_or(SealError::Damaged)?;
    if keys.current.is_none() {
        return Err(SealError::NoKey);
    }
    for (i, key) in keys.current.iter().chain(&keys.former).enumerate() {
        let mut body = sealed.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Damaged)?;
        if let Ok(plain) = key.0.open_in_place(nonce, Aad::from(name.as_bytes()), &mut body) {
            let length = plain.len();
            body.truncate(length);
            return Ok((body, i > 0));
        }
    }
    Err(SealError::WrongKey)
}

/// A compressed text with its digest before it.
fn checked(plain: &[u8]) -> Vec<u8> {
    let mut packed = digest::digest(&digest::SHA256, plain).as_ref()[..8].to_vec();
    let mut gz = GzEncoder::new(&mut packed, flate2::Compression::fast());
    // Writing into memory does not fail.
    let _ = gz.write_all(plain);
    let _ = gz.finish();
    packed
}

/// The text of bytes that [`pack`] made, kept under the same name.
///
/// # Errors
/// See [`SealError`].
pub fn unpack(bytes: &[u8], keys: &Keys, name: &str) -> Result<Vec<u8>, SealError> {
    unpack_within(bytes, keys, name, MOST)
}

/// As [`unpack`], of texts of at most so many bytes.
///
/// # Errors
/// See [`SealError`].
pub fn unpack_within(bytes: &[u8], keys: &Keys, name: &str, most: u64) -> Result<Vec<u8>, SealError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(SealError::Foreign)?;
    let (kind, rest) = rest.split_first().ok_or(SealError::Damaged)?;
    match *kind {
        PLAIN if keys.current.is_some() => Err(SealError::NotSealed),
        PLAIN => opened(rest, most),
        SEALED => opened(&decrypt(keys, rest, name)?.0, most),
        _ => Err(SealError::Foreign),
    }
}

fn opened(packed: &[u8], most: u64) -> Result<Vec<u8>, SealError> {
    let (sum, gz) = packed.split_at_checked(8).ok_or(SealError::Damaged)?;
    let mut plain = Vec::new();
    GzDecoder::new(gz).take(most).read_to_end(&mut plain).map_err(|_| SealError::Damaged)?;
    if digest::digest(&digest::SHA256, &plain).as_ref()[..8] != *sum {
        return Err(SealError::Damaged);
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_not_readable_and_comes_back() {
        let key = |text: &str| Keys { current: Some(Key::of_text(text).unwrap()), former: Vec::new() };
        let (one, other) = (key("correct horse battery staple"), key(&"7".repeat(64)));
        let plain = b"hunter2 hunter2 hunter2".repeat(20);
        let open = Keys::default();
        for keys in [&one, &other] {
            let sealed = pack(&plain, keys, "page/1");
            assert_eq!(unpack(&sealed, keys, "page/1").unwrap(), plain);
            assert_eq!(unpack(&sealed, keys, "page/2"), Err(SealError::WrongKey), "pieces change places");
            assert_eq!(unpack(&sealed, &open, "page/1"), Err(SealError::NoKey));
            assert_ne!(sealed, pack(&plain, keys, "page/1"), "a nonce was used twice");
        }
        let sealed = pack(&plain, &one, "x");
        assert_eq!(unpack(&sealed, &other, "x"), Err(SealError::WrongKey));
        let changed = Keys { former: vec![one.current.clone().unwrap()], ..other };
        assert_eq!(unpack(&sealed, &changed, "x").unwrap(), plain);
        assert_eq!(unpack(&pack(&plain, &open, "x"), &one, "x"), Err(SealError::NotSealed));
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(unpack(&damaged, &one, "x").is_err(), "byte {at}");
            assert!(unpack(&sealed[..at], &one, "x").is_err(), "cut at {at}");
        }
    }

    #[test]
    fn short_keys_are_refused() {
        assert_eq!(Key::of_text(" ").err(), Some(KeyError::Empty));
        assert_eq!(Key::of_text("too short").err(), Some(KeyError::Short));
        assert!(Key::of_text(&"ab".repeat(32)).is_ok());
    }
}
