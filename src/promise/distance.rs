//! How far apart sites are (`spread.md` N16).

use super::model::{Class, Distance, Promises, Weight};
use super::{One, judgement};
use crate::spread::decision::Verdict;
use crate::tongue::Words;

/// The mean radius of the earth (IUGG), in kilometres.
const EARTH_KM: f64 = 6_371.008_8;

/// Kilometres along the great circle between two places given in degrees (haversine).
pub fn great_circle_km(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (lat_a, lat_b) = (a.0.to_radians(), b.0.to_radians());
    let (dlat, dlon) = (lat_b - lat_a, (b.1 - a.1).to_radians());
    let h = (dlat / 2.0).sin().powi(2) + lat_a.cos() * lat_b.cos() * (dlon / 2.0).sin().powi(2);
    2.0 * EARTH_KM * h.sqrt().min(1.0).asin()
}

pub(super) fn judge(promises: &Promises, out: &mut Vec<One>) {
    for rule in &promises.distances {
        let judgement = one(promises, rule);
        let owner = owner(promises, rule.owner.as_ref());
        out.push(One {
            id: format!("distance.{}", rule.name),
            weight: Weight::Rule,
            site: rule.site,
            owner,
            judgement,
        });
        for hazard in &rule.hazards {
            let all: Vec<&String> = rule.groups.iter().flatten().collect();
            let placed = |name: &&&String| promises.sites.get(**name).and_then(|s| s.coordinates);
            let within: Vec<&str> = all
                .iter()
                .filter(|name| placed(name).is_some_and(|at| great_circle_km(at, hazard.center) <= hazard.radius_km))
                .map(|name| name.as_str())
                .collect();
            let unplaced: Vec<&str> = all.iter().filter(|name| placed(name).is_none()).map(|n| n.as_str()).collect();
            let words = |key| {
                Words::new(key)
                    .with("hazard", hazard.name.as_str())
                    .with("n", within.len() as u64)
                    .with("most", u64::from(hazard.most))
                    .with("radius", km_text(hazard.radius_km))
                    .with("sites", within.join(", "))
                    .with("unplaced", unplaced.join(", "))
            };
            let (verdict, why) = match within.len() as u64 > u64::from(hazard.most) {
                true => (Verdict::Fail, words("hazard.too_many")),
                false if !unplaced.is_empty() => (Verdict::NotProven, words("hazard.unplaced")),
                false => (Verdict::Pass, words("hazard.pass")),
            };
            let numbers = [("within", within.len() as i64), ("most", i64::from(hazard.most))];
            let judgement = super::judgement(verdict, why, &numbers);
            let id = format!("distance.{}.hazard.{}", rule.name, hazard.name);
            let owner = self::owner(promises, rule.owner.as_ref());
            out.push(One { id, weight: Weight::Rule, site: rule.site, owner, judgement });
        }
    }
}

/// Metres, for comparing and for programs: what is written in kilometres is exact in metres.
pub(super) fn metres(km: f64) -> i64 {
    (km * 1000.0).round() as i64
}

/// `325`, `19.4`: one decimal below a hundred.
pub(super) fn km_text(km: f64) -> String {
    if km < 100.0 && (km - km.round()).abs() > 0.049 { format!("{km:.1}") } else { format!("{km:.0}") }
}

fn one(promises: &Promises, rule: &Distance) -> super::model::Judgement {
    let class_of = |name: &str| promises.sites.get(name).and_then(|s| s.class);
    let wanted = |name: &str| class_of(name).is_some_and(|c: Class| rule.classes.contains(&c));
    let mut nearest: Option<(i64, f64, &str, &str)> = None;
    let mut farthest: Option<(i64, f64, &str, &str)> = None;
    let mut unplaced: Vec<&str> = Vec::new();
    let mut pairs = 0u64;
    for (i, group) in rule.groups.iter().enumerate() {
        for other in &rule.groups[i + 1..] {
            for (a, b) in group.iter().flat_map(|a| other.iter().map(move |b| (a.as_str(), b.as_str()))) {
                if a == b || (!rule.classes.is_empty() && !wanted(a) && !wanted(b)) {
                    continue;
                }
                pairs += 1;
                let at = |name: &str| promises.sites.get(name).and_then(|s| s.coordinates);
                match (at(a), at(b)) {
                    (Some(from), Some(to)) => {
                        let km = great_circle_km(from, to);
                        let found = (metres(km), km, a, b);
                        if nearest.is_none_or(|n| found.0 < n.0) {
                            nearest = Some(found);
                        }
                        if farthest.is_none_or(|f| found.0 > f.0) {
                            farthest = Some(found);
                        }
                    }
                    (from, to) => {
                        unplaced
                            .extend([(from, a), (to, b)].into_iter().filter(|(at, _)| at.is_none()).map(|(_, n)| n));
                    }
                }
            }
        }
    }
    unplaced.sort_unstable();
    unplaced.dedup();
    let words = |key, (_, km, a, b): (i64, f64, &str, &str)| {
        Words::new(key)
            .with("a", a)
            .with("b", b)
            .with("km", km_text(km))
            .with("min", km_text(rule.min_km))
            .with("pairs", pairs)
    };
    let mut numbers = vec![("min_m", metres(rule.min_km)), ("pairs", pairs as i64)];
    numbers.extend(nearest.map(|n| ("nearest_m", n.0)));
    numbers.extend(rule.max_km.map(|km| ("max_m", metres(km))));
    numbers.extend(rule.max_km.and(farthest).map(|f| ("farthest_m", f.0)));
    if let Some(near) = nearest.filter(|n| n.0 < metres(rule.min_km)) {
        let missing = km_text(rule.min_km - near.1);
        return judgement(Verdict::Fail, words("distance.too_near", near).with("missing", missing), &numbers);
    }
    if let (Some(far), Some(max)) = (farthest, rule.max_km)
        && far.0 > metres(max)
    {
        return judgement(Verdict::Fail, words("distance.too_far", far).with("max", km_text(max)), &numbers);
    }
    if !unplaced.is_empty() {
        let why = Words::new("distance.unplaced").with("sites", unplaced.join(", ")).with("min", km_text(rule.min_km));
        return judgement(Verdict::NotProven, why, &numbers);
    }
    match nearest {
        Some(near) => judgement(Verdict::Pass, words("distance.pass", near), &numbers),
        None => judgement(Verdict::NotProven, Words::new("distance.no_pair"), &numbers),
    }
}

/// Who answers for something: the name as written, with where to reach them.
pub(super) fn owner(promises: &Promises, name: Option<&String>) -> Option<String> {
    let name = name?;
    match promises.owners.get(name).and_then(|o| o.contact.as_ref()) {
        Some(contact) => Some(format!("{name} ({contact})")),
        None => Some(name.clone()),
    }
}
