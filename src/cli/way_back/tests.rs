//! The course of a location through a loss as the commands carry it: what is seen, what is remembered, what may go back. The clock is a
//! number here, and every look is one that holds the lock.

use super::*;
use crate::cli::session::Project;
use crate::diag::Sources;
use crate::plan::course::{Course, Sighted};
use crate::spread::evidence::State as At;
use crate::spread::machine::Said;
use crate::spread::model::{Health, HealthSource};
use crate::state::{Displaced, Word};
use std::collections::BTreeMap;

const MINUTE: i64 = 60_000;

/// One directory, its state, what its clouds say, and the time.
struct Tool {
    project: Project,
    state: State,
    health: BTreeMap<String, Health>,
    now: i64,
}

impl Tool {
    fn of(arguments: &str) -> Tool {
        let location = |name: &str| {
            format!(
                "location \"{name}\" {{\n  provider = sim\n  domains = {{ cloud = \"c\", zone = \"{name}\" }}\n}}\n"
            )
        };
        let text = format!(
            r#"
{}{}{}
workload "web" {{
  replicas = 6
  spread "zone" {{
    ratio = "even"
  }}
  survive "zone" {{
    losses = 1
    floor  = "50%"
  }}
  {arguments}
  replica "server" {{
    resource "sim_instance" "server" {{
      zone = location.domains.zone
    }}
    ready = true
  }}
}}
"#,
            location("a"),
            location("b"),
            location("c")
        );
        let mut sources = Sources::default();
        sources.files.push(crate::diag::Source::new("web.straddle.hcl", text));
        let project = Project::of_texts(std::path::Path::new("."), &sources, BTreeMap::new());
        assert!(!project.has_errors(), "{:?}", project.problems);
        Tool { project, state: State::default(), health: BTreeMap::new(), now: 0 }
    }

    fn says(&mut self, location: &str, health: Health) {
        self.health.insert(location.into(), health);
    }

    /// What a look sees, and what it makes of it.
    fn look(&self) -> (Topology, Courses) {
        let mut topology = self.project.spec.topology.clone();
        for location in &mut topology.locations {
            location.health = self.health.get(&location.name).copied().unwrap_or(Health::Healthy);
            location.health_source = HealthSource::Reported;
        }
        let lost = BTreeSet::new();
        let sighted = Sighted { topology: &topology, evidence: &[], lost: &lost, short: &BTreeSet::new() };
        let courses = course::courses(&self.project.spec, &self.state, sighted, self.now);
        course::correct(&courses, &mut topology);
        (topology, courses)
    }

    fn remember(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            match entry {
                Entry::Note { key, note: Some(note) } => drop(self.state.notes.insert(key, note)),
                Entry::Failover { loss, failover } => drop(self.state.failovers.insert(loss, failover)),
                Entry::Failback { loss } => drop(self.state.failovers.remove(&loss)),
                other => panic!("{other:?}"),
            }
        }
    }

    /// A look with the lock in hand, so much later.
    fn after(&mut self, ms: i64) -> Course {
        self.now += ms;
        let (_, courses) = self.look();
        let seen = course::entries(&self.state, &courses, self.now);
        self.remember(seen);
        courses["a"]
    }

    fn at(&mut self, ms: i64) -> At {
        self.after(ms).record.state
    }

    fn loss() -> Loss {
        Loss(["zone:a".to_string()].into())
    }

    fn fail_over(&mut self) {
        let (topology, courses) = self.look();
        let failover = Failover {
            since: Time(self.now),
            by: "kim".into(),
            word: Word::Operator,
            reason: String::new(),
            forced: false,
            to: Default::default(),
            workloads: BTreeMap::from([("web".into(), Displaced::default())]),
        };
        let named = course::taken(&self.project.spec, &topology, &Tool::loss());
        let mut entries = vec![Entry::Failover { loss: Tool::loss(), failover }];
        entries.extend(course::said(&courses, &named, At::Down, Said::Nothing, self.now));
        self.remember(entries);
        let done = course::completed(&self.project.spec, &self.state, &topology, self.now);
        self.remember(done);
    }

    /// Goes back as a program would that heeds the timers. False: it may not.
    fn fail_back(&mut self) -> bool {
        let (topology, courses) = self.look();
        let way = way_back(&self.project.spec, &self.state, &topology, &courses, Time(self.now), Lang::En);
        let ripe = |loss: &Loss| is_ripe(&self.project.spec, &topology, &courses, loss, Time(self.now));
        if way.open.is_empty() || !way.open.iter().all(ripe) {
            return false;
        }
        let back: BTreeSet<String> = ["a".to_string()].into();
        let first = course::said(&courses, &back, At::Healthy, Said::Return, self.now);
        self.remember(first);
        assert_eq!(self.look().1["a"].record.state, At::Returning);
        assert_eq!(self.look().0.locations[0].health, Health::Returning);
        let mut last = vec![Entry::Failback { loss: Tool::loss() }];
        last.extend(course::returned(&courses, &back, self.now));
        self.remember(last);
        true
    }

    fn text(&self) -> String {
        let (topology, courses) = self.look();
        way_back(&self.project.spec, &self.state, &topology, &courses, Time(self.now), Lang::En).text
    }
}

const QUICK: &str = "failback {\n    hold = \"30m\"\n    stable_for = \"5m\"\n  }";

#[test]
fn every_transition_of_the_table_is_carried_by_the_state() {
    let mut tool = Tool::of(QUICK);
    assert_eq!(tool.at(0), At::Healthy);
    assert!(tool.state.notes.is_empty(), "where nothing has happened nothing is noted");
    // HEALTHY -> SUSPECT -> HEALTHY: one window each way.
    tool.says("a", Health::Suspect);
    assert_eq!(tool.at(MINUTE), At::Suspect);
    tool.says("a", Health::Healthy);
    assert_eq!(tool.at(MINUTE), At::Healthy);
    // SUSPECT -> UNKNOWN, and never DOWN by time alone.
    tool.says("a", Health::Unknown);
    assert_eq!(tool.at(MINUTE), At::Unknown);
    assert_eq!(tool.at(3 * 365 * 24 * 60 * MINUTE), At::Unknown);
    assert_eq!(tool.look().0.locations[0].health, Health::Unknown);
    tool.says("a", Health::ControlLost);
    assert_eq!(tool.at(MINUTE), At::ControlLost);
    tool.says("a", Health::Down);
    assert_eq!(tool.at(MINUTE), At::Down);
    // DOWN -> FAILED_OVER when the failover is done, and not before; the place counts as down.
    tool.fail_over();
    assert_eq!(tool.at(MINUTE), At::FailedOver);
    assert_eq!(tool.look().0.locations[0].health, Health::Down);
    assert!(tool.text().contains("not open") && !tool.fail_back());
    // FAILED_OVER -> PROBATION: counts nothing, nothing is planned there.
    tool.says("a", Health::Healthy);
    assert_eq!(tool.at(MINUTE), At::Probation);
    assert_eq!(tool.look().0.locations[0].health, Health::Probation);
    assert!(tool.text().contains("hold 30m") && tool.text().contains("on your word before its timers"));
    assert!(!tool.fail_back(), "neither stable nor held");
    assert_eq!(tool.at(6 * MINUTE), At::Probation);
    assert!(!tool.fail_back(), "stable, and not held");
    // PROBATION -> FAILED_OVER: doubled.
    tool.says("a", Health::Suspect);
    let failed = tool.after(MINUTE).record;
    assert_eq!((failed.state, failed.setbacks, failed.good_since), (At::FailedOver, 1, None));
    tool.says("a", Health::Healthy);
    tool.at(MINUTE);
    assert_eq!(tool.at(22 * MINUTE), At::Probation);
    assert!(
        tool.text().contains("10m after 1 returns that failed") && tool.text().contains("  MET"),
        "{}",
        tool.text()
    );
    assert!(tool.fail_back(), "{}", tool.text());
    assert_eq!(tool.at(MINUTE), At::Healthy);
    assert!(tool.state.failovers.is_empty());
    assert!(tool.text().contains("No failover is in force"));
}

#[test]
fn a_return_that_breaks_fails_over_again_and_is_held_as_long() {
    let mut tool = Tool::of(QUICK);
    tool.says("a", Health::Down);
    tool.at(MINUTE);
    tool.fail_over();
    tool.says("a", Health::Healthy);
    tool.at(MINUTE);
    tool.at(40 * MINUTE);
    // Killed on the way back: the state says so, and a loss then is a return that failed.
    let (_, courses) = tool.look();
    let begun = course::said(&courses, &["a".to_string()].into(), At::Healthy, Said::Return, tool.now);
    tool.remember(begun);
    assert_eq!(tool.at(MINUTE), At::Returning);
    tool.says("a", Health::Down);
    let again = tool.after(MINUTE).record;
    assert_eq!((again.state, again.setbacks, again.failed_over), (At::FailedOver, 1, Some(tool.now)));
    // What a command finds out by itself counts the same.
    tool.says("a", Health::Healthy);
    tool.at(MINUTE);
    let failed = course::set_back(&tool.state, &["a".to_string()].into(), tool.now);
    tool.remember(failed);
    assert_eq!(course::record(&tool.state, "a").map(|r| (r.state, r.setbacks)), Some((At::FailedOver, 2)));
}

#[test]
fn silence_is_down_after_a_time_only_where_the_spec_says_so_and_not_if_more_is_silent_than_it_survives() {
    let mut tool = Tool::of("failover {\n    unknown_after = \"30m\"\n  }");
    tool.says("a", Health::Unknown);
    assert_eq!(tool.at(MINUTE), At::Unknown);
    assert_eq!(tool.at(29 * MINUTE), At::Unknown);
    let aged = tool.after(MINUTE);
    assert_eq!((aged.record.state, aged.seen, aged.by_time), (At::Down, At::Unknown, Some(1800)));
    assert_eq!(tool.look().0.locations[0].health, Health::Down);
    assert_eq!(tool.at(MINUTE), At::Down, "and stays so while it is silent");
    assert_eq!(course::by_time_alone(&tool.project.spec).len(), 1);
    // Two silent at once are more than the rule speaks of.
    tool.says("b", Health::Unknown);
    let held = tool.after(60 * MINUTE);
    assert_eq!((held.record.state, held.by_time), (At::Unknown, None));
    tool.says("b", Health::Healthy);
    assert_eq!(tool.at(MINUTE), At::Down, "what was silent all the time still is");
    tool.says("a", Health::Healthy);
    assert_eq!(tool.at(MINUTE), At::Healthy);
    for never in ["", "failover {\n    unknown_after = \"never\"\n  }"] {
        let mut tool = Tool::of(never);
        tool.says("a", Health::Unknown);
        assert_eq!((tool.at(MINUTE), tool.at(1000 * 24 * 60 * MINUTE)), (At::Unknown, At::Unknown));
        assert!(course::by_time_alone(&tool.project.spec).is_empty());
    }
}

/// N15, by the commands' own state: a place that comes and goes ten times in an hour, and somebody who answers whatever is offered at once.
#[test]
fn flap_backoff_of_the_commands() {
    for (period, hold, stable) in [(6, 30, 5), (6, 30, 1), (6, 0, 5), (12, 30, 3), (6, 10, 2)] {
        let back = format!("failback {{\n    hold = \"{hold}m\"\n    stable_for = \"{stable}m\"\n  }}");
        let mut tool = Tool::of(&back);
        let (mut over, mut returned) = (0, 0);
        for half_minute in 0..120i64 {
            let up = (half_minute / period) % 2 == 1;
            tool.says("a", if up { Health::Healthy } else { Health::Down });
            match tool.at(MINUTE / 2) {
                At::Down => {
                    tool.fail_over();
                    over += 1;
                }
                At::Probation => returned += usize::from(tool.fail_back()),
                _ => {}
            }
        }
        assert!((1..=2).contains(&over) && returned <= 1, "{period} {hold} {stable}: {over} over, {returned} back");
    }
}

#[test]
fn only_workloads_that_all_want_to_be_told_alone_make_a_place_alarm_only() {
    let mut told = Tool::of("failover {\n    mode = \"alarm\"\n  }");
    told.says("a", Health::Down);
    let course = told.after(MINUTE);
    assert!(course.alarm_only);
    let text = |lang| crate::report::evidence::course("a", &course, lang).unwrap();
    assert!(text(crate::tongue::Lang::En).starts_with("ALARM a is DOWN since"));
    assert!(text(crate::tongue::Lang::Ko).starts_with("경보: a는"));
    let mut run = Tool::of("");
    run.says("a", Health::Down);
    assert!(!run.after(MINUTE).alarm_only);
}

#[test]
fn what_is_seen_of_a_location_and_where_it_stood_are_two_notes() {
    let mut tool = Tool::of("");
    tool.says("a", Health::Suspect);
    tool.at(MINUTE);
    let key = crate::state::NoteKey::stood("a");
    assert_ne!(course::key("a"), key, "one would overwrite the other");
}
