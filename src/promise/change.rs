//! Windows, freezes, approvals and a cap on removals: what may be changed when. A repair and the answer to a loss are never frozen.

use super::model::{Promises, Window};
use crate::spread::model::Site;
use crate::tongue::{Arg, Words};
use std::collections::BTreeSet;
use std::str::FromStr;

/// What a plan would do, as far as the rules of change are concerned.
#[derive(Clone, Copy, Debug, Default)]
pub struct Planned<'a> {
    /// It only mends what is broken, or answers a loss.
    pub mends: bool,
    /// Rules that are gone or weaker than those last applied, as `web:survive.zone`.
    pub weakens: &'a [String],
    /// Replicas taken away for good.
    pub removes: u64,
}

/// What stands against carrying a plan out now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// What, and until when.
    pub why: Words,
    /// The block.
    pub site: Site,
}

/// One person's word: `kim`, `kim=web:survive.zone`, `kim=removals`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Approval {
    /// Who.
    pub by: String,
    /// Of what; `None`: of the whole change.
    pub of: Option<String>,
}

/// What an approval of removals names.
pub const REMOVALS: &str = "removals";

impl FromStr for Approval {
    type Err = String;

    fn from_str(text: &str) -> Result<Approval, String> {
        let (by, of) = match text.split_once('=') {
            None => (text.trim(), None),
            Some((by, of)) => (by.trim(), Some(of.trim())),
        };
        if by.is_empty() || of == Some("") {
            return Err("write NAME, NAME=WORKLOAD:RULE or NAME=removals, for example kim=web:survive.zone".into());
        }
        Ok(Approval { by: by.to_string(), of: of.map(str::to_string) })
    }
}

/// How many different people approve of something: `web:survive.zone` (also by the rule alone, `survive.zone`), or removals.
pub fn people(approvals: &[Approval], what: &str) -> u64 {
    let rule = what.split_once(':').map(|(_, rule)| rule);
    let concerns = |a: &&Approval| a.of.as_deref().is_none_or(|of| of == what || rule == Some(of));
    let names: BTreeSet<&str> = approvals.iter().filter(concerns).map(|a| a.by.as_str()).collect();
    names.len() as u64
}

/// Everything that stands against it. `now` is in seconds since 1970-01-01, UTC; `removed` are the times at which replicas were
/// removed before.
pub fn objections(
    promises: &Promises,
    now: i64,
    planned: Planned<'_>,
    approvals: &[Approval],
    removed: &[i64],
) -> Vec<Objection> {
    let mut all = Vec::new();
    for rule in &promises.changes {
        let mut object =
            |why: Words| all.push(Objection { why: why.with("rule", rule.name.as_str()), site: rule.site });
        if !planned.mends {
            let today = now.div_euclid(86_400);
            if let Some(freeze) = rule.freezes.iter().find(|f| (f.from..=f.to).contains(&today)) {
                object(
                    Words::new("change.frozen").with("freeze", freeze.name.as_str()).with("until", day_text(freeze.to)),
                );
            }
            if !rule.windows.is_empty() && !rule.windows.iter().any(|w| is_open(w, now)) {
                let names: Vec<&str> = rule.windows.iter().map(|w| w.name.as_str()).collect();
                object(Words::new("change.closed").with("windows", names.join(", ")));
            }
        }
        let open: Vec<&String> = planned.weakens.iter().filter(|r| people(approvals, r) < rule.weaken).collect();
        if let Some(given) = open.iter().map(|r| people(approvals, r)).min() {
            let names = Arg::Names(open.iter().map(ToString::to_string).collect());
            object(counted("change.weakens", open.len() as u64, rule.weaken, given).with("rules", names));
        }
        let given = people(approvals, REMOVALS);
        if planned.removes > 0 && given < rule.remove {
            object(counted("change.removes", planned.removes, rule.remove, given));
        }
        if let Some((most, within)) = rule.removals {
            let since = now.saturating_sub(i64::try_from(within).unwrap_or(i64::MAX));
            let before = removed.iter().filter(|at| **at > since).count() as u64;
            if planned.removes > 0 && before + planned.removes > most {
                object(
                    Words::new("change.too_fast")
                        .with("n", planned.removes)
                        .with("before", before)
                        .with("most", most)
                        .with("within", Arg::Seconds(within)),
                );
            }
        }
    }
    all
}

fn counted(key: &'static str, n: u64, needed: u64, given: u64) -> Words {
    Words::new(key).with("n", n).with("needed", needed).with("given", given)
}

/// Whether a window is open.
fn is_open(window: &Window, now: i64) -> bool {
    let local = now + i64::from(window.offset) * 60;
    let (day, minute) = (local.div_euclid(86_400), local.rem_euclid(86_400) / 60);
    // 1970-01-01 was a Thursday.
    let on = |day: i64| window.days.contains(&((day + 3).rem_euclid(7) as u8));
    let (from, to) = (i64::from(window.from), i64::from(window.to));
    match from < to {
        true => on(day) && (from..to).contains(&minute),
        false => (on(day) && minute >= from) || (on(day - 1) && minute < to),
    }
}

/// A day as `2026-09-28`.
pub fn day_text(day: i64) -> String {
    // Days to a civil date, by eras of 400 years.
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (d, m) = (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    format!("{:04}-{m:02}-{d:02}", year + era * 400 + i64::from(m <= 2))
}

#[cfg(test)]
mod tests {
    use super::super::model::{ChangeRule, Freeze};
    use super::*;

    const MONDAY: i64 = 1_767_571_200; // 2026-01-05T00:00:00Z

    fn rule() -> ChangeRule {
        ChangeRule {
            name: "p".into(),
            windows: vec![Window { name: "night".into(), days: vec![0], from: 22 * 60, to: 4 * 60, offset: 540 }],
            freezes: vec![Freeze { name: "new_year".into(), from: 20_454, to: 20_455 }],
            weaken: 2,
            remove: 1,
            removals: Some((3, 3600)),
            owner: None,
            site: Site(0),
        }
    }

    fn said(now: i64, planned: Planned<'_>, approvals: usize, removed: &[i64]) -> Vec<String> {
        let names: Vec<String> = ["kim", "lee"].iter().take(approvals).map(ToString::to_string).collect();
        given(now, planned, &names, removed)
    }

    fn given(now: i64, planned: Planned<'_>, approvals: &[String], removed: &[i64]) -> Vec<String> {
        let promises = Promises { changes: vec![rule()], ..Promises::default() };
        let approvals: Vec<Approval> = approvals.iter().map(|a| a.parse().unwrap()).collect();
        objections(&promises, now, planned, &approvals, removed).into_iter().map(|o| o.why.key.into_owned()).collect()
    }

    #[test]
    fn windows_freezes_and_repairs() {
        let calm = Planned::default();
        // 22:00 in Seoul is 13:00 UTC; the window ends at 04:00 on Tuesday, 19:00 UTC.
        for (hours, open) in [(12, false), (13, true), (18, true), (19, false), (13 + 24, false)] {
            assert_eq!(said(MONDAY + hours * 3600, calm, 0, &[]).is_empty(), open, "{hours}");
        }
        assert_eq!(said(20_454 * 86_400, calm, 0, &[]), ["change.frozen", "change.closed"]);
        assert!(said(20_454 * 86_400, Planned { mends: true, ..calm }, 0, &[]).is_empty());
        assert_eq!(day_text(20_454), "2026-01-01");
        assert_eq!(day_text(-1), "1969-12-31");
        assert_eq!(day_text(11_016), "2000-02-29");
    }

    #[test]
    fn approvals_and_the_pace_of_removals() {
        let now = MONDAY + 14 * 3600;
        let removes = |n| Planned { removes: n, ..Planned::default() };
        assert_eq!(said(now, removes(1), 0, &[]), ["change.removes"]);
        assert!(said(now, removes(1), 1, &[]).is_empty());
        let rules = ["web:survive.zone".to_string(), "web:floor.serving".to_string()];
        let weakens = |n| Planned { weakens: &rules[..n], ..Planned::default() };
        assert_eq!(said(now, weakens(1), 1, &[]), ["change.weakens"]);
        assert!(said(now, weakens(2), 2, &[]).is_empty());
        // One person twice is one; a word for one rule is none for another, and none for removals.
        let words = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(given(now, weakens(1), &words(&["kim", "kim=survive.zone"]), &[]), ["change.weakens"]);
        let both = words(&["kim=web:survive.zone", "lee=survive.zone"]);
        assert!(given(now, weakens(1), &both, &[]).is_empty());
        assert_eq!(given(now, weakens(2), &both, &[]), ["change.weakens"]);
        assert_eq!(given(now, removes(1), &both, &[]), ["change.removes"]);
        assert!(given(now, removes(1), &words(&["kim=removals"]), &[]).is_empty());
        assert!("=x".parse::<Approval>().is_err() && "kim=".parse::<Approval>().is_err());
        assert!(said(now, removes(3), 1, &[now - 3600]).is_empty());
        assert_eq!(said(now, removes(3), 1, &[now - 3599]), ["change.too_fast"]);
        assert_eq!(said(now, removes(4), 1, &[]), ["change.too_fast"]);
    }
}
