//! A provider in this program: the protocol is the whole one, and only the process and its socket are left out.

use std::fmt;
use std::sync::Arc;
use tokio::io::DuplexStream;

/// The way to a provider that whoever made it serves. Each opening is a provider of its own, as a process would be.
#[derive(Clone)]
pub struct Door(Arc<dyn Fn() -> DuplexStream + Send + Sync>);

impl Door {
    /// A door that `open` opens: it gives the caller's end of a stream and serves a provider at the other.
    pub fn new(open: impl Fn() -> DuplexStream + Send + Sync + 'static) -> Door {
        Door(Arc::new(open))
    }

    /// The caller's end.
    pub(super) fn open(&self) -> DuplexStream {
        (self.0)()
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door")
    }
}

impl PartialEq for Door {
    fn eq(&self, other: &Door) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Door {}
