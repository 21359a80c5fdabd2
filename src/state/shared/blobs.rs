//! Named pieces of bytes on a server, with the two conditions everything rests on: only if there is none yet, only if it is
//! still the one that was read.

use super::super::error::StateError;
use super::super::place::{Server, SharedPlace};
use super::postgres::Postgres;
use super::s3::S3;
use std::path::PathBuf;
use std::time::Duration;

/// Pauses before a request whose answer did not come is made again.
const PAUSES: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(400), Duration::from_millis(1500)];

/// What a server did not do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Fault {
    /// In its words; no secret is in them.
    pub why: String,
    /// It may go better at once: the connection was cut, the server is overloaded.
    pub passing: bool,
}

impl Fault {
    pub fn lasting(why: impl Into<String>) -> Fault {
        Fault { why: why.into(), passing: false }
    }

    pub fn passing(why: impl Into<String>) -> Fault {
        Fault { why: why.into(), passing: true }
    }
}

/// A piece.
pub(super) struct Blob {
    pub body: Vec<u8>,
    /// Tells whether it is still the same.
    pub tag: String,
    /// How long ago it was written, by the server's own clock.
    pub age: Duration,
}

/// What became of a conditional write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Put {
    /// Written; the tag it has now.
    Done(String),
    /// The condition did not hold. Nothing was written.
    Taken,
}

/// A server's pieces below one state's name.
pub(super) struct Blobs {
    server: Connected,
    root: String,
    /// For messages.
    pub label: PathBuf,
}

enum Connected {
    Postgres(Box<Postgres>),
    S3(Box<S3>),
}

impl Blobs {
    /// Prepares to ask a server; nothing is sent yet.
    pub fn of(place: &SharedPlace) -> Result<Blobs, StateError> {
        let label = place.label();
        let server = match &place.server {
            Server::Postgres(server) => Postgres::of(server).map(|p| Connected::Postgres(Box::new(p))),
            Server::S3(server) => S3::of(server).map(|s| Connected::S3(Box::new(s))),
        };
        let server = server.map_err(|f| StateError::Unreachable { path: label.clone(), why: f.why })?;
        Ok(Blobs { server, root: place.root(), label })
    }

    /// Asks until there is an answer, or too often.
    fn patiently<T>(&self, ask: impl Fn() -> Result<T, Fault>) -> Result<(T, bool), StateError> {
        let mut pauses = PAUSES.iter();
        let mut again = false;
        loop {
            let fault = match ask() {
                Ok(answer) => return Ok((answer, again)),
                Err(fault) => fault,
            };
            match pauses.next().filter(|_| fault.passing) {
                Some(pause) => std::thread::sleep(*pause),
                None => return Err(StateError::Unreachable { path: self.label.clone(), why: fault.why }),
            }
            again = true;
        }
    }

    /// A piece, if there is one.
    pub fn get(&self, name: &str) -> Result<Option<Blob>, StateError> {
        let name = format!("{}{name}", self.root);
        let asked = self.patiently(|| match &self.server {
            Connected::Postgres(server) => server.get(&name),
            Connected::S3(server) => server.get(&name),
        });
        asked.map(|(found, _)| found)
    }

    /// The names of all pieces that begin so, sorted.
    pub fn list(&self, prefix: &str) -> Result<Vec<String>, StateError> {
        let prefix = format!("{}{prefix}", self.root);
        let asked = self.patiently(|| match &self.server {
            Connected::Postgres(server) => server.list(&prefix),
            Connected::S3(server) => server.list(&prefix),
        });
        let (names, _) = asked?;
        let mut names: Vec<String> =
            names.into_iter().filter_map(|n| n.strip_prefix(&self.root).map(str::to_owned)).collect();
        names.sort();
        Ok(names)
    }

    /// Writes a piece if there is none of the name. A piece is never equal to another's: when the answer was lost, finding the
    /// same bytes says that they arrived.
    pub fn put_new(&self, name: &str, body: &[u8]) -> Result<Put, StateError> {
        self.put(name, body, None)
    }

    /// Writes a piece over the one that was read.
    pub fn put_over(&self, name: &str, body: &[u8], tag: &str) -> Result<Put, StateError> {
        self.put(name, body, Some(tag))
    }

    fn put(&self, name: &str, body: &[u8], over: Option<&str>) -> Result<Put, StateError> {
        let full = format!("{}{name}", self.root);
        let (put, again) = self.patiently(|| match &self.server {
            Connected::Postgres(server) => server.put(&full, body, over),
            Connected::S3(server) => server.put(&full, body, over),
        })?;
        if put == Put::Taken
            && again
            && let Some(there) = self.get(name)?
            && there.body == body
        {
            return Ok(Put::Done(there.tag));
        }
        Ok(put)
    }

    /// Removes pieces; those that are not there are no fault.
    pub fn delete(&self, names: &[String]) -> Result<(), StateError> {
        let full: Vec<String> = names.iter().map(|name| format!("{}{name}", self.root)).collect();
        let asked = self.patiently(|| match &self.server {
            Connected::Postgres(server) => server.delete(&full),
            Connected::S3(server) => server.delete(&full),
        });
        asked.map(|_| ())
    }

    /// The state another program keeps under the name this one is derived from: Terraform's.
    pub fn terraforms(&self, name: &str, workspace: &str) -> Result<Option<Vec<u8>>, StateError> {
        let asked = self.patiently(|| match &self.server {
            Connected::Postgres(server) => server.terraforms(workspace),
            Connected::S3(server) => {
                let key = if workspace == "default" { name.to_owned() } else { format!("env:/{workspace}/{name}") };
                server.get(&key).map(|blob| blob.map(|blob| blob.body))
            }
        });
        asked.map(|(found, _)| found)
    }
}

/// The workspaces that have a state at a place.
pub(super) fn workspaces(place: &SharedPlace) -> Result<Vec<String>, StateError> {
    let mut blobs = Blobs::of(place)?;
    blobs.root = format!("{}/", place.name);
    let mut found: Vec<String> = blobs
        .list("")?
        .iter()
        .filter_map(|name| name.split_once('/'))
        .map(|(workspace, _)| workspace.to_owned())
        .collect();
    found.dedup();
    Ok(found)
}
