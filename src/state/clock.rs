//! The time of day: the machine's or, on a thread that simulates, the simulation's.

use super::model::Time;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

thread_local! {
    /// Whose word is taken here in the place of the machine's.
    static KEEPER: RefCell<Option<Rc<dyn Fn() -> Time>>> = const { RefCell::new(None) };
}

/// The moment it is.
pub fn now() -> Time {
    let keeper = KEEPER.with(|keeper| keeper.borrow().clone());
    keeper.map_or_else(machine, |keeper| keeper())
}

/// By this machine's clock.
fn machine() -> Time {
    let ms = |d: Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
    Time(match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => ms(since),
        Err(before) => -ms(before.duration()),
    })
}

/// Until it is dropped, this thread has another clock than the machine's.
#[must_use]
pub struct Kept(());

/// Takes `keeper`'s word for the time, on this thread.
pub fn keep(keeper: impl Fn() -> Time + 'static) -> Kept {
    KEEPER.with(|kept| *kept.borrow_mut() = Some(Rc::new(keeper)));
    Kept(())
}

impl Drop for Kept {
    fn drop(&mut self) {
        KEEPER.with(|kept| *kept.borrow_mut() = None);
    }
}
