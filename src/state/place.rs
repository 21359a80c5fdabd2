//! Where a state is kept: a directory of this machine, or a server that many use.

use super::seal::Keys;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a holder of a shared lock may be silent before it counts as dead, unless the configuration says otherwise.
pub const LEASE: Duration = Duration::from_secs(60);

/// Where a state is kept.
#[derive(Clone, Debug)]
pub enum Place {
    /// One file in a directory, the default.
    Directory(Local),
    /// On a server.
    Shared(Arc<SharedPlace>),
}

/// A directory with a state.
#[derive(Clone, Debug)]
pub struct Local {
    /// The directory.
    pub path: PathBuf,
    /// What its content is encrypted with.
    pub keys: Keys,
}

/// A state on a server.
#[derive(Clone, Debug)]
pub struct SharedPlace {
    /// Which server.
    pub server: Server,
    /// The state's name there; the workspace's follows it.
    pub name: String,
    /// The workspace.
    pub workspace: String,
    /// How long a holder of its lock may be silent before it counts as dead.
    pub lease: Duration,
    /// What its content is encrypted with.
    pub keys: Keys,
    /// The directory that asks. A state still lying there would be taken for gone.
    pub directory: PathBuf,
}

/// A server for states.
#[derive(Clone, Debug)]
pub enum Server {
    /// A PostgreSQL database.
    Postgres(PostgresServer),
    /// A bucket of an object store that speaks S3.
    S3(S3Server),
}

/// How a database is reached.
#[derive(Clone)]
pub struct PostgresServer {
    /// As libpq takes it: an address or words. May hold a password; never printed.
    pub connection: String,
    /// The schema the tables are in.
    pub schema: String,
}

impl std::fmt::Debug for PostgresServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PostgresServer({})", self.schema)
    }
}

/// How a bucket is reached.
#[derive(Clone)]
pub struct S3Server {
    /// Where the store answers, for example `https://s3.ap-northeast-2.amazonaws.com`.
    pub endpoint: String,
    /// The bucket.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// The bucket's name stands in the path, not in the host's name.
    pub path_style: bool,
    /// Access key, secret, session token. Never printed.
    pub credentials: Option<(String, String, Option<String>)>,
}

impl std::fmt::Debug for S3Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "S3Server({} at {})", self.bucket, self.endpoint)
    }
}

impl SharedPlace {
    /// The name of the place in messages. A path because every message about a state names one.
    pub fn label(&self) -> PathBuf {
        let SharedPlace { name, workspace, .. } = self;
        match &self.server {
            Server::Postgres(server) => format!("postgres://{}/{name}/{workspace}", server.schema).into(),
            Server::S3(server) => format!("s3://{}/{name}/{workspace}", server.bucket).into(),
        }
    }

    /// What the names of all pieces of this state begin with.
    pub(super) fn root(&self) -> String {
        format!("{}/{}/", self.name, self.workspace)
    }
}

impl Place {
    /// A directory whose state is in the clear.
    pub fn directory(path: impl Into<PathBuf>) -> Place {
        Place::Directory(Local { path: path.into(), keys: Keys::default() })
    }

    /// On a server.
    pub fn is_shared(&self) -> bool {
        matches!(self, Place::Shared(_))
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Place {
        Place::directory(path)
    }
}

impl From<&PathBuf> for Place {
    fn from(path: &PathBuf) -> Place {
        Place::directory(path)
    }
}

impl From<&Place> for Place {
    fn from(place: &Place) -> Place {
        place.clone()
    }
}
