//! Whether one workload can take another's place: room, the same image, the same secrets (`spread.md` N21).

use super::model::{Promises, StandIn, Weight};
use super::{One, Stand, judgement};
use crate::spread::decision::Verdict;
use crate::spread::model::{Limit, Topology};
use crate::tongue::Words;

pub(super) fn judge(promises: &Promises, topology: &Topology, stands: &[Stand<'_>], out: &mut Vec<One>) {
    for rule in &promises.stand_ins {
        let judgement = one(rule, topology, stands);
        let owner = super::distance::owner(promises, rule.owner.as_ref());
        out.push(One {
            id: format!("stand_in.{}", rule.name),
            weight: Weight::Drift,
            site: rule.site,
            owner,
            judgement,
        });
    }
}

fn one(rule: &StandIn, topology: &Topology, stands: &[Stand<'_>]) -> super::model::Judgement {
    let find = |name: &str| stands.iter().find(|s| s.rules.name == name);
    let words = |key| Words::new(key).with("of", rule.of.as_str()).with("by", rule.by.as_str());
    let (Some(of), Some(by)) = (find(&rule.of), find(&rule.by)) else {
        return judgement(Verdict::NotProven, words("stand_in.not_there"), &[]);
    };
    let needed = (u64::from(of.rules.replicas) * rule.percent).div_ceil(100);
    let ready: u64 = by.ready.iter().map(|n| u64::from(*n)).sum();
    let (mut most, mut unlimited) = (0u64, false);
    for place in &by.rules.places {
        match topology.locations[place.location].capacity.limit {
            Limit::Known { lo, .. } => most += u64::from(lo),
            Limit::Unlimited => unlimited = true,
            Limit::Unreadable => {}
        }
    }
    let mut differing: Vec<String> = Vec::new();
    let mut unseen: Vec<&str> = Vec::new();
    for attribute in &rule.parity {
        match rule.seen.iter().find(|p| p.attribute == *attribute) {
            Some(parity) if parity.of == parity.by => {}
            Some(parity) => {
                differing.push(format!("{attribute} ({} / {})", parity.of.join(", "), parity.by.join(", ")))
            }
            None => unseen.push(attribute),
        }
    }
    differing.extend(rule.same.iter().filter(|(_, a, b)| a != b).map(|(name, a, b)| format!("{name} ({a} / {b})")));
    let shared = shared(topology, of, by);
    let checked = rule.parity.len() + rule.same.len();
    let words = |key| {
        words(key)
            .with("needed", needed)
            .with("ready", ready)
            .with("most", if unlimited { "-".to_string() } else { most.to_string() })
            .with("differing", differing.join("; "))
            .with("unseen", unseen.join(", "))
            .with("shared", shared.join(", "))
            .with("checked", checked as u64)
    };
    let numbers = [
        ("needed", needed as i64),
        ("ready", ready as i64),
        ("most", most as i64),
        ("differing", differing.len() as i64),
        ("shared", shared.len() as i64),
    ];
    let (verdict, key) = if !unlimited && most < needed && ready < needed {
        (Verdict::Fail, "stand_in.too_small")
    } else if !differing.is_empty() {
        (Verdict::Fail, "stand_in.differs")
    } else if !shared.is_empty() {
        (Verdict::Fail, "stand_in.shares")
    } else if !unseen.is_empty() {
        (Verdict::NotProven, "stand_in.unseen")
    } else if unlimited && ready < needed {
        (Verdict::NotProven, "stand_in.room_unknown")
    } else {
        (Verdict::Pass, "stand_in.pass")
    };
    judgement(verdict, words(key), &numbers)
}

/// Domains and risks that hold a place of both: what is lost there takes the one and its stand-in.
fn shared(topology: &Topology, of: &Stand<'_>, by: &Stand<'_>) -> Vec<String> {
    let mut all = Vec::new();
    let locations = |s: &Stand<'_>| s.rules.places.iter().map(|p| p.location).collect::<Vec<_>>();
    let (ours, theirs) = (locations(by), locations(of));
    // The outermost level is the operator's and may be shared; a stand-in is about the places inside it.
    for level in topology.levels.iter().skip(1) {
        let at = |list: &[usize]| -> std::collections::BTreeSet<&String> {
            list.iter().filter_map(|i| topology.locations[*i].domains.get(level)).collect()
        };
        all.extend(at(&ours).intersection(&at(&theirs)).map(|domain| format!("{level} {domain}")));
    }
    let risks = |list: &[usize]| -> std::collections::BTreeSet<usize> {
        list.iter().flat_map(|i| topology.locations[*i].shares.iter().copied()).collect()
    };
    let common = risks(&ours);
    let common = common.intersection(&risks(&theirs)).copied().collect::<Vec<_>>();
    all.extend(common.into_iter().map(|r| format!("{} {}", topology.risks[r].kind, topology.risks[r].name)));
    all
}
