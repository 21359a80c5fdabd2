//! Who works next: ordered promotion of standbys.

use super::model::Standby;

/// What is known of a location when somebody must work there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its replica serves now.
    pub serves: bool,
    /// It will have one.
    pub stays: bool,
}

/// The location that works: the one that did, as long as it serves; else the next in order that serves and does not lag too far; else,
/// where none serves yet, the first that will. `None`: nobody can.
pub fn active(standby: &Standby, of: &dyn Fn(&str) -> Candidate) -> Option<String> {
    let order = &standby.order;
    let serves = |name: &str| of(name).serves && of(name).stays;
    if let Some(wished) = standby.wished.as_ref().filter(|name| order.contains(name) && serves(name)) {
        return Some(wished.clone());
    }
    if let Some(last) = standby.last.as_ref().filter(|last| order.contains(last)) {
        if serves(last) {
            return Some(last.clone());
        }
        let at = order.iter().position(|name| name == last).unwrap_or(0);
        let after = order[at + 1..].iter().chain(&order[..at]);
        let next = after.into_iter().find(|name| serves(name) && is_near(standby, name));
        // With nobody to take over, the place stays where the data is newest.
        return next.or(Some(last)).cloned();
    }
    let first = |wanted: &dyn Fn(&str) -> bool| order.iter().find(|name| wanted(name)).cloned();
    first(&|name| serves(name) && is_near(standby, name)).or_else(|| first(&|name| of(name).stays))
}

/// Whether a standby's data is near enough; one of which nobody says so is taken to be, and told as not proven.
pub fn is_near(standby: &Standby, name: &str) -> bool {
    match (lag_of(standby, name), standby.max_lag_s) {
        (Some(lag), Some(most)) => lag <= most,
        _ => true,
    }
}

/// How far the data at a location lags.
pub fn lag_of(standby: &Standby, name: &str) -> Option<u64> {
    let at = standby.order.iter().position(|n| n == name)?;
    standby.lag_s.get(at).copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::super::model::{PromotedBy, Site};
    use super::*;

    fn standby(last: Option<&str>, lag_s: [Option<u64>; 3]) -> Standby {
        Standby {
            order: ["a", "b", "c"].map(String::from).to_vec(),
            lag_s: lag_s.to_vec(),
            max_lag_s: Some(10),
            by: PromotedBy::Straddle,
            fence: None,
            last: last.map(String::from),
            wished: None,
            active: None,
            site: Site(0),
        }
    }

    #[test]
    fn a_person_names_who_is_next_and_only_one_that_serves() {
        let wished =
            |name: &str| Standby { wished: Some(name.into()), ..standby(Some("a"), [Some(1), Some(1), Some(99)]) };
        let serves = |gone: &'static str| move |name: &str| Candidate { serves: name != gone, stays: true };
        assert_eq!(active(&wished("c"), &serves("a")).as_deref(), Some("c"), "before its turn, and though it lags");
        assert_eq!(active(&wished("c"), &serves("c")).as_deref(), Some("a"), "nobody is promoted who does not serve");
        assert_eq!(active(&wished("x"), &serves("a")).as_deref(), Some("b"), "nor a place that is no standby");
    }

    /// Every combination of who serves, who worked last and who lags, against the rule said once more as a list.
    #[test]
    fn promotion_follows_the_order_and_never_jumps_back() {
        let names = ["a", "b", "c"];
        for serving in 0..8u32 {
            for lagging in 0..8u32 {
                for last in 0..4usize {
                    let lag = |i: usize| Some(if lagging >> i & 1 == 1 { 11 } else { 1 });
                    let standby = standby(names.get(last).copied(), [lag(0), lag(1), lag(2)]);
                    let serves = |name: &str| serving >> names.iter().position(|n| *n == name).unwrap() & 1 == 1;
                    let got = active(&standby, &|name| Candidate { serves: serves(name), stays: true });
                    let can = |i: usize| serves(names[i]) && lagging >> i & 1 == 0;
                    let wanted = match last {
                        3 => (0..3).find(|i| can(*i)).unwrap_or(0),
                        last if serves(names[last]) => last,
                        last => [(last + 1) % 3, (last + 2) % 3].into_iter().find(|i| can(*i)).unwrap_or(last),
                    };
                    // The order wraps: after b comes c, then a.
                    let wanted = match last {
                        0 | 3 => wanted,
                        _ if wanted == last => last,
                        _ => wanted,
                    };
                    assert_eq!(
                        got.as_deref(),
                        Some(names[wanted]),
                        "serving {serving:b} lagging {lagging:b} last {last}"
                    );
                }
            }
        }
    }
}
