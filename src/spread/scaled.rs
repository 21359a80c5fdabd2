//! How many replicas there are to be where a scaler owns the number: never fewer than stand, and as many more as the survive rules ask
//! for once it has raised one place alone. A ratio that is bent and breaks no rule is left to the scaler.

use super::decide::{keeping, meters_of};
use super::decision::Note;
use super::judge::bound_of;
use super::model::{Mode, Scaling};
use super::place::{Placement, place};
use super::tree::{Ask, Standing};
use super::world::World;

/// So many numbers beyond the first that fits the ratio are tried for one that keeps every rule: an odd one often does not.
const TRIED: u32 = 16;

/// The number for this world; `world.replicas` is what stands, within the scaler's bounds.
pub fn replicas(world: &World<'_>, scaling: Scaling) -> u32 {
    let now = world.replicas;
    let calm = match world.mode {
        Mode::Normal { failed_over: lost, .. } | Mode::Failback { lost } => lost.is_empty(),
        Mode::Repair => true,
        _ => false,
    };
    // What is lost or in doubt is left as it is: how far it may grow back is the loss's business.
    let usable = world.standing.iter().all(|s| matches!(s, Standing::Open | Standing::Cordoned));
    if !calm || !usable || world.existing.iter().all(|n| *n == 0) {
        return now;
    }
    if keeps_rules(world, now, true) {
        return now;
    }
    // Within the slack the number counts as the nearest one that asks for nothing: a scaler in two minds moves no replica.
    let slack = scaling.slack.map_or(0, |s| s.floor_of(now)).min(u64::from(now - scaling.min.min(now)));
    if let Some(calm) = (1..=slack as u32).map(|less| now - less).find(|n| stands(world, *n)) {
        return calm;
    }
    let most = scaling.max.max(now);
    let Some(fitting) = least(now, most, &|n| fitted(world, n).is_some()) else { return now };
    let tried = fitting..=most.min(fitting.saturating_add(TRIED));
    tried.into_iter().find(|n| keeps_rules(world, *n, false)).unwrap_or(now)
}

/// The least number in a range that does, of which every larger one does, too (apportionment is monotone).
fn least(from: u32, to: u32, fits: &dyn Fn(u32) -> bool) -> Option<u32> {
    if fits(from) {
        return Some(from);
    }
    if !fits(to) {
        return None;
    }
    let (mut low, mut high) = (from, to);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match fits(middle) {
            true => high = middle,
            false => low = middle,
        }
    }
    Some(high)
}

/// The placement of so many, where it takes nothing from any place.
fn fitted(world: &World<'_>, n: u32) -> Option<Placement> {
    let found = place(&Ask { adds_only: false, replicas: n, ..world.ask() }).ok()?;
    let short = found.notes.iter().any(|note| matches!(note, Note::Short { .. }));
    let grows = found.target.iter().zip(&world.existing).all(|(after, before)| after >= before);
    (grows && !short).then_some(found)
}

/// Whether what stands does for so many, as it stands.
fn stands(world: &World<'_>, n: u32) -> bool {
    let other = World { replicas: n, ..world.clone() };
    let Ok(found) = keeping(&other, &Ask { adds_only: true, ..other.ask() }) else { return false };
    found.target == world.existing && keeps_rules(world, n, true)
}

/// Whether every survive rule holds at once with so many, where nothing is taken from any place.
fn keeps_rules(world: &World<'_>, n: u32, adds_only: bool) -> bool {
    let other = World { replicas: n, ..world.clone() };
    let Ok(found) = keeping(&other, &Ask { adds_only, ..other.ask() }) else { return false };
    let grows = found.target.iter().zip(&world.existing).all(|(after, before)| after >= before);
    let rules = world.workload.survive.iter().zip(meters_of(&other));
    grows
        && rules
            .into_iter()
            .all(|(rule, meter)| meter.worst(&other.exposure, &found.target).0 >= bound_of(&other, rule.floor))
}

#[cfg(test)]
mod tests {
    use super::super::model::{Bound, Live, Scaling, Topology, Workload};
    use super::super::tests::world;
    use super::super::{decide, model};

    fn scaled(t: &Topology, max: u32) -> Workload {
        let mut w = world::workload(t, 10, vec![world::level("zone", model::Ratio::Even)]);
        w.survive = vec![world::survive(world::of_level("zone"), 1, Bound::Percent(50_000_000))];
        w.scaling = Some(Scaling { min: 10, max, held: None, slack: None, site: model::Site(0) });
        w
    }

    fn after(t: &Topology, w: &Workload, live: &[u32]) -> Vec<u32> {
        let live: Live = world::live(live);
        decide(t, w, &live, &model::Mode::normal()).unwrap().after
    }

    #[test]
    fn a_group_that_its_scaler_raised_alone_takes_the_others_along() {
        let t = world::zones(2);
        // 13 of which one zone has 8: losing it leaves 5 of 7. Half of an odd number is more than the smaller part.
        assert_eq!(after(&t, &scaled(&t, 30), &[8, 5]), [8, 8]);
        assert_eq!(after(&t, &scaled(&t, 30), &[5, 5]), [5, 5], "what is even is left");
        assert_eq!(after(&t, &scaled(&t, 30), &[9, 9]), [9, 9], "whatever the number");
        assert_eq!(after(&t, &scaled(&t, 30), &[6, 5]), [6, 6]);
        let mut lax = scaled(&t, 30);
        lax.survive[0].floor = Bound::Percent(30_000_000);
        assert_eq!(after(&t, &lax, &[8, 5]), [8, 5], "no rule is broken: the ratio is the scaler's to mend");
        // Beyond the scaler's own bound nothing is added, and nothing is ever taken away.
        assert_eq!(after(&t, &scaled(&t, 13), &[8, 5]), [8, 5]);
        assert_eq!(after(&t, &scaled(&t, 30), &[2, 2]), [5, 5], "its least");
    }

    #[test]
    fn a_number_within_the_slack_of_one_that_keeps_the_rules_moves_nothing() {
        let t = world::zones(2);
        let slack = |bound| {
            let mut w = scaled(&t, 30);
            w.scaling = w.scaling.map(|s| Scaling { slack: Some(bound), ..s });
            w
        };
        let one = slack(Bound::Count(1));
        assert_eq!(after(&t, &one, &[6, 5]), [6, 5], "eleven count as ten, of which five are left");
        assert_eq!(after(&t, &one, &[7, 5]), [7, 7], "twelve are two more than ten");
        assert_eq!(after(&t, &slack(Bound::Count(2)), &[7, 5]), [7, 5]);
        assert_eq!(after(&t, &slack(Bound::Percent(20_000_000)), &[7, 5]), [7, 5], "a fifth of twelve is two");
        assert_eq!(after(&t, &slack(Bound::Percent(10_000_000)), &[7, 5]), [7, 7], "a tenth of it is one");
        // Never below the scaler's own least, however large the slack.
        assert_eq!(after(&t, &slack(Bound::Count(50)), &[8, 3]), [8, 8]);
    }

    #[test]
    fn the_way_back_raises_the_others_at_once() {
        let mut t = world::zones(2);
        t.locations[0].health = model::Health::Returning;
        let mut w = scaled(&t, 30);
        w.scaling = w.scaling.map(|s| Scaling { held: Some(10), ..s });
        let back = |lost: Vec<model::Event>| {
            decide(&t, &w, &world::live(&[5, 10]), &model::Mode::Failback { lost }).unwrap().after
        };
        assert_eq!(back(Vec::new()), [10, 10], "what every plan after it would ask for");
    }

    #[test]
    fn nothing_is_raised_on_account_of_a_place_that_is_lost_or_in_doubt() {
        for health in [model::Health::Unknown, model::Health::Suspect, model::Health::Down] {
            let mut t = world::zones(2);
            t.locations[0].health = health;
            let kept = after(&t, &scaled(&t, 30), &[8, 5]);
            assert_eq!(kept, [8, 5], "{health:?}");
        }
    }
}
