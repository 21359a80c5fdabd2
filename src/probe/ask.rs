//! One question: does it answer as it should, seen from this machine.

use crate::plan::probes::{Check, Saw};
use futures_util::{StreamExt, stream};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfigGroup, ResolverConfig};
use hickory_resolver::name_server::TokioConnectionProvider;
use hickory_resolver::proto::rr::RecordType;
use hickory_resolver::proto::{ProtoError, ProtoErrorKind};
use std::io::{ErrorKind, Read};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

/// Questions out at once.
const AT_ONCE: usize = 64;
/// Of an answer so much is read.
const MOST_BODY: u64 = 256 << 10;

/// Asks all of them, in their order.
pub(super) async fn all(checks: Vec<Check>, timeout: Duration) -> Vec<Saw> {
    stream::iter(checks).map(|check| one(check, timeout)).buffered(AT_ONCE).collect().await
}

async fn one(check: Check, timeout: Duration) -> Saw {
    let asked = async {
        match check {
            Check::Http { url, status, body } => {
                let asked = tokio::task::spawn_blocking(move || http(&url, &status, body.as_deref(), timeout));
                asked.await.unwrap_or(Saw::Nothing)
            }
            Check::Tcp { address } => match tokio::net::TcpStream::connect(&address).await {
                Ok(_) => Saw::Pass,
                Err(error) => failure(error.kind()),
            },
            Check::Dns { name, record, server, expect } => {
                dns(&name, &record, server.as_deref(), &expect, timeout).await
            }
        }
    };
    // What takes longer than it may has failed; the looker is here, so its silence says something.
    tokio::time::timeout(timeout, asked).await.unwrap_or(Saw::Fail)
}

/// A machine without a network sees nothing; it does not see that others are down.
fn failure(kind: ErrorKind) -> Saw {
    match kind {
        ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown | ErrorKind::AddrNotAvailable => Saw::Nothing,
        _ => Saw::Fail,
    }
}

fn agent() -> &'static Agent {
    static AGENT: OnceLock<Agent> = OnceLock::new();
    AGENT.get_or_init(|| {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .build();
        Agent::config_builder()
            .tls_config(tls)
            .user_agent(concat!("straddle-probe/", env!("CARGO_PKG_VERSION")))
            .max_redirects(5)
            // A connection kept from the last window would hide that none can be opened any more.
            .max_idle_connections(0)
            .http_status_as_error(false)
            .build()
            .new_agent()
    })
}

fn http(url: &str, status: &[u16], body: Option<&str>, timeout: Duration) -> Saw {
    let request = agent().get(url).config().timeout_global(Some(timeout)).build();
    let response = match request.call() {
        Ok(response) => response,
        Err(ureq::Error::Io(error)) => return failure(error.kind()),
        Err(_) => return Saw::Fail,
    };
    let code = response.status().as_u16();
    let wanted = if status.is_empty() { (200..300).contains(&code) } else { status.contains(&code) };
    let holds = match body {
        Some(text) if wanted => {
            let mut read = Vec::new();
            let whole = response.into_body().into_reader().take(MOST_BODY).read_to_end(&mut read).is_ok();
            whole && String::from_utf8_lossy(&read).contains(text)
        }
        _ => wanted,
    };
    if holds { Saw::Pass } else { Saw::Fail }
}

async fn dns(name: &str, record: &str, server: Option<&str>, expect: &[String], timeout: Duration) -> Saw {
    let Some(resolver) = resolver(server, timeout) else { return Saw::Nothing };
    let Ok(kind) = record.parse::<RecordType>() else { return Saw::Nothing };
    let found = match resolver.lookup(name, kind).await {
        Ok(found) => found,
        Err(error) => {
            return match error.proto().map(ProtoError::kind) {
                Some(ProtoErrorKind::Io(error)) => failure(error.kind()),
                _ => Saw::Fail,
            };
        }
    };
    let plain = |text: &str| text.trim_matches('"').trim_end_matches('.').to_ascii_lowercase();
    let answers: Vec<String> = found.iter().map(|data| plain(&data.to_string())).collect();
    let all = expect.iter().all(|wanted| answers.contains(&plain(wanted)));
    if all && !answers.is_empty() { Saw::Pass } else { Saw::Fail }
}

/// A resolver that keeps nothing from one window to the next.
fn resolver(server: Option<&str>, timeout: Duration) -> Option<TokioResolver> {
    let mut builder = match server {
        None => TokioResolver::builder_tokio().ok()?,
        Some(server) => {
            let address = server
                .parse::<SocketAddr>()
                .ok()
                .or_else(|| Some(SocketAddr::new(server.parse::<IpAddr>().ok()?, 53)))?;
            let group = NameServerConfigGroup::from_ips_clear(&[address.ip()], address.port(), true);
            let config = ResolverConfig::from_parts(None, Vec::new(), group);
            TokioResolver::builder_with_config(config, TokioConnectionProvider::default())
        }
    };
    let options = builder.options_mut();
    options.timeout = timeout;
    options.attempts = 1;
    options.cache_size = 0;
    options.use_hosts_file = hickory_resolver::config::ResolveHosts::Never;
    Some(builder.build())
}

/// Sends a text and brings the answer; `None` for anything but one that is well.
pub(super) fn post(url: &str, bearer: Option<&str>, text: &str, timeout: Duration, most: u64) -> Option<Vec<u8>> {
    let mut request = agent().post(url).header("Content-Type", "application/json");
    if let Some(bearer) = bearer {
        request = request.header("Authorization", format!("Bearer {bearer}"));
    }
    let response = request.config().timeout_global(Some(timeout)).build().send(text).ok()?;
    if !response.status().is_success() {
        return None;
    }
    let mut read = Vec::new();
    response.into_body().into_reader().take(most).read_to_end(&mut read).ok()?;
    Some(read)
}
