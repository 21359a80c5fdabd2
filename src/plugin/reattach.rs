//! Providers that somebody else started, usually in a debugger: `TF_REATTACH_PROVIDERS`.

use super::discover::Source;
use super::handshake::Address;
use super::inside::Door;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The name of the variable.
pub const REATTACH_ENV: &str = "TF_REATTACH_PROVIDERS";

/// One running provider. It is spoken to without TLS, and never shut down or killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reattach {
    /// The major version of the protocol it speaks.
    pub protocol: u32,
    /// Where.
    pub address: Address,
}

/// Providers that run already, by their source.
pub type Running = BTreeMap<Source, Reattach>;

impl Reattach {
    /// One that is served in this program.
    pub fn inside(door: Door) -> Reattach {
        Reattach { protocol: 6, address: Address::Inside(door) }
    }
}

/// Why the variable cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("TF_REATTACH_PROVIDERS cannot be read: {0}")]
pub struct ReattachError(String);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    protocol: String,
    #[serde(default)]
    protocol_version: u32,
    addr: Addr,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Addr {
    network: String,
    string: String,
}

/// Reads the value of the variable.
pub fn parse(text: &str) -> Result<Running, ReattachError> {
    let entries: BTreeMap<String, Entry> = serde_json::from_str(text).map_err(|e| ReattachError(e.to_string()))?;
    let one = |(source, entry): (String, Entry)| {
        let wrong = |what: &str| ReattachError(format!("{source}: {what}"));
        if entry.protocol != "grpc" {
            return Err(wrong("only the protocol \"grpc\" is spoken"));
        }
        let address = match entry.addr.network.as_str() {
            "unix" => Address::Unix(PathBuf::from(entry.addr.string)),
            "tcp" => Address::Tcp(entry.addr.string.parse().map_err(|_| wrong("the address is not HOST:PORT"))?),
            _ => return Err(wrong("the network is neither \"unix\" nor \"tcp\"")),
        };
        // Before protocol 6 nobody wrote the version.
        let protocol = if entry.protocol_version == 0 { 5 } else { entry.protocol_version };
        let key = Source::parse(&source).map_err(|e| wrong(&e.to_string()))?;
        Ok((key, Reattach { protocol, address }))
    };
    entries.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_providers_print_in_debug_mode() {
        let text = r#"{"acme/foo":{"Protocol":"grpc","ProtocolVersion":6,"Pid":1,"Test":true,
            "Addr":{"Network":"unix","String":"/tmp/s"}},
            "h.example/acme/bar":{"Protocol":"grpc","Addr":{"Network":"tcp","String":"127.0.0.1:7"}}}"#;
        let read = parse(text).expect("read");
        let foo = &read[&Source::parse("acme/foo").expect("a source")];
        assert_eq!((foo.protocol, &foo.address), (6, &Address::Unix("/tmp/s".into())));
        assert_eq!(read[&Source::parse("h.example/acme/bar").expect("a source")].protocol, 5);
    }

    #[test]
    fn says_what_is_wrong() {
        assert!(parse("{").is_err());
        let netrpc = r#"{"a/b":{"Protocol":"netrpc","Addr":{"Network":"unix","String":"/s"}}}"#;
        assert!(parse(netrpc).expect_err("refused").to_string().contains("a/b"));
    }
}
