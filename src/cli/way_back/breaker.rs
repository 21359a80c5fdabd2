//! What several looks make of what vantage points see, by the clock: from windows over the breaker to what the state remembers. Every
//! transition that evidence causes, with the ages that evidence has.

use crate::cli::session::Project;
use crate::diag::Sources;
use crate::plan::course::{self, Sighted};
use crate::plan::evidence::{Finding, Windows, judged};
use crate::plan::placement::LocationFact;
use crate::plan::probes::{About, Saw, Seen};
use crate::spread::evidence::State as At;
use crate::spread::model::{Health, HealthSource};
use crate::state::{Entry, State};
use std::collections::{BTreeMap, BTreeSet};

const MINUTE: i64 = 60_000;
const ZONES: [&str; 4] = ["a", "b", "c", "d"];

/// What a zone's provider says, and what its three vantage points see in a window.
#[derive(Clone, Copy)]
struct Zone {
    provider: Health,
    saw: [Saw; 3],
}

const WELL: Zone = Zone { provider: Health::Healthy, saw: [Saw::Pass; 3] };
const LOST: Zone = Zone { provider: Health::Down, saw: [Saw::Fail; 3] };

struct Watch {
    project: Project,
    state: State,
    now: i64,
    zones: [Zone; 4],
}

impl Watch {
    fn new(more: &str) -> Watch {
        let mut text = String::new();
        for (n, zone) in ZONES.iter().enumerate() {
            text.push_str(&format!(
                "location \"{zone}\" {{\n  provider = sim\n  domains = {{ zone = \"{zone}\" }}\n}}\n"
            ));
            if n < 3 {
                text.push_str(&format!("vantage \"v{n}\" {{\n  exec = [\"look\", \"{n}\"]\n}}\n"));
            }
        }
        text.push_str(&format!(
            "probe \"web\" {{\n  url = \"http://${{location.name}}.example/\"\n  from = [vantage.v0, vantage.v1, vantage.v2]\n  quorum = 2\n  confirm = 2\n}}\nworkload \"web\" {{\n  replicas = 8\n  spread \"zone\" {{\n    ratio = \"even\"\n  }}\n  survive \"zone\" {{\n    losses = 1\n    floor = \"50%\"\n  }}\n  {more}\n  replica \"server\" {{\n    resource \"sim_instance\" \"server\" {{\n      zone = location.domains.zone\n    }}\n    ready = probe.web.healthy[replica.name]\n  }}\n}}\n"
        ));
        let mut sources = Sources::default();
        sources.files.push(crate::diag::Source::new("web.straddle.hcl", text));
        let project = Project::of_texts(std::path::Path::new("."), &sources, BTreeMap::new());
        assert!(!project.has_errors(), "{:?}", project.problems);
        Watch { project, state: State::default(), now: 0, zones: [WELL; 4] }
    }

    fn window(&self) -> Seen {
        let about = |zone: &str| (0, About::Location { name: zone.into() });
        ZONES.iter().zip(self.zones).map(|(name, zone)| (about(name), zone.saw.to_vec())).collect()
    }

    /// A look of so many windows, so much later, by somebody who holds the lock.
    fn look(&mut self, windows: usize, after: i64) -> BTreeMap<String, Finding> {
        self.now += after;
        let spec = &self.project.spec;
        let mut facts: BTreeMap<String, LocationFact> = ZONES
            .iter()
            .zip(self.zones)
            .map(|(name, zone)| {
                let fact = LocationFact { health: zone.provider, source: HealthSource::Reported, capacity: None };
                ((*name).to_string(), fact)
            })
            .collect();
        let windows = Windows(vec![self.window(); windows]);
        let findings = judged(spec, &windows, &mut facts, &self.state, self.now);
        let mut topology = spec.topology.clone();
        for location in &mut topology.locations {
            location.health = facts[&location.name].health;
        }
        let none = BTreeSet::new();
        let sighted = Sighted { topology: &topology, evidence: &findings, lost: &none, short: &none };
        let courses = course::courses(spec, &self.state, sighted, self.now);
        for entry in course::entries(&self.state, &courses, self.now) {
            let Entry::Note { key, note: Some(note) } = entry else { panic!("{entry:?}") };
            self.state.notes.insert(key, note);
        }
        findings.into_iter().map(|f| (f.location.clone(), f)).collect()
    }

    fn states(&mut self, windows: usize, after: i64) -> [At; 4] {
        let found = self.look(windows, after);
        ZONES.map(|zone| found[zone].state)
    }
}

#[test]
fn a_loss_ripens_window_by_window_and_one_clean_window_ends_a_suspicion() {
    let mut watch = Watch::new("");
    assert_eq!(watch.states(1, 0), [At::Healthy; 4]);
    watch.zones[0] = LOST;
    // One window is a suspicion, whatever the provider says; two in a row from enough places prove it.
    assert_eq!(watch.states(1, MINUTE)[0], At::Suspect);
    watch.zones[0] = WELL;
    assert_eq!(watch.states(1, MINUTE)[0], At::Healthy);
    watch.zones[0] = LOST;
    assert_eq!(watch.states(2, MINUTE)[0], At::Down);
    // Two that see it fail and the third that sees it well, and a provider that calls it well: nobody acts on that.
    watch.zones[0] = Zone { provider: Health::Healthy, saw: [Saw::Fail, Saw::Fail, Saw::Pass] };
    let found = watch.look(2, MINUTE).remove("a").unwrap();
    assert_eq!((found.state, found.ripe, found.against), (At::Suspect, true, 2));
    // Silence of those who look is no evidence; what the provider says then is all there is, and not enough for a loss.
    watch.zones[0] = Zone { provider: Health::Down, saw: [Saw::Nothing; 3] };
    assert_eq!(watch.states(2, MINUTE)[0], At::Suspect);
    watch.zones[0] = Zone { provider: Health::Unknown, saw: [Saw::Nothing; 3] };
    assert_eq!(watch.states(2, MINUTE)[0], At::Unknown);
    assert_eq!(watch.states(2, 400 * 24 * 60 * MINUTE)[0], At::Unknown, "never by time alone");
    watch.zones[0] = Zone { provider: Health::Unknown, saw: [Saw::Pass; 3] };
    assert_eq!(watch.states(1, MINUTE)[0], At::ControlLost);
    watch.zones[0] = Zone { provider: Health::Unknown, saw: [Saw::Fail, Saw::Pass, Saw::Pass] };
    assert_eq!(watch.states(1, MINUTE)[0], At::Unknown, "API lost and probes mixed");
    watch.zones[0] = WELL;
    assert_eq!(watch.states(1, MINUTE), [At::Healthy; 4]);
}

#[test]
fn more_losses_within_the_window_than_the_rules_allow_are_held_for_a_person() {
    for (apart, held) in [(0, true), (5 * MINUTE, true), (9 * MINUTE, true), (11 * MINUTE, false), (60 * MINUTE, false)]
    {
        let mut watch = Watch::new("");
        watch.states(1, 0);
        watch.zones[0] = LOST;
        if apart > 0 {
            assert_eq!(watch.states(2, MINUTE)[0], At::Down);
        }
        watch.zones[1] = LOST;
        let found = watch.look(2, apart.max(MINUTE));
        let wanted = if held { At::Suspect } else { At::Down };
        assert_eq!((found["b"].state, found["b"].held), (wanted, held), "{apart} ms apart");
        assert_eq!([found["c"].state, found["d"].state], [At::Healthy; 2]);
    }
}

#[test]
fn the_breaker_lets_go_when_the_others_are_well_again_and_heeds_what_the_spec_says() {
    let mut watch = Watch::new("");
    watch.states(1, 0);
    (watch.zones[0], watch.zones[1]) = (LOST, LOST);
    assert_eq!(watch.states(2, MINUTE), [At::Suspect, At::Suspect, At::Healthy, At::Healthy]);
    watch.zones[1] = WELL;
    assert_eq!(watch.states(2, MINUTE), [At::Down, At::Healthy, At::Healthy, At::Healthy]);
    // The observer's own line: everything fails at once, and nothing is made of it, however often it is looked at.
    watch.zones = [LOST; 4];
    for _ in 0..20 {
        assert_eq!(watch.states(3, MINUTE / 2)[3], At::Suspect);
    }
    let mut two = Watch::new("failover {\n    max_simultaneous_down = 2\n  }");
    two.states(1, 0);
    (two.zones[0], two.zones[1]) = (LOST, LOST);
    assert_eq!(two.states(2, MINUTE), [At::Down, At::Down, At::Healthy, At::Healthy]);
    two.zones[2] = LOST;
    assert_eq!(two.states(2, MINUTE)[2], At::Suspect, "the third within the window is one too many");
}
