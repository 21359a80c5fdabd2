//! The one line a plugin prints.

use super::inside::Door;
use base64::Engine as _;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where a plugin listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket.
    Unix(PathBuf),
    /// A port, normally of the loopback interface.
    Tcp(SocketAddr),
    /// In this program. No plugin says this of itself.
    Inside(Door),
}

/// What the line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The major version of the protocol it will speak.
    pub protocol: u32,
    /// Where.
    pub address: Address,
    /// Its certificate (DER); `None`: it speaks without TLS.
    pub certificate: Option<Vec<u8>>,
}

/// Why a line is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// Not the line of a plugin at all.
    #[error("it printed {0:?}, which is not how a plugin begins")]
    Unrecognised(String),
    /// A plugin of another kind.
    #[error("it speaks {what} {found:?}, and {wanted} is needed")]
    Unsupported {
        /// Which field.
        what: &'static str,
        /// What it says.
        found: String,
        /// What would do.
        wanted: &'static str,
    },
    /// A field that cannot be read.
    #[error("its {what} {found:?} cannot be read")]
    Unreadable {
        /// Which field.
        what: &'static str,
        /// What it says.
        found: String,
    },
}

/// Certificates are longer; old servers put other short data in their place.
const SHORTEST_CERTIFICATE: usize = 50;

impl Handshake {
    /// Reads `CORE|APP|NETWORK|ADDRESS|PROTO[|CERTIFICATE[|...]]`.
    pub fn parse(line: &str) -> Result<Handshake, HandshakeError> {
        let line = line.trim();
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        let [core, app, network, address, rest @ ..] = fields.as_slice() else {
            return Err(HandshakeError::Unrecognised(shown(line)));
        };
        let unsupported = |what, found: &str, wanted| HandshakeError::Unsupported { what, found: shown(found), wanted };
        let unreadable = |what, found: &str| HandshakeError::Unreadable { what, found: shown(found) };
        if *core != "1" {
            return match core.parse::<u32>() {
                Ok(_) => Err(unsupported("handshake version", core, "1")),
                Err(_) => Err(HandshakeError::Unrecognised(shown(line))),
            };
        }
        let protocol = app.parse().map_err(|_| unreadable("protocol version", app))?;
        let address = match *network {
            "unix" if !address.is_empty() => Address::Unix(PathBuf::from(address)),
            "tcp" => Address::Tcp(address.parse().map_err(|_| unreadable("address", address))?),
            "unix" => return Err(unreadable("address", address)),
            other => return Err(unsupported("network", other, "unix or tcp")),
        };
        let transport = rest.first().copied().unwrap_or("netrpc");
        if transport != "grpc" {
            return Err(unsupported("transport", transport, "grpc"));
        }
        let certificate = match rest.get(1) {
            Some(text) if text.len() > SHORTEST_CERTIFICATE => {
                let standard = base64::engine::general_purpose::STANDARD_NO_PAD;
                let der = standard.decode(text.trim_end_matches('=')).map_err(|_| unreadable("certificate", text))?;
                Some(der)
            }
            _ => None,
        };
        Ok(Handshake { protocol, address, certificate })
    }
}

/// Text of a stranger, short and in one line.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(120).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_plugins_print() {
        let tls = Handshake::parse(&format!("1|6|unix|/tmp/p|grpc|{}\n", "QUJD".repeat(20))).expect("a handshake");
        assert_eq!(tls.protocol, 6);
        assert_eq!(tls.address, Address::Unix(PathBuf::from("/tmp/p")));
        assert_eq!(tls.certificate, Some(b"ABC".repeat(20)));
        let plain = Handshake::parse("1|5|tcp|127.0.0.1:10000|grpc|").expect("a handshake");
        assert_eq!(plain.protocol, 5);
        assert_eq!(plain.address, Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 10000))));
        assert_eq!(plain.certificate, None);
        let multiplexed = Handshake::parse("1|6|unix|/s|grpc||true|more").expect("further fields are passed over");
        assert_eq!(multiplexed.certificate, None);
    }

    #[test]
    fn refuses_everything_else_by_name() {
        for (line, words) in [
            ("", "not how a plugin begins"),
            ("hello", "not how a plugin begins"),
            ("usage: a|b|c|d", "not how a plugin begins"),
            ("2|6|unix|/s|grpc", "handshake version"),
            ("1|x|unix|/s|grpc", "protocol version"),
            ("1|6|pipe|/s|grpc", "network"),
            ("1|6|unix||grpc", "address"),
            ("1|6|tcp|nowhere|grpc", "address"),
            ("1|6|unix|/s", "transport"),
            ("1|6|unix|/s|netrpc", "transport"),
        ] {
            let error = Handshake::parse(line).expect_err(line).to_string();
            assert!(error.contains(words), "{line:?}: {error}");
        }
        let bad = format!("1|6|unix|/s|grpc|{}", "!".repeat(60));
        assert!(Handshake::parse(&bad).is_err_and(|e| e.to_string().contains("certificate")));
        assert!(Handshake::parse(&"x".repeat(100_000)).expect_err("no handshake").to_string().len() < 600);
    }
}
