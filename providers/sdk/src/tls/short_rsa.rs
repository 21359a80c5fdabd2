//! Handshake signatures of RSA keys with fewer than 2048 bits, which the TLS library takes no more.
//!
//! Some plugin frameworks still make such keys. The key is used for one connection, and its certificate came through the pipe of the
//! process that we started; so what the signature has to prove is proved by 1024 bits as well.

use rsa::pkcs8::DecodePublicKey;
use rsa::sha2::{Sha256, Sha384};
use rsa::signature::Verifier;
use rsa::traits::PublicKeyParts;
use rsa::{RsaPublicKey, pkcs1v15, pss};
use rustls::SignatureScheme;
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;

/// The fewest bytes of a key: 1024 bits.
const SHORTEST: usize = 128;
/// From here on the TLS library's verdict is the only one: 2048 bits.
const LONG: usize = 256;

/// Whether a message is signed with the key of a certificate, and that key is a short one.
pub(super) fn is_signed(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    scheme: SignatureScheme,
    signature: &[u8],
) -> bool {
    let Ok(parsed) = ParsedCertificate::try_from(certificate) else { return false };
    let Ok(key) = RsaPublicKey::from_public_key_der(&parsed.subject_public_key_info()) else { return false };
    if !(SHORTEST..LONG).contains(&key.size()) {
        return false;
    }
    match scheme {
        SignatureScheme::RSA_PSS_SHA256 => pss::Signature::try_from(signature)
            .is_ok_and(|s| pss::VerifyingKey::<Sha256>::new(key).verify(message, &s).is_ok()),
        SignatureScheme::RSA_PSS_SHA384 => pss::Signature::try_from(signature)
            .is_ok_and(|s| pss::VerifyingKey::<Sha384>::new(key).verify(message, &s).is_ok()),
        SignatureScheme::RSA_PKCS1_SHA256 => pkcs1v15::Signature::try_from(signature)
            .is_ok_and(|s| pkcs1v15::VerifyingKey::<Sha256>::new(key).verify(message, &s).is_ok()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    /// Made with openssl: a certificate with a key of 1024 bits, and "message" signed with it (PSS, SHA-256).
    const CERTIFICATE: &str = "\
        MIICBjCCAW+gAwIBAgIUJ/KJ3RwGP/LKLSS9/KfHLWxVxN4wDQYJKoZIhvcNAQELBQAwFDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyOD\
        AxNDY0N1oYDzIxMjYxMTA0MDE0NjQ3WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwgZ8wDQYJKoZIhvcNAQEBBQADgY0AMIGJAoGBAL/icg1PNbU/\
        GM0/e/jIStZ/muT09bDDvykg7VPpVA5XP8AtAQd++oyluRCyYLGJ0uin1FIuWt2SDh6uU6NPKmW1h9ESrh6BIVOj819zHQrqDLY8akXuKlxwvk\
        MzpWF/eibkFHWZUbhCrbq5Sw415tqU9GNY5J/gmC9RaHhBj4q3AgMBAAGjUzBRMB0GA1UdDgQWBBQbOTm0+04RWWleNNRLp8dsFasebjAfBgNV\
        HSMEGDAWgBQbOTm0+04RWWleNNRLp8dsFasebjAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBCwUAA4GBALhIEbqdtKBa3UtDhpK8QKDewO\
        MhjTnogh4aq1H4WVcFgDtZ6RHrDmNQjN0ItMiIrpK5lE36sxWjJUkyJ29d7BvK54rgTQqefvinqb2Hr0uMCXCw5XMaqaJF6NzdnCGla8r0NyHV\
        uJJIqwnCFVa9n6vogYJT41yuwGXs4KbtT6rX";
    const SIGNATURE: &str = "\
        RTfm/g9ihh748xvqy5hm3Lv7Ah371sRctDQyqVZcOpxUPUkwHr5iUGbFwd2ULhrO0lD8D8YisxOVYF6Hq9kM7CdOfokVpMi25J/AysbirK3fhx\
        Xzks5jUvJIGkhRohD5lG60M28p37JO6t3aWlFkzEBt+bC7CJ22XUuUhtw+Zt8=";

    fn bytes(text: &str) -> Vec<u8> {
        base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
    }

    #[test]
    fn a_short_key_proves_itself_and_nothing_else_does() {
        let certificate = CertificateDer::from(bytes(CERTIFICATE));
        let signature = bytes(SIGNATURE);
        let pss = SignatureScheme::RSA_PSS_SHA256;
        assert!(is_signed(b"message", &certificate, pss, &signature));
        assert!(!is_signed(b"massage", &certificate, pss, &signature));
        assert!(!is_signed(b"message", &certificate, SignatureScheme::RSA_PKCS1_SHA256, &signature));
        assert!(!is_signed(b"message", &certificate, pss, &signature[1..]));
        assert!(!is_signed(b"message", &CertificateDer::from(vec![0x30, 0]), pss, &signature));
        let long = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
        assert!(!is_signed(b"message", long.cert.der(), pss, &signature), "a key of another kind");
    }
}
