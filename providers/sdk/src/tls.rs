//! AutoMTLS: each side makes a one-use certificate, and each trusts exactly the one it was told of.
//!
//! The certificates are marked as authorities (Terraform's are), so web PKI refuses them as leaves. What is checked instead is
//! stricter: the certificate is byte for byte the expected one, and the peer holds its key. Keys are ECDSA P-521, what Go's side
//! makes; every peer met takes it.

mod short_rsa;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};
use std::sync::Arc;

/// The name in every certificate, and the one asked for.
pub const SERVER_NAME: &str = "localhost";

/// Why a secure channel could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The one-use certificate could not be made.
    #[error("a one-use certificate could not be made: {0}")]
    Generate(#[from] rcgen::Error),
    /// The text given is no certificate.
    #[error("the peer's certificate cannot be read: {0}")]
    Pem(rustls::pki_types::pem::Error),
    /// The TLS library refused certificate or key.
    #[error("TLS could not be set up: {0}")]
    Setup(#[from] Error),
}

/// A one-use certificate and its key.
#[derive(Debug)]
pub struct Identity {
    certificate: CertificateDer<'static>,
    pem: String,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Identity {
    /// Makes one; takes about a millisecond.
    pub fn generate() -> Result<Identity, TlsError> {
        use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512)?;
        let mut params = CertificateParams::new(vec![SERVER_NAME.to_owned()])?;
        // Fixed dates: the certificate lives as long as the process, whatever the clocks say.
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(2100, 1, 1);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, SERVER_NAME);
        params.distinguished_name.push(DnType::OrganizationName, "straddle");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::KeyAgreement,
            KeyUsagePurpose::KeyCertSign,
        ];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.self_signed(&key)?;
        Ok(Identity {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()),
        })
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.certificate
    }

    /// The certificate in PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// For a server that talks to the holder of `client` (PEM) only.
    pub fn server(&self, client: &str) -> Result<ServerConfig, TlsError> {
        let expected = CertificateDer::from_pem_slice(client.as_bytes()).map_err(TlsError::Pem)?;
        let (pinned, crypto) = Pinned::new(expected);
        let mut config = ServerConfig::builder_with_provider(crypto)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_client_cert_verifier(pinned)
            .with_single_cert(vec![self.certificate.clone()], PrivateKeyDer::Pkcs8(self.key.clone_key()))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        // One connection for the life of the process: nothing to resume.
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    /// For a client that talks to the holder of `server` (DER) only.
    pub fn client(&self, server: &[u8]) -> Result<ClientConfig, TlsError> {
        let (pinned, crypto) = Pinned::new(CertificateDer::from(server.to_vec()));
        let mut config = ClientConfig::builder_with_provider(crypto)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .dangerous()
            .with_custom_certificate_verifier(pinned)
            .with_client_auth_cert(vec![self.certificate.clone()], PrivateKeyDer::Pkcs8(self.key.clone_key()))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        Ok(config)
    }
}

/// Accepts one certificate and no other, from who can sign with its key.
#[derive(Debug)]
struct Pinned {
    expected: CertificateDer<'static>,
    crypto: Arc<CryptoProvider>,
}

impl Pinned {
    fn new(expected: CertificateDer<'static>) -> (Arc<Pinned>, Arc<CryptoProvider>) {
        let crypto = Arc::new(aws_lc_rs::default_provider());
        (Arc::new(Pinned { expected, crypto: crypto.clone() }), crypto)
    }

    fn check(&self, presented: &CertificateDer<'_>) -> Result<(), Error> {
        if presented.as_ref() == self.expected.as_ref() {
            Ok(())
        } else {
            Err(Error::InvalidCertificate(rustls::CertificateError::ApplicationVerificationFailure))
        }
    }

    fn signature12(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verdict =
            verify_tls12_signature(message, certificate, signed, &self.crypto.signature_verification_algorithms);
        or_short(verdict, message, certificate, signed)
    }

    fn signature13(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verdict =
            verify_tls13_signature(message, certificate, signed, &self.crypto.signature_verification_algorithms);
        or_short(verdict, message, certificate, signed)
    }
}

/// The library's verdict, unless it refuses the key for its length alone.
fn or_short(
    verdict: Result<HandshakeSignatureValid, Error>,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    match verdict {
        Err(_) if short_rsa::is_signed(message, certificate, signed.scheme, signed.signature()) => {
            Ok(HandshakeSignatureValid::assertion())
        }
        verdict => verdict,
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature12(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature13(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.crypto.signature_verification_algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature12(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature13(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.crypto.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{ClientConnection, ServerConnection};

    /// Runs a handshake in memory; says how it ended on either side.
    fn shake(client: ClientConfig, server: ServerConfig) -> Result<(), Error> {
        let name = ServerName::try_from(SERVER_NAME).expect("a name");
        let mut client = ClientConnection::new(Arc::new(client), name)?;
        let mut server = ServerConnection::new(Arc::new(server))?;
        for _ in 0..10 {
            let mut wire = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut wire).expect("memory");
            }
            let mut rest = wire.as_slice();
            while !rest.is_empty() {
                server.read_tls(&mut rest).expect("memory");
            }
            server.process_new_packets()?;
            let mut wire = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut wire).expect("memory");
            }
            let mut rest = wire.as_slice();
            while !rest.is_empty() {
                client.read_tls(&mut rest).expect("memory");
            }
            client.process_new_packets()?;
            if !client.is_handshaking() && !server.is_handshaking() {
                return Ok(());
            }
        }
        panic!("the handshake does not end");
    }

    #[test]
    fn both_sides_accept_exactly_the_certificate_they_were_told_of() {
        let (ours, theirs, other) = (
            Identity::generate().expect("made"),
            Identity::generate().expect("made"),
            Identity::generate().expect("made"),
        );
        let client = |pin: &Identity| ours.client(pin.der()).expect("set up");
        let server = |pin: &Identity| theirs.server(pin.pem()).expect("set up");
        assert_eq!(shake(client(&theirs), server(&ours)), Ok(()));
        assert!(shake(client(&other), server(&ours)).is_err(), "the client was told of another server");
        assert!(shake(client(&theirs), server(&other)).is_err(), "the server was told of another client");
    }

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        let (ours, theirs, other) = (
            Identity::generate().expect("made"),
            Identity::generate().expect("made"),
            Identity::generate().expect("made"),
        );
        // Whoever stole the certificate but not the key.
        let key = aws_lc_rs::sign::any_ecdsa_type(&PrivateKeyDer::Pkcs8(other.key)).expect("a key");
        let stolen = rustls::sign::CertifiedKey::new(vec![theirs.certificate.clone()], key);
        let mut thief = theirs.server(ours.pem()).expect("set up");
        thief.cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(stolen));
        let refused = shake(ours.client(theirs.der()).expect("set up"), thief).expect_err("no key, no channel");
        assert!(matches!(refused, Error::InvalidCertificate(rustls::CertificateError::BadSignature)), "{refused:?}");
    }

    #[test]
    fn text_that_is_no_certificate_is_an_error() {
        assert!(Identity::generate().expect("made").server("no certificate").is_err());
    }
}
