//! HTTP: the only part of the program that uses the network.

use crate::plugin::cli_config::Secret;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, ResponseExt};

/// Documents are no larger than this.
const MOST_DOCUMENT: u64 = 16 << 20;
/// Packages are no larger than this.
const MOST_PACKAGE: u64 = 4 << 30;
/// How often a request is made again after a failure that may pass.
const RETRIES: u32 = 1;

/// Why a request failed. The address never holds a secret: tokens travel in headers.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No answer.
    #[error("{url}: {why}")]
    Transport {
        /// Asked for.
        url: String,
        /// Why.
        why: String,
    },
    /// An answer that is not the thing.
    #[error("{url}: the server answered with status {status}")]
    Status {
        /// Asked for.
        url: String,
        /// The answer's code.
        status: u16,
    },
    /// The thing, but not what it should be.
    #[error("{url}: the answer cannot be understood: {why}")]
    Content {
        /// Asked for.
        url: String,
        /// Why.
        why: String,
    },
}

impl HttpError {
    /// There is no such thing there.
    pub fn is_missing(&self) -> bool {
        matches!(self, HttpError::Status { status: 404 | 410, .. })
    }

    /// Who asks may not have it.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, HttpError::Status { status: 401 | 403, .. })
    }
}

/// A client. Cloning shares its connections.
#[derive(Clone)]
pub struct Http {
    agent: Agent,
    tokens: Arc<BTreeMap<String, Secret>>,
}

/// An answer, its body not read yet.
pub(super) struct Answer {
    /// Where the answer came from in the end.
    pub(super) url: String,
    response: ureq::http::Response<ureq::Body>,
}

impl Http {
    /// A client that shows each host its token.
    pub fn new(tokens: BTreeMap<String, Secret>) -> Http {
        let tls = TlsConfig::builder()
            // What the system trusts, or `SSL_CERT_FILE`: companies have their own authorities.
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .user_agent(concat!("straddle/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(timeout()))
            .max_redirects(5)
            .http_status_as_error(false)
            .build()
            .new_agent();
        Http { agent, tokens: Arc::new(tokens) }
    }

    /// Asks for something. `host`: whose token to show, where the address is that host's own.
    pub(super) fn get(&self, url: &str, host: Option<&str>) -> Result<Answer, HttpError> {
        let mut left = RETRIES;
        loop {
            let answer = self.once(url, host);
            let passing = match &answer {
                Err(HttpError::Transport { .. }) => true,
                Err(HttpError::Status { status, .. }) => *status >= 500 || *status == 429,
                _ => false,
            };
            if !passing || left == 0 {
                return answer;
            }
            left -= 1;
        }
    }

    fn once(&self, url: &str, host: Option<&str>) -> Result<Answer, HttpError> {
        let mut request = self.agent.get(url).header("X-Terraform-Version", crate::lang::version::LANGUAGE.to_string());
        if let Some(token) = host.and_then(|host| self.tokens.get(host)) {
            request = request.header("Authorization", format!("Bearer {}", token.0));
        }
        let response = request.call().map_err(|e| HttpError::Transport { url: url.to_owned(), why: e.to_string() })?;
        let status = response.status().as_u16();
        if !(200..300).contains(&status) {
            return Err(HttpError::Status { url: url.to_owned(), status });
        }
        Ok(Answer { url: response.get_uri().to_string(), response })
    }

    /// A document in JSON, and where it came from.
    pub(super) fn json<T: DeserializeOwned>(&self, url: &str, host: Option<&str>) -> Result<(T, String), HttpError> {
        let answer = self.get(url, host)?;
        let from = answer.url.clone();
        let text = answer.text()?;
        let value = serde_json::from_slice(&text)
            .map_err(|e| HttpError::Content { url: url.to_owned(), why: e.to_string() })?;
        Ok((value, from))
    }

    /// Everything at an address, into a file.
    pub(super) fn download(&self, url: &str, host: Option<&str>, into: &mut dyn Write) -> Result<(), HttpError> {
        let answer = self.get(url, host)?;
        let failed = |e: io::Error| HttpError::Transport { url: url.to_owned(), why: e.to_string() };
        let mut body = answer.response.into_body().into_with_config().limit(MOST_PACKAGE).reader();
        io::copy(&mut body, into).map_err(failed)?;
        into.flush().map_err(failed)
    }
}

impl Answer {
    /// A header of the answer.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The whole body, which is a document.
    pub(super) fn text(self) -> Result<Vec<u8>, HttpError> {
        let mut text = Vec::new();
        let mut body = self.response.into_body().into_with_config().limit(MOST_DOCUMENT).reader();
        let read = body.read_to_end(&mut text);
        read.map_err(|e| HttpError::Transport { url: self.url.clone(), why: e.to_string() })?;
        Ok(text)
    }
}

/// How long a server may take to begin its answer; as in Terraform by `TF_REGISTRY_CLIENT_TIMEOUT` in seconds.
fn timeout() -> Duration {
    let seconds = std::env::var("TF_REGISTRY_CLIENT_TIMEOUT").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.filter(|n| *n > 0).unwrap_or(10))
}

/// Sends a document and wants no answer but that it was taken.
///
/// # Errors
/// It was not.
pub fn post_json(url: &str, headers: &[(String, String)], body: &str, patience: Duration) -> Result<(), HttpError> {
    let http = Http::new(BTreeMap::new());
    let mut request = http.agent.post(url).header("Content-Type", "application/json");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let failed = |why: String| HttpError::Transport { url: url.to_owned(), why };
    let request = request.config().timeout_global(Some(patience)).build();
    let answer = request.send(body).map_err(|e| failed(e.to_string()))?;
    let status = answer.status().as_u16();
    if (200..300).contains(&status) { Ok(()) } else { Err(HttpError::Status { url: url.to_owned(), status }) }
}

/// An address relative to the document it is written in.
pub(super) fn joined(base: &str, relative: &str) -> Option<String> {
    if relative.starts_with("https://") || relative.starts_with("http://") {
        return Some(relative.to_owned());
    }
    let (scheme, rest) = base.split_once("://")?;
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if let Some(other) = relative.strip_prefix("//") {
        return Some(format!("{scheme}://{other}"));
    }
    if relative.contains("://") {
        return None;
    }
    let directory = if relative.starts_with('/') { "" } else { path.rsplit_once('/').map_or("", |(dir, _)| dir) };
    let mut parts: Vec<&str> = directory.split('/').filter(|p| !p.is_empty()).collect();
    let (relative, query) = relative.split_once('?').map_or((relative, None), |(path, query)| (path, Some(query)));
    let count = relative.split('/').count();
    for (i, part) in relative.split('/').enumerate() {
        match part {
            // In a module's address `//` in the middle means something.
            "" if i > 0 && i + 1 < count => parts.push(part),
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let slash = if relative.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    let query = query.map_or(String::new(), |q| format!("?{q}"));
    Some(format!("{scheme}://{authority}/{}{slash}{query}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn addresses_are_relative_to_their_document() {
        for (base, relative, whole) in [
            ("https://h/.well-known/terraform.json", "/v1/providers/", "https://h/v1/providers/"),
            ("https://h/a/b.json", "c.zip", "https://h/a/c.zip"),
            ("https://h/a/b.json", "../c.zip?x=1", "https://h/c.zip?x=1"),
            ("https://h:8443/a/", "./b/c/", "https://h:8443/a/b/c/"),
            ("https://h/a?q=/x/", "b", "https://h/b"),
            ("https://h/a", "https://o/b", "https://o/b"),
            ("https://h/a", "//o/b", "https://o/b"),
            ("https://h/a", "/b.zip//c?x=y", "https://h/b.zip//c?x=y"),
        ] {
            assert_eq!(joined(base, relative).as_deref(), Some(whole), "{base} {relative}");
        }
        assert_eq!(joined("https://h/a", "file:///etc/passwd"), None);
    }
}
