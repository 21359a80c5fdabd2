//! The units of a scaling group: how many are ready, and when the others will be.

use crate::clock::Millis;
use serde::{Deserialize, Serialize};

/// Units that boot together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wave {
    /// How many.
    pub count: u64,
    /// When they are ready; `Millis::MAX`: never.
    pub ready_at: Millis,
}

/// All units of a group: waves in the order of their readiness. Their sum is what the group was told to have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Units(Vec<Wave>);

impl Units {
    /// How many there are, ready or not.
    pub fn total(&self) -> u64 {
        sum(self.0.iter())
    }

    /// How many are ready.
    pub fn ready(&self, now: Millis) -> u64 {
        sum(self.0.iter().filter(|wave| wave.ready_at <= now))
    }

    /// Launches or ends units until there are `desired`. The youngest end first.
    pub fn resize(&mut self, desired: u64, now: Millis, boot: Millis) {
        let total = self.total();
        if desired >= total {
            self.launch(desired - total, now, boot);
        } else {
            self.end_youngest(total - desired);
        }
    }

    /// Loses `count` units, the oldest first, and launches as many anew, as a scaling group does.
    pub fn lose(&mut self, count: u64, now: Millis, boot: Millis) {
        let mut left = count.min(self.total());
        let lost = left;
        for wave in &mut self.0 {
            let from_here = wave.count.min(left);
            wave.count -= from_here;
            left -= from_here;
        }
        self.launch(lost, now, boot);
    }

    /// All units boot again.
    pub fn reboot(&mut self, now: Millis, boot: Millis) {
        let total = self.total();
        self.0.clear();
        self.launch(total, now, boot);
    }

    /// No unit will ever be ready: what a half-made group is.
    pub fn never(&mut self) {
        let count = self.total();
        self.0 = vec![Wave { count, ready_at: Millis::MAX }];
    }

    fn launch(&mut self, count: u64, now: Millis, boot: Millis) {
        self.0.push(Wave { count, ready_at: now.saturating_add(boot) });
        self.tidy(now);
    }

    fn end_youngest(&mut self, count: u64) {
        let mut left = count;
        for wave in self.0.iter_mut().rev() {
            let from_here = wave.count.min(left);
            wave.count -= from_here;
            left -= from_here;
        }
        self.0.retain(|wave| wave.count > 0);
    }

    /// One wave for all that are ready, and no empty ones, so that a group's history does not grow.
    fn tidy(&mut self, now: Millis) {
        self.0.retain(|wave| wave.count > 0);
        self.0.sort_by_key(|wave| wave.ready_at);
        let booted = self.0.iter().take_while(|wave| wave.ready_at <= now).count();
        if booted > 1 {
            let count = sum(self.0[..booted].iter());
            self.0.drain(..booted - 1);
            self.0[0].count = count;
        }
    }
}

/// Also of waves read from a damaged store.
fn sum<'w>(waves: impl Iterator<Item = &'w Wave>) -> u64 {
    waves.fold(0, |sum, wave| sum.saturating_add(wave.count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_brings_ready_up_over_time() {
        let mut units = Units::default();
        units.resize(5, 0, 90);
        assert_eq!((units.total(), units.ready(89), units.ready(90)), (5, 0, 5));
        units.resize(8, 100, 90);
        assert_eq!((units.total(), units.ready(189), units.ready(190)), (8, 5, 8));
    }

    #[test]
    fn shrinking_ends_the_youngest() {
        let mut units = Units::default();
        units.resize(5, 0, 90);
        units.resize(8, 100, 90);
        units.resize(6, 110, 90);
        assert_eq!((units.total(), units.ready(110), units.ready(190)), (6, 5, 6));
        units.resize(2, 110, 90);
        assert_eq!((units.total(), units.ready(110)), (2, 2));
    }

    #[test]
    fn a_lost_unit_is_launched_anew() {
        let mut units = Units::default();
        units.resize(5, 0, 90);
        units.lose(2, 100, 90);
        assert_eq!((units.total(), units.ready(100), units.ready(190)), (5, 3, 5));
        units.lose(99, 200, 90);
        assert_eq!((units.total(), units.ready(200), units.ready(290)), (5, 0, 5));
    }

    #[test]
    fn the_history_of_a_group_stays_short() {
        let mut units = Units::default();
        for t in 0..1000 {
            units.resize(u64::try_from(t % 7).expect("small"), t * 100, 90);
            assert!(units.0.len() <= 3, "{units:?}");
        }
    }
}
