//! One configured connection to a cloud: its store, its pace, its patience.

use super::config::Config;
use crate::clock::{Clock, Millis};
use crate::error::{Refusal, StoreError};
use crate::store::{Store, Tx};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::{Handle, RuntimeFlavor};

/// The first wait after a request was throttled without a rate limit to wait for, and the longest; it doubles.
const BACKOFF: (Millis, Millis) = (100, 2_000);
/// The wait before a request that hangs is looked at again.
const HANGING: Millis = 20;
/// Rounds of requests that may end with nothing done.
const FRUITLESS: u32 = 6;

/// A configured provider's way to its store.
pub(super) struct Session {
    pub config: Config,
    pub clock: Arc<dyn Clock>,
    store: Mutex<Option<Store>>,
    stopped: AtomicBool,
}

impl Session {
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Session {
        Session { config, clock, store: Mutex::new(None), stopped: AtomicBool::new(false) }
    }

    /// From now on nothing is asked again.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// One request that changes things: the store is made if there is none.
    pub async fn write<T: Send + 'static>(
        self: &Arc<Session>,
        work: impl FnOnce(&Session, &mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.request(move |session, open| {
            let store = match open {
                Some(store) => store,
                None => open.insert(Store::open_or_create(&session.config.store)?),
            };
            store.write(session.clock.now(), |tx| work(session, tx))
        })
        .await
    }

    /// One request that only looks: without a store, there is nothing.
    pub async fn read<T: Send + 'static>(
        self: &Arc<Session>,
        work: impl FnOnce(&Session, &mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.request(move |session, open| {
            let mut nothing;
            let store = match open {
                Some(store) => store,
                None => match existing(&session.config.store)? {
                    Some(store) => open.insert(store),
                    None => {
                        nothing = Store::in_memory()?;
                        &mut nothing
                    }
                },
            };
            let counted = session.config.caller.rate_limit.is_some();
            store.read(session.clock.now(), counted, |tx| work(session, tx))
        })
        .await
    }

    /// Waits as long as a request takes, then works on the store, off the threads that serve connections where there are others.
    async fn request<T: Send + 'static>(
        self: &Arc<Session>,
        work: impl FnOnce(&Session, &mut Option<Store>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.config.latency > 0 {
            self.clock.pause(self.config.latency).await;
        }
        let session = self.clone();
        let work = move || {
            let mut store = session.store.lock().unwrap_or_else(PoisonError::into_inner);
            work(&session, &mut store)
        };
        // Where there is one thread, everything takes its turn: a simulation then goes the same way every time.
        if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
            return work();
        }
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|_| Err(StoreError::Damaged("a request broke off".into())))
    }

    /// Waits before asking again; `false`: give up. `fruitless` counts the rounds in a row that ended with nothing done.
    pub async fn wait(&self, why: &Refusal, fruitless: u32) -> bool {
        // Nobody can talk a request out of hanging.
        if matches!(why, Refusal::Hanging(_)) {
            self.clock.pause(HANGING).await;
            return true;
        }
        if self.stopped.load(Ordering::SeqCst) || fruitless > FRUITLESS {
            return false;
        }
        let backoff = (BACKOFF.0 << fruitless.min(10)).min(BACKOFF.1);
        let length = match why {
            Refusal::Throttled { retry_after } => (*retry_after).max(1),
            _ => 0,
        };
        self.clock.pause(if fruitless > 0 { length.max(backoff) } else { length.max(1) }).await;
        true
    }
}

fn existing(path: &Path) -> Result<Option<Store>, StoreError> {
    match Store::open(path) {
        Ok(store) => Ok(Some(store)),
        Err(StoreError::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
