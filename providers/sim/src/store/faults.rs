//! Requests that go wrong on purpose, and requests that come too fast. Both are counted in the store, so that all processes share
//! one sequence and a seed gives the same faults every time.

use super::{Caller, Tx};
use crate::error::{Fail, Refusal, StoreError};
use crate::model::{FaultKind, Op};
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use std::collections::BTreeMap;

/// How often, and after which seed, a kind of request goes wrong in which way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// Which requests.
    pub op: Op,
    /// What happens.
    pub kind: FaultKind,
    /// The part of them, from 0 (none: the fault is taken away) to 1 (all).
    pub rate: f64,
    /// The same seed strikes the same requests.
    pub seed: u64,
}

/// A fault and how many requests it has been drawn for.
#[derive(Debug)]
pub(super) struct Rule {
    fault: Fault,
    drawn: u64,
    changed: bool,
}

/// When a cloud with a rate limit takes its next request, in microseconds since 1970, had none been early.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace(i64);

impl Tx<'_> {
    /// The faults set, by operation and kind.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().map(|rule| &rule.fault)
    }

    /// Sets a fault, from its beginning; rate 0 takes it away.
    pub fn set_fault(&mut self, fault: Fault) -> Result<(), Fail> {
        if !(0.0..=1.0).contains(&fault.rate) {
            let why = format!("{} is not between 0 and 1; 0.2 strikes every fifth request on average", fault.rate);
            return Err(Refusal::Invalid { attribute: "rate", why }.into());
        }
        self.faults.retain(|rule| (rule.fault.op, rule.fault.kind) != (fault.op, fault.kind));
        self.c.execute("DELETE FROM fault WHERE op = ?1 AND kind = ?2", (fault.op.word(), fault.kind.word()))?;
        if fault.rate > 0.0 {
            self.faults.push(Rule { fault, drawn: 0, changed: true });
            self.faults.sort_by_key(|rule| (rule.fault.op, rule.fault.kind));
        }
        Ok(())
    }

    /// Takes all faults away.
    pub(super) fn clear_faults(&mut self) -> Result<(), StoreError> {
        self.faults.clear();
        self.c.execute("DELETE FROM fault", [])?;
        Ok(())
    }

    /// What befalls the next request of this kind: the first fault that strikes; those after it are not drawn.
    pub(super) fn draw(&mut self, op: Op) -> Option<FaultKind> {
        self.faults.iter_mut().filter(|rule| rule.fault.op == op).find_map(|rule| {
            let struck = strikes(&rule.fault, rule.drawn);
            rule.drawn = rule.drawn.wrapping_add(1);
            rule.changed = true;
            struck.then_some(rule.fault.kind)
        })
    }

    /// Why the next request of a cloud with a rate limit would be refused as one too many; takes none.
    pub fn full(&self, who: &Caller) -> Result<Option<Refusal>, StoreError> {
        match self.next_pace(who)? {
            Some(Err(refusal)) => Ok(Some(refusal)),
            _ => Ok(None),
        }
    }

    /// Takes one request of a cloud with a rate limit, or says how long to wait.
    pub(super) fn pace(&mut self, who: &Caller) -> Result<(), Fail> {
        if let Some(next) = self.next_pace(who)? {
            self.paces.insert(who.cloud.clone(), next?);
        }
        Ok(())
    }

    /// The pace after one more request. `None`: there is no limit.
    fn next_pace(&self, who: &Caller) -> Result<Option<Result<Pace, Refusal>>, StoreError> {
        let Some(rate) = who.rate_limit else { return Ok(None) };
        let pace = match self.paces.get(&who.cloud) {
            Some(pace) => *pace,
            None => stored_pace(self.c, &who.cloud)?,
        };
        // Microseconds: a rate of a million a second, or of one an hour, is still kept.
        let interval = (1e6 / rate).clamp(1.0, 3.6e9) as i64;
        let burst = 1_000_000.max(interval);
        let now = self.now.saturating_mul(1000);
        let latest = now.saturating_add(burst).saturating_add(interval);
        let next = pace.0.clamp(now, latest).saturating_add(interval);
        let early = next.saturating_sub(now.saturating_add(burst));
        if early > 0 {
            return Ok(Some(Err(Refusal::Throttled { retry_after: early.saturating_add(999) / 1000 })));
        }
        Ok(Some(Ok(Pace(next))))
    }
}

/// Whether a fault strikes the n-th request.
fn strikes(fault: &Fault, n: u64) -> bool {
    let salt = ((fault.op as u64) << 8) | fault.kind as u64;
    let drawn = mix(mix(fault.seed ^ salt.rotate_left(48)).wrapping_add(n));
    // 53 bits: all that a double between 0 and 1 can tell apart.
    ((drawn >> 11) as f64) < fault.rate * (1_u64 << 53) as f64
}

/// A bijection of 64 bits whose outputs look random (the finaliser of SplitMix64).
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

pub(super) fn load(c: &Connection) -> Result<Vec<Rule>, StoreError> {
    let mut statement = c.prepare_cached("SELECT op, kind, rate, seed, drawn FROM fault")?;
    let mut rows = statement.query([])?;
    let mut rules = Vec::new();
    while let Some(row) = rows.next()? {
        let (op, kind): (String, String) = (row.get(0)?, row.get(1)?);
        let op = op.parse().map_err(|_| StoreError::Damaged(format!("operation {op:?} of a fault")))?;
        let kind = kind.parse().map_err(|_| StoreError::Damaged(format!("kind {kind:?} of a fault")))?;
        let fault = Fault { op, kind, rate: row.get(2)?, seed: row.get::<_, i64>(3)?.cast_unsigned() };
        rules.push(Rule { fault, drawn: row.get::<_, i64>(4)?.cast_unsigned(), changed: false });
    }
    rules.sort_by_key(|rule| (rule.fault.op, rule.fault.kind));
    Ok(rules)
}

pub(super) fn flush(c: &Connection, rules: &mut [Rule]) -> Result<(), StoreError> {
    for rule in rules.iter_mut().filter(|rule| rule.changed) {
        let Fault { op, kind, rate, seed } = &rule.fault;
        c.prepare_cached("INSERT OR REPLACE INTO fault VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
            op.word(),
            kind.word(),
            rate,
            seed.cast_signed(),
            rule.drawn.cast_signed(),
        ))?;
        rule.changed = false;
    }
    Ok(())
}

fn stored_pace(c: &Connection, cloud: &str) -> Result<Pace, StoreError> {
    let mut statement = c.prepare_cached("SELECT next_at FROM pace WHERE cloud = ?1")?;
    Ok(Pace(statement.query_row([cloud], |row| row.get(0)).optional()?.unwrap_or(0)))
}

pub(super) fn flush_paces(c: &Connection, paces: &BTreeMap<String, Pace>) -> Result<(), StoreError> {
    for (cloud, pace) in paces {
        c.prepare_cached("INSERT OR REPLACE INTO pace VALUES (?1, ?2)")?.execute((cloud, pace.0))?;
    }
    Ok(())
}
