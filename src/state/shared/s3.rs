//! Pieces as objects of a bucket. Requests are signed in their address, so that no header has to be.

use super::super::place::S3Server;
use super::blobs::{Blob, Fault, Put};
use rusty_s3::actions::ListObjectsV2;
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::http::Response;
use ureq::tls::{RootCerts, TlsConfig};

/// How long a signed request may be on its way.
const VALID: Duration = Duration::from_secs(300);
/// Pieces are no larger than this.
const MOST: u64 = 4 << 30;

pub(super) struct S3 {
    bucket: Bucket,
    credentials: Option<Credentials>,
    agent: Agent,
}

impl S3 {
    pub fn of(server: &S3Server) -> Result<S3, Fault> {
        let endpoint =
            server.endpoint.parse().map_err(|e| Fault::lasting(format!("its endpoint is no address: {e}")))?;
        let style = if server.path_style { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let bucket = Bucket::new(endpoint, style, server.bucket.clone(), server.region.clone())
            .map_err(|e| Fault::lasting(format!("its endpoint cannot be used: {e}")))?;
        let credentials = server.credentials.as_ref().map(|(key, secret, token)| match token {
            Some(token) => Credentials::new_with_token(key, secret, token),
            None => Credentials::new(key, secret),
        });
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .user_agent(concat!("straddle/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(Duration::from_secs(30)))
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .new_agent();
        Ok(S3 { bucket, credentials, agent })
    }

    pub fn get(&self, key: &str) -> Result<Option<Blob>, Fault> {
        let url = self.bucket.get_object(self.credentials.as_ref(), key).sign(VALID);
        let response = sent(self.agent.get(url.as_str()).call())?;
        match response.status().as_u16() {
            200 => {
                let tag = header(&response, "etag").ok_or_else(|| Fault::lasting("the server gives no entity tags"))?;
                let age = age(&response);
                Ok(Some(Blob { tag: tag.to_owned(), age, body: body(response)? }))
            }
            404 => self.missing(response).map(|()| None),
            status => Err(refusal(status, "read", response)),
        }
    }

    /// Something is not there: the object, unless it is the bucket itself.
    fn missing(&self, response: Answer) -> Result<(), Fault> {
        let no_bucket = body(response)?.windows(12).any(|w| w == b"NoSuchBucket");
        if no_bucket { Err(Fault::lasting(format!("there is no bucket {}", self.bucket.name()))) } else { Ok(()) }
    }

    pub fn list(&self, prefix: &str) -> Result<Vec<String>, Fault> {
        let mut names = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut action = self.bucket.list_objects_v2(self.credentials.as_ref());
            action.with_prefix(prefix);
            if let Some(token) = &token {
                action.with_continuation_token(token.as_str());
            }
            let response = sent(self.agent.get(action.sign(VALID).as_str()).call())?;
            let status = response.status().as_u16();
            if status != 200 {
                return Err(refusal(status, "list", response));
            }
            let text = String::from_utf8(body(response)?).map_err(|_| Fault::lasting("its list is no text"))?;
            let page = ListObjectsV2::parse_response(&text)
                .map_err(|e| Fault::lasting(format!("its list cannot be understood: {e}")))?;
            names.extend(page.contents.into_iter().map(|object| object.key));
            match page.next_continuation_token {
                Some(next) => token = Some(next),
                None => return Ok(names),
            }
        }
    }

    pub fn put(&self, key: &str, bytes: &[u8], over: Option<&str>) -> Result<Put, Fault> {
        let url = self.bucket.put_object(self.credentials.as_ref(), key).sign(VALID);
        let request = self.agent.put(url.as_str());
        let request = match over {
            Some(tag) => request.header("If-Match", tag),
            None => request.header("If-None-Match", "*"),
        };
        let response = sent(request.send(bytes))?;
        match response.status().as_u16() {
            200 | 201 => {
                let tag = header(&response, "etag").ok_or_else(|| Fault::lasting("the server gives no entity tags"))?;
                Ok(Put::Done(tag.to_owned()))
            }
            412 => Ok(Put::Taken),
            // To write over what is gone is to write over something else.
            404 => self.missing(response).map(|()| Put::Taken),
            409 => Err(Fault::passing("another write to the same object is under way")),
            status => Err(refusal(status, "write", response)),
        }
    }

    pub fn delete(&self, keys: &[String]) -> Result<(), Fault> {
        for key in keys {
            let url = self.bucket.delete_object(self.credentials.as_ref(), key).sign(VALID);
            let response = sent(self.agent.delete(url.as_str()).call())?;
            match response.status().as_u16() {
                200 | 204 | 404 => {}
                status => return Err(refusal(status, "delete", response)),
            }
        }
        Ok(())
    }
}

type Answer = Response<ureq::Body>;

fn sent(answer: Result<Answer, ureq::Error>) -> Result<Answer, Fault> {
    // The address carries a signature: of errors only the kind is told.
    answer.map_err(|error| {
        let why = match error {
            ureq::Error::Io(e) => e.to_string(),
            ureq::Error::Timeout(_) => "it did not answer in time".into(),
            ureq::Error::HostNotFound => "there is no such host".into(),
            ureq::Error::ConnectionFailed => "the connection failed".into(),
            ureq::Error::Tls(what) => format!("TLS: {what}"),
            ureq::Error::Rustls(e) => format!("TLS: {e}"),
            _ => "the answer was cut off or is no HTTP".into(),
        };
        Fault::passing(why)
    })
}

fn header<'a>(response: &'a Answer, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

fn body(response: Answer) -> Result<Vec<u8>, Fault> {
    let expected: Option<usize> = header(&response, "content-length").and_then(|n| n.parse().ok());
    let mut bytes = Vec::new();
    let mut reader = response.into_body().into_with_config().limit(MOST).reader();
    reader.read_to_end(&mut bytes).map_err(|e| Fault::passing(format!("the answer was cut off: {e}")))?;
    if expected.is_some_and(|n| n != bytes.len()) {
        return Err(Fault::passing("the answer was cut off"));
    }
    Ok(bytes)
}

/// How old an object is by the server's own clocks: when it answered less when it was written.
fn age(response: &Answer) -> Duration {
    let moment = |name| {
        let text = header(response, name)?;
        jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp().as_second())
    };
    match (moment("date"), moment("last-modified")) {
        (Some(now), Some(then)) => Duration::from_secs(u64::try_from(now - then).unwrap_or(0)),
        _ => Duration::ZERO,
    }
}

fn refusal(status: u16, doing: &str, response: Answer) -> Fault {
    let text = body(response).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map_or("", |(code, _)| code);
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).take(60).collect();
    let why = match status {
        401 | 403 => format!("it does not allow to {doing} there ({status} {code})"),
        501 => format!("it cannot {doing} on a condition ({status} {code}), and a shared state needs that"),
        _ => format!("it answered {status} {code} to the request to {doing}"),
    };
    if status >= 500 && status != 501 || status == 429 { Fault::passing(why) } else { Fault::lasting(why) }
}
