//! What the caller says through the environment.

use base64::Engine as _;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// The name of the variable that tells a plugin it was started as one.
pub const COOKIE_ENV: &str = "TF_PLUGIN_MAGIC_COOKIE";
/// Its value, the same for every caller.
pub const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";
/// Set to `stdin` by a caller whose plugins must not outlive it: standard input is then a pipe that closes when the caller is gone.
pub const CONTROL_ENV: &str = "STRADDLE_CONTROL";

/// How a plugin was started.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    /// The caller's certificate (PEM); `None`: no TLS.
    pub client_certificate: Option<String>,
    /// Where to make the socket; `None`: the temporary directory.
    pub socket_dir: Option<PathBuf>,
    /// Ports to try where there are no Unix sockets. `None`: any.
    pub ports: Option<RangeInclusive<u16>>,
    /// Whether to end when standard input closes.
    pub control: bool,
}

/// Why a process is not a plugin.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LaunchError {
    /// Started by hand.
    #[error(
        "This program is a provider plugin: it is started by the program that uses it, not by hand. Put it where that program looks \
         for providers."
    )]
    NotStartedAsPlugin,
    /// The caller knows other protocols only.
    #[error("The caller speaks plugin protocol {0}; this provider speaks 6.")]
    Protocol(String),
}

impl Launch {
    /// Reads the environment of this process.
    pub fn from_env() -> Result<Launch, LaunchError> {
        Launch::from_vars(|name| std::env::var(name).ok())
    }

    /// As [`Launch::from_env`], from any source of variables.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Launch, LaunchError> {
        if var(COOKIE_ENV).as_deref() != Some(COOKIE) {
            return Err(LaunchError::NotStartedAsPlugin);
        }
        if let Some(versions) = var("PLUGIN_PROTOCOL_VERSIONS")
            && !versions.split(',').any(|v| v.trim() == "6")
        {
            return Err(LaunchError::Protocol(versions));
        }
        let port = |name: &str| var(name)?.trim().parse::<u16>().ok();
        let ports = match (port("PLUGIN_MIN_PORT"), port("PLUGIN_MAX_PORT")) {
            (Some(min), Some(max)) if min <= max => Some(min..=max),
            _ => None,
        };
        Ok(Launch {
            client_certificate: var("PLUGIN_CLIENT_CERT").filter(|pem| !pem.is_empty()),
            socket_dir: var("PLUGIN_UNIX_SOCKET_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from),
            ports,
            control: var(CONTROL_ENV).as_deref() == Some("stdin"),
        })
    }
}

/// Base64 as the handshake line has it: standard alphabet, no padding.
pub(super) fn unpadded_base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(vars: &[(&str, &str)]) -> Result<Launch, LaunchError> {
        Launch::from_vars(|name| vars.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn without_the_cookie_it_is_no_plugin() {
        assert_eq!(launch(&[]).expect_err("no cookie"), LaunchError::NotStartedAsPlugin);
        assert_eq!(launch(&[(COOKIE_ENV, "x")]).expect_err("wrong cookie"), LaunchError::NotStartedAsPlugin);
    }

    #[test]
    fn the_environment_is_read() {
        let all = launch(&[
            (COOKIE_ENV, COOKIE),
            ("PLUGIN_PROTOCOL_VERSIONS", "6,5"),
            ("PLUGIN_MIN_PORT", "10000"),
            ("PLUGIN_MAX_PORT", "25000"),
            ("PLUGIN_CLIENT_CERT", "pem"),
            ("PLUGIN_UNIX_SOCKET_DIR", "/d"),
            (CONTROL_ENV, "stdin"),
        ])
        .expect("a plugin");
        assert_eq!(all.ports, Some(10000..=25000));
        assert_eq!(all.client_certificate.as_deref(), Some("pem"));
        assert_eq!(all.socket_dir, Some(PathBuf::from("/d")));
        assert!(all.control);
        let bare = launch(&[(COOKIE_ENV, COOKIE)]).expect("a plugin");
        assert!(bare.client_certificate.is_none() && !bare.control && bare.ports.is_none());
    }

    #[test]
    fn a_caller_without_protocol_6_is_refused() {
        let error = launch(&[(COOKIE_ENV, COOKIE), ("PLUGIN_PROTOCOL_VERSIONS", "4,5")]).expect_err("no 6");
        assert_eq!(error, LaunchError::Protocol("4,5".to_owned()));
    }
}
