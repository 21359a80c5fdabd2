//! `rsadecrypt`: RSA with PKCS #1 v1.5 padding, the way passwords of new Windows machines are handed out.
//!
//! Keys come in PEM: PKCS #1, PKCS #8 or OpenSSH's own form, none of them encrypted. The arithmetic is not blinded: nobody but
//! the caller, who has the key, sees how long it takes.

use super::words::quoted;
use super::{Call, Function, FunctionError, Param, Returns, Shape};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigUint;
use straddle_sdk::value::Value;

/// The longest modulus, in bits: beyond it decryption takes seconds.
const MAX_BITS: u64 = 8192;

pub(super) static FUNCTIONS: &[Function] = &[Function::new(
    "rsadecrypt",
    &[Param::new("ciphertext", Shape::String), Param::new("privatekey", Shape::String)],
    Returns::Always(Shape::String),
    rsa_decrypt,
)];

/// What of a private key decrypts.
struct Key {
    modulus: BigUint,
    exponent: BigUint,
}

fn rsa_decrypt(call: &Call<'_>) -> Result<Value, FunctionError> {
    let text = call.text(0)?;
    let ciphertext = STANDARD.decode(text.replace(['\r', '\n'], "")).map_err(|_| {
        FunctionError::quoting(
            format!("failed to decode input {}: cipher text must be base64-encoded", quoted(text)),
            "failed to decode input: cipher text must be base64-encoded",
        )
        .at(0)
    })?;
    let key =
        parse_key(call.text(1)?).map_err(|why| FunctionError::told(format!("invalid private key: {why}")).at(1))?;
    let failed = || FunctionError::new("failed to decrypt: crypto/rsa: decryption error");
    let message = decrypt(&key, &ciphertext).ok_or_else(failed)?;
    let message = String::from_utf8(message);
    message.map(Value::string).map_err(|_| FunctionError::new("the decrypted text is not valid UTF-8"))
}

/// The message without its padding: nought, two, at least eight bytes that are not nought, nought.
fn decrypt(key: &Key, ciphertext: &[u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(key.modulus.bits().div_ceil(8)).ok()?;
    let number = BigUint::from_bytes_be(ciphertext);
    if ciphertext.len() > length || number >= key.modulus {
        return None;
    }
    let plain = number.modpow(&key.exponent, &key.modulus).to_bytes_be();
    // The nought in front is not written.
    if plain.len() + 1 != length {
        return None;
    }
    let padded = plain.strip_prefix(&[2])?;
    let end = padded.iter().position(|b| *b == 0).filter(|end| *end >= 8)?;
    padded.get(end + 1..).map(<[u8]>::to_vec)
}

fn parse_key(text: &str) -> Result<Key, String> {
    let (kind, body) = pem(text).ok_or("ssh: no key found")?;
    if body.contains("ENCRYPTED") {
        return Err("ssh: this private key is passphrase protected".to_owned());
    }
    let bytes = STANDARD.decode(body.split_whitespace().collect::<String>()).map_err(|_| "ssh: no key found")?;
    let key = match kind {
        "RSA PRIVATE KEY" => pkcs1(&bytes),
        "PRIVATE KEY" => return pkcs8(&bytes),
        "OPENSSH PRIVATE KEY" => return openssh(&bytes),
        "EC PRIVATE KEY" | "DSA PRIVATE KEY" => return Err(format!("it is no RSA key but an {kind}")),
        other => return Err(format!("ssh: unsupported key type {}", quoted(other))),
    };
    checked(key)
}

fn checked(key: Option<Key>) -> Result<Key, String> {
    match key {
        Some(key) if key.modulus.bits() > MAX_BITS || key.exponent >= key.modulus => {
            Err(format!("only moduli of up to {MAX_BITS} bits are supported"))
        }
        Some(key) => Ok(key),
        None => Err("asn1: structure error: it is no RSA key".to_owned()),
    }
}

/// What the first block of a PEM text is called, and what is in it.
fn pem(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (kind, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    Some((kind, body))
}

/// A value of ASN.1 in DER by its tag, and what follows.
fn der(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = bytes.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let mut length = usize::from(*first);
    if length >= 0x80 {
        let (digits, after) = rest.split_at_checked(length - 0x80)?;
        if digits.len() > 4 {
            return None;
        }
        length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        rest = after;
    }
    if *found == tag { rest.split_at_checked(length) } else { None }
}

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// 1.2.840.113549.1.1.1
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// Version, modulus, public exponent, private exponent, and what makes it faster.
fn pkcs1(bytes: &[u8]) -> Option<Key> {
    let (inside, _) = der(bytes, SEQUENCE)?;
    let (_version, rest) = der(inside, INTEGER)?;
    let (modulus, rest) = der(rest, INTEGER)?;
    let (_public, rest) = der(rest, INTEGER)?;
    let (exponent, _) = der(rest, INTEGER)?;
    Some(Key { modulus: BigUint::from_bytes_be(modulus), exponent: BigUint::from_bytes_be(exponent) })
}

/// Version, algorithm, and a key of that algorithm.
fn pkcs8(bytes: &[u8]) -> Result<Key, String> {
    let parts = || {
        let (inside, _) = der(bytes, SEQUENCE)?;
        let (_version, rest) = der(inside, INTEGER)?;
        let (algorithm, rest) = der(rest, SEQUENCE)?;
        let (algorithm, _) = der(algorithm, OBJECT)?;
        let (key, _) = der(rest, OCTETS)?;
        Some((algorithm, key))
    };
    match parts() {
        Some((RSA, key)) => checked(pkcs1(key)),
        Some(_) => Err("it is no RSA key".to_owned()),
        None => checked(None),
    }
}

/// OpenSSH's form: strings with their length before them.
fn openssh(bytes: &[u8]) -> Result<Key, String> {
    fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        rest.split_at_checked(u32::from_be_bytes(*length) as usize)
    }
    let outer = || {
        let rest = bytes.strip_prefix(b"openssh-key-v1\0")?;
        let (cipher, rest) = string(rest)?;
        let (_derivation, rest) = string(rest)?;
        let (_options, rest) = string(rest)?;
        let (_count, rest) = rest.split_first_chunk::<4>()?;
        let (_public, rest) = string(rest)?;
        let (private, _) = string(rest)?;
        Some((cipher, private))
    };
    let inner = |private| {
        let (_check, rest) = <[u8]>::split_first_chunk::<8>(private)?;
        let (kind, rest) = string(rest)?;
        let (modulus, rest) = string(rest)?;
        let (_public, rest) = string(rest)?;
        let (exponent, _) = string(rest)?;
        let key = Key { modulus: BigUint::from_bytes_be(modulus), exponent: BigUint::from_bytes_be(exponent) };
        (kind == b"ssh-rsa").then_some(key)
    };
    match outer() {
        Some((b"none", private)) => checked(inner(private)),
        Some(_) => Err("ssh: this private key is passphrase protected".to_owned()),
        None => checked(None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fails, is, run, s, secret};

    const CIPHERTEXT: &str = include_str!("testdata/rsa-ciphertext.txt");
    const KEYS: [&str; 3] = [
        include_str!("testdata/rsa-pkcs1.pem"),
        include_str!("testdata/rsa-pkcs8.pem"),
        include_str!("testdata/rsa-openssh.pem"),
    ];

    /// Keys and text made with openssl and ssh-keygen for this test.
    #[test]
    fn decrypts() {
        for key in KEYS {
            is("rsadecrypt", &[s(CIPHERTEXT), s(key)], s("hello é"));
            is("rsadecrypt", &[s(CIPHERTEXT), s(&format!("before\n{key}after"))], s("hello é"));
        }
        is("rsadecrypt", &[s(CIPHERTEXT), secret(s(KEYS[0]))], secret(s("hello é")));
    }

    #[test]
    fn refuses() {
        fails(
            "rsadecrypt",
            &[s("!!"), s(KEYS[0])],
            "failed to decode input \"!!\": cipher text must be base64-encoded",
        );
        for text in ["", "aGk="] {
            fails("rsadecrypt", &[s(text), s(KEYS[0])], "failed to decrypt: crypto/rsa: decryption error");
        }
        let certificate = "-----BEGIN CERTIFICATE-----\naGk=\n-----END CERTIFICATE-----\n";
        for (key, want) in [
            ("x", "ssh: no key found"),
            (certificate, "ssh: unsupported key type \"CERTIFICATE\""),
            (include_str!("testdata/ec.pem"), "it is no RSA key but an EC PRIVATE KEY"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\naGk=\n-----END RSA PRIVATE KEY-----",
                "asn1: structure error: it is no RSA key",
            ),
        ] {
            fails("rsadecrypt", &[s(CIPHERTEXT), s(key)], &format!("invalid private key: {want}"));
        }
    }

    /// INV-10
    #[test]
    fn damaged_keys_are_refused() {
        for key in KEYS {
            for at in 0..key.len() {
                for with in ["A", "/", "="] {
                    let mut damaged = key.to_owned();
                    damaged.replace_range(at..=at, with);
                    if at % 7 == 0 {
                        drop(run("rsadecrypt", &[s("aGk="), s(&damaged)]));
                    }
                }
                drop(run("rsadecrypt", &[s("aGk="), s(&key[..at])]));
            }
        }
    }
}
