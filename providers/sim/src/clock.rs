//! Time as the clouds see it. The only module of this crate that asks the machine for the time, or waits.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, or a length of time in milliseconds.
pub type Millis = i64;

/// Tells the time and waits.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970. May go back: a store keeps its own time from falling (see [`crate::store`]).
    fn now(&self) -> Millis;

    /// Resolves when so many milliseconds have passed.
    fn pause(&self, length: Millis) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
    }

    fn pause(&self, length: Millis) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(Duration::from_millis(u64::try_from(length).unwrap_or(0))))
    }
}

/// A clock that stands still until told otherwise; waiting moves it. For tests that run the clouds in-process.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: Millis) -> ManualClock {
        ManualClock(AtomicI64::new(now))
    }

    /// Moves the clock; a negative length moves it back.
    pub fn advance(&self, length: Millis) {
        self.0.fetch_add(length, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        self.0.load(Ordering::SeqCst)
    }

    fn pause(&self, length: Millis) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.advance(length.max(0));
        Box::pin(std::future::ready(()))
    }
}
