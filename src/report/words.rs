//! The words numbers, events and verdicts are put in; the same everywhere.

use super::style::clean;
use crate::lang::address::{Address, Key, natural};
use crate::spread::decision::{Because, CheckOf, Interval, Note, TimeOf, TimePart, Units, Verdict, WayOut};
use crate::spread::model::{Event, Health, HealthSource, Ratio, TimeSource, Topology, Workload};
use crate::tongue::{Arg, Lang, Words};
use std::collections::BTreeMap;

/// Seconds as people say them: `1m40s`, `15m`, `2h`.
pub fn duration(seconds: u64) -> String {
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut out = String::new();
    for (n, unit) in [(h, "h"), (m, "m"), (s, "s")] {
        if n > 0 {
            out.push_str(&format!("{n}{unit}"));
        }
    }
    if out.is_empty() { "0s".into() } else { out }
}

/// `1 replica`, `2 replicas`.
pub fn count(n: usize, one: &str) -> String {
    let many = match one.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{one}s"),
    };
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

/// Units of `1/scale` replica in replicas, rounded down to thousandths.
pub fn amount(units: i64, scale: u32) -> String {
    let scale = i64::from(scale.max(1));
    let (whole, rest) = (units / scale, (units % scale).unsigned_abs());
    if rest == 0 {
        return whole.to_string();
    }
    let sign = if units < 0 && whole == 0 { "-" } else { "" };
    let thousandths = rest * 1000 / scale.unsigned_abs();
    format!("{sign}{whole}.{thousandths:03}").trim_end_matches('0').trim_end_matches('.').to_string()
}

/// [`amount`] of an unsigned number.
pub fn units(units: Units, scale: u32) -> String {
    amount(i64::try_from(units).unwrap_or(i64::MAX), scale)
}

/// `5`, or `0 to 5` where it is not known.
pub fn interval(i: Interval) -> String {
    if i.lo == i.hi { i.lo.to_string() } else { format!("{} to {}", i.lo, i.hi) }
}

/// The sum of intervals.
pub fn sum(all: &[Interval]) -> Interval {
    all.iter()
        .fold(Interval::default(), |a, b| Interval { lo: a.lo.saturating_add(b.lo), hi: a.hi.saturating_add(b.hi) })
}

/// Millionths of a currency as `0.52`, to as many places as it needs (two at least).
pub fn money(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    let cut = text.trim_end_matches('0');
    let least = text.len() - 4;
    text[..cut.len().max(least)].to_string()
}

/// The word for a verdict.
pub fn verdict(v: Verdict) -> &'static str {
    match v {
        Verdict::Pass => "PASS",
        Verdict::NotProven => "NOT PROVEN",
        Verdict::Fail => "FAIL",
    }
}

/// The word of the machine formats.
pub fn verdict_key(v: Verdict) -> &'static str {
    match v {
        Verdict::Pass => "pass",
        Verdict::NotProven => "not_proven",
        Verdict::Fail => "fail",
    }
}

/// How a location is, in a word.
pub fn health(h: Health, source: HealthSource) -> &'static str {
    match (h, source) {
        (Health::Healthy, HealthSource::Reported) => "UP",
        (Health::Healthy, HealthSource::Assumed) => "UP (assumed)",
        (Health::Degraded, _) => "DEGRADED",
        (Health::Suspect, _) => "SUSPECT",
        (Health::Unknown, _) => "UNKNOWN",
        (Health::ControlLost, _) => "CONTROL LOST",
        (Health::Down, _) => "DOWN",
        (Health::Probation, _) => "ON TRIAL",
        (Health::Returning, _) => "RETURNING",
    }
}

/// The word of the machine formats.
pub fn health_key(h: Health) -> &'static str {
    match h {
        Health::Healthy => "healthy",
        Health::Degraded => "degraded",
        Health::Suspect => "suspect",
        Health::Unknown => "unknown",
        Health::ControlLost => "control_lost",
        Health::Down => "down",
        Health::Probation => "probation",
        Health::Returning => "returning",
    }
}

/// Names for the indices of a decision.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// Where it all stands.
    pub topology: &'a Topology,
    /// The rules.
    pub workload: &'a Workload,
}

impl<'a> Names<'a> {
    /// The location of a place.
    pub fn place(&self, place: usize) -> &'a str {
        let location = self.workload.places.get(place).and_then(|p| self.topology.locations.get(p.location));
        location.map_or("?", |l| l.name.as_str())
    }

    /// Several places, `a, b and 3 more`.
    pub fn places(&self, places: &[usize]) -> String {
        some(places.iter().map(|p| self.place(*p).to_string()), 4)
    }

    /// `zone seoul-a`, `carrier kt_line`.
    pub fn event(&self, event: &Event) -> String {
        match event {
            Event::Domain { level, name } => {
                format!("{} {name}", self.topology.levels.get(*level).map_or("", String::as_str))
            }
            Event::Risk(risk) => match self.topology.risks.get(*risk) {
                Some(risk) => format!("{} {}", risk.kind.replace('_', " "), risk.name),
                None => "?".into(),
            },
        }
    }

    /// `zone a + zone b`.
    pub fn loss(&self, events: &[Event]) -> String {
        events.iter().map(|e| self.event(e)).collect::<Vec<_>>().join(" + ")
    }

    /// The names of the machine formats: `zone:a`.
    pub fn labels(&self, events: &[Event]) -> Vec<String> {
        events.iter().map(|e| e.label(self.topology)).collect()
    }

    /// Replicas of so many units.
    pub fn units(&self, n: Units) -> String {
        units(n, self.workload.scale)
    }

    /// `survive "zone"`, with the number of losses where it is not one.
    pub fn rule(&self, index: usize) -> String {
        match self.workload.survive.get(index) {
            Some(rule) if rule.losses == 1 => format!("survive \"{}\"", rule.of.name()),
            Some(rule) => format!("survive \"{}\" ({} at once)", rule.of.name(), rule.losses),
            None => "?".into(),
        }
    }

    fn spread_level(&self, index: usize) -> &'a str {
        self.workload.spread.get(index).map_or("?", |s| s.level.as_str())
    }

    /// What a check is about.
    pub fn check(&self, check: &CheckOf) -> String {
        match check {
            CheckOf::Serving => "floor".into(),
            CheckOf::Survive(rule) => self.rule(*rule),
            CheckOf::DomainFloor(spread, domain) => format!("minimum of {} {domain}", self.spread_level(*spread)),
            CheckOf::Surge => "surge".into(),
            CheckOf::Capacity(place) => format!("capacity of {}", self.place(*place)),
            CheckOf::Skew(spread, parent) if parent.is_empty() => format!("skew of {}", self.spread_level(*spread)),
            CheckOf::Skew(spread, parent) => format!("skew of {} in {}", self.spread_level(*spread), parent.join("/")),
            CheckOf::Margin => "margin".into(),
        }
    }

    /// What a check is called in the machine formats: the id of the rule.
    pub fn check_key(&self, check: &CheckOf) -> String {
        check.id(self.topology, self.workload)
    }

    /// Why a verdict is not PASS, in English.
    pub fn because(&self, because: &Because) -> String {
        self.because_words(because).say(Lang::En)
    }

    fn names_of(&self, places: &[usize]) -> Arg {
        Arg::Names(places.iter().map(|p| self.place(*p).to_string()).collect())
    }

    /// Why a verdict is not PASS.
    pub fn because_words(&self, because: &Because) -> Words {
        let of = |key, places: &[usize]| Words::new(key).with("places", self.names_of(places));
        match because {
            Because::TooFewAlive => Words::new("why.too_few"),
            Because::UnknownState(places) => of("why.unknown_state", places),
            Because::HealthAssumed(places) => of("why.health_assumed", places),
            Because::NoEvidence { kind, places } => of("why.no_evidence", places).with("kind", kind.replace('_', " ")),
            Because::NoSuchRisk(kind) => Words::new("why.no_such_risk").with("kind", kind.as_str()),
            Because::GrowthTooSmall => Words::new("why.growth_small"),
            Because::GrowthTooLate => Words::new("why.growth_late"),
            Because::QuotaOnly(places) => of("why.quota_only", places),
            Because::BeyondReserve(places) => of("why.beyond_reserve", places),
            Because::CapacityUnknown(places) => of("why.capacity_unknown", places),
            Because::BootAssumed(places) => of("why.boot_assumed", places),
            Because::Vacuous => Words::new("why.vacuous"),
            Because::Accepted(i) => self.accepted(*i),
        }
    }

    /// Something to tell, in English, with its weight: `true` for what somebody should look at.
    pub fn note(&self, note: &Note) -> (bool, String) {
        let (grave, words) = self.note_words(note);
        (grave, words.say(Lang::En))
    }

    /// Something to tell, with its weight: `true` for what somebody should look at.
    pub fn note_words(&self, note: &Note) -> (bool, Words) {
        let level = |i: usize| self.spread_level(i);
        let number = |n: u32| n.to_string();
        match note {
            Note::TolerateQuota { spread, domain, share, gets } => (
                true,
                Words::new("note.quota")
                    .with("level", level(*spread))
                    .with("domain", domain.as_str())
                    .with("gets", number(*gets))
                    .with("share", number(*share)),
            ),
            Note::Short { placed, wanted } => {
                (true, Words::new("note.short").with("placed", number(*placed)).with("wanted", number(*wanted)))
            }
            Note::MinDomains { spread, have, want } => (
                true,
                Words::new("note.min_domains")
                    .with("level", level(*spread))
                    .with("have", number(*have))
                    .with("want", number(*want)),
            ),
            Note::OutsideQuota { spread, domain } => {
                (false, Words::new("note.outside").with("level", level(*spread)).with("domain", domain.as_str()))
            }
            Note::Skew { spread, parent } if parent.is_empty() => {
                (true, Words::new("note.skew").with("level", level(*spread)))
            }
            Note::Skew { spread, parent } => {
                (true, Words::new("note.skew_in").with("level", level(*spread)).with("parent", parent.join("/")))
            }
            Note::Down(place) => (true, Words::new("note.down").with("place", self.place(*place))),
            Note::Frozen(place) => (true, Words::new("note.frozen").with("place", self.place(*place))),
            Note::HeldByUnknown(places) => (true, Words::new("note.held").with("places", self.names_of(places))),
            Note::DeferredWhileDown(n) => (true, Words::new("note.deferred").with("replicas", replicas(*n as usize))),
            Note::SameNameTwice { level, domain } => (
                true,
                Words::new("note.same_name")
                    .with("level", self.topology.levels.get(*level).map_or("?", String::as_str))
                    .with("domain", domain.as_str()),
            ),
            Note::RoundedUp { place, units } => {
                (false, Words::new("note.rounded").with("place", self.place(*place)).with("units", self.units(*units)))
            }
            Note::NoReplicas => (true, Words::new("note.no_replicas")),
            Note::SingleReplica => (true, Words::new("note.single_replica")),
            Note::Waves(n) => (false, Words::new("note.waves").with("n", n.to_string())),
            Note::Accepted(i) => (false, self.accepted(*i)),
            Note::HeldUp => (true, Words::new("note.held_up")),
            Note::Follows(others) => (false, Words::new("note.follows").with("others", others.join(", "))),
            Note::SinglePointOfFailure(event) => {
                (true, Words::new("note.single_point").with("event", self.event(event)))
            }
        }
    }

    /// A loss somebody lives with.
    fn accepted(&self, index: usize) -> Words {
        self.workload.accepted.get(index).map_or_else(Words::default, |accepted| {
            Words::new("why.accepted")
                .with("loss", self.loss(&accepted.lose))
                .with("until", accepted.until.as_str())
                .with("name", accepted.name.as_str())
        })
    }

    /// Something that would make a rule satisfiable.
    pub fn way_out(&self, way: &WayOut, lang: Lang) -> String {
        let told = |key: &'static str, n: String| Words::new(key).with("n", n);
        match way {
            WayOut::Replicas(n) => format!("replicas = {n}"),
            WayOut::LowerFloor { units, percent, .. } if *percent > 0 => {
                told("way.floor_percent", self.units(*units)).with("percent", percent_text(*percent)).say(lang)
            }
            WayOut::LowerFloor { units, .. } => told("way.floor", self.units(*units)).say(lang),
            WayOut::RaiseCap { name, to, .. } => told("way.room", to.to_string()).with("name", name.as_str()).say(lang),
            WayOut::LowerMinimum { name, to, .. } => {
                told("way.minimum", to.to_string()).with("name", name.as_str()).say(lang)
            }
            WayOut::Surge { to, .. } => format!("surge = {to}"),
            WayOut::Tolerance { to, .. } => format!("tolerance = {to}"),
            WayOut::Within { floor, within_s, .. } => {
                told("way.within", self.units(*floor)).with("time", Arg::Seconds(*within_s)).say(lang)
            }
            WayOut::LowerPromise { units, .. } => told("way.promise", self.units(*units)).say(lang),
            WayOut::PreferOnShortage(_) => "on_shortage = \"prefer\"".into(),
            WayOut::SpareRoom(place) => Words::new("way.spare").with("name", self.place(*place)).say(lang),
        }
    }
}

/// Millionths of a percent as the spec writes them: `33.3%`.
pub fn percent_text(millionths: u64) -> String {
    let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `1 replica`, `2 replicas`.
pub fn replicas(n: usize) -> Words {
    Words::new(if n == 1 { "word.replica" } else { "word.replicas" }).with("n", n.to_string())
}

/// `1 object`, `2 objects`.
pub fn objects(n: usize) -> Words {
    Words::new(if n == 1 { "word.object" } else { "word.objects" }).with("n", n.to_string())
}

/// A recovery time taken apart, in English: `detect 30s (declared) + boot 1m30s (measured)`.
pub fn time_parts(parts: &[TimePart]) -> String {
    time_parts_in(parts, Lang::En)
}

/// A recovery time taken apart.
pub fn time_parts_in(parts: &[TimePart], lang: Lang) -> String {
    let words = parts.iter().filter(|p| p.seconds > 0).map(|part| {
        let what = Words::new(match part.what {
            TimeOf::Detect => "time.detect",
            TimeOf::Decide => "time.decide",
            TimeOf::Boot => "time.boot",
            TimeOf::Healthy => "time.healthy",
            TimeOf::EntryTtl => "time.ttl",
        });
        let source = Words::new(match part.source {
            TimeSource::Measured => "time.measured",
            TimeSource::Declared => "time.declared",
            TimeSource::Default => "time.assumed",
        });
        let time = if lang == Lang::En { Arg::Text(duration(part.seconds)) } else { Arg::Seconds(part.seconds) };
        Words::new("time.part").with("what", what).with("time", time).with("source", source).say(lang)
    });
    words.collect::<Vec<_>>().join(" + ")
}

/// Seconds as people of a language say them.
pub fn duration_in(seconds: u64, lang: Lang) -> String {
    if lang == Lang::En { duration(seconds) } else { crate::tongue::duration(seconds, lang) }
}

/// Where a number comes from.
pub fn source(source: TimeSource) -> &'static str {
    match source {
        TimeSource::Measured => "measured",
        TimeSource::Declared => "declared",
        TimeSource::Default => "assumed",
    }
}

/// A ratio as the spec writes it, for domains in this order.
pub fn ratio<'d>(ratio: &Ratio, domains: impl Iterator<Item = &'d str>) -> String {
    match ratio {
        Ratio::Even => "even".into(),
        Ratio::Weights { parts, rest } => {
            let weight = |d: &str| parts.iter().find(|(name, _)| name == d).map(|(_, w)| *w).or(*rest).unwrap_or(0);
            let all: Vec<String> = domains.map(|d| weight(d).to_string()).collect();
            if all.len() > 6 { "by weight".into() } else { all.join(":") }
        }
    }
}

/// The first few of many: `a, b and 3 more`.
pub fn some(all: impl Iterator<Item = String>, most: usize) -> String {
    let all: Vec<String> = all.collect();
    let shown = if all.len() > most + 1 { most } else { all.len() };
    let mut text = all[..shown].join(", ");
    if shown < all.len() {
        text.push_str(&format!(" and {} more", all.len() - shown));
    }
    text
}

/// Instance keys in few words: `seoul-a/1..4, seoul-c/7`. Runs of numbers behind one prefix are joined; at most `most` runs are
/// named, the rest counted.
pub fn keys<'k>(all: impl Iterator<Item = &'k Key>, most: usize) -> String {
    let mut runs: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let mut others: Vec<&str> = Vec::new();
    for key in all {
        match key {
            Key::Int(n) => runs.entry("").or_default().push(*n),
            Key::Str(text) => match text.rsplit_once('/').map(|(place, slot)| (place, slot.parse::<u64>(), slot)) {
                Some((place, Ok(n), slot)) if slot == n.to_string() => {
                    runs.entry(&text[..place.len() + 1]).or_default().push(n);
                }
                _ => others.push(text),
            },
        }
    }
    let mut prefixes: Vec<(&str, Vec<u64>)> = runs.into_iter().collect();
    prefixes.sort_by(|a, b| natural(a.0, b.0));
    let mut words: Vec<String> = Vec::new();
    for (prefix, mut numbers) in prefixes {
        numbers.sort_unstable();
        numbers.dedup();
        for (first, last) in stretches(&numbers) {
            words.push(match last - first {
                0 => format!("{}{first}", clean(prefix)),
                1 => format!("{}{first},{last}", clean(prefix)),
                _ => format!("{}{first}..{last}", clean(prefix)),
            });
        }
    }
    others.sort_by(|a, b| natural(a, b));
    words.extend(others.into_iter().map(|text| clean(text).into_owned()));
    let hidden = words.len().saturating_sub(most);
    if hidden > 1 {
        words.truncate(most);
        words.push(format!("... and {hidden} more runs"));
    }
    words.join(", ")
}

fn stretches(sorted: &[u64]) -> Vec<(u64, u64)> {
    let mut out: Vec<(u64, u64)> = Vec::new();
    for n in sorted {
        match out.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*n) => *last = *n,
            _ => out.push((*n, *n)),
        }
    }
    out
}

/// Slots of one place: `seoul-a/1..4`.
pub fn slots(place: &str, slots: impl Iterator<Item = u32>) -> String {
    let keys: Vec<Key> = slots.map(|slot| Key::Str(format!("{place}/{slot}").into())).collect();
    keys_of(&keys)
}

/// [`keys`] with at most six runs.
pub fn keys_of(all: &[Key]) -> String {
    keys(all.iter(), 6)
}

/// The replica an address belongs to: `seoul-a/2`.
pub fn replica(address: &Address) -> Option<&str> {
    match (&address.workload, &address.key) {
        (Some(_), Some(Key::Str(key))) => Some(key),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_amounts() {
        assert_eq!(
            ["0s", "59s", "1m", "13m40s", "2h", "1h0m1s".replace("0m", "").as_str()],
            [0, 59, 60, 820, 7200, 3601].map(duration).each_ref().map(String::as_str)
        );
        assert_eq!([amount(48, 10), amount(50, 10), amount(-5, 10), amount(7, 1)], ["4.8", "5", "-0.5", "7"]);
        assert_eq!([money(470_000), money(1_000_000), money(52_125)], ["0.47", "1.00", "0.052125"]);
        assert_eq!(percent_text(33_300_000), "33.3%");
    }

    #[test]
    fn runs_of_keys() {
        let key = |s: &str| Key::Str(s.into());
        let all: Vec<Key> = ["a/1", "a/2", "a/10", "a/3", "b/0", "b/1", "odd", "c/07"].map(key).into();
        assert_eq!(keys(all.iter(), 9), "a/1..3, a/10, b/0,1, c/07, odd");
        assert_eq!(keys([Key::Int(0), Key::Int(1), Key::Int(2)].iter(), 9), "0..2");
        assert_eq!(keys(all.iter(), 2), "a/1..3, a/10, ... and 3 more runs");
    }
}
