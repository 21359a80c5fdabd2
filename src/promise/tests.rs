use super::model::*;
use super::*;
use crate::spread::model::{Event, Site};
use crate::tongue::Lang;

/// Vectors by an independent calculator (sphere of the mean radius).
#[test]
fn haversine_vectors() {
    let vectors = [
        ((37.5665, 126.978), (35.1796, 129.0756), 325.1),
        ((37.5665, 126.978), (37.3947, 127.1112), 22.4),
        ((37.5665, 126.978), (36.8151, 127.1139), 84.4),
        ((51.5007, -0.1246), (40.6892, -74.0445), 5574.8),
        ((0.0, 179.5), (0.0, -179.5), 111.2),
        ((90.0, 0.0), (-90.0, 77.0), 20_015.1),
        ((12.0, 34.0), (12.0, 34.0), 0.0),
    ];
    for (a, b, km) in vectors {
        let found = great_circle_km(a, b);
        assert!((found - km).abs() < 0.1, "{a:?} {b:?}: {found} is not {km}");
        assert!((found - great_circle_km(b, a)).abs() < 1e-9);
    }
}

fn at(lat: f64, lon: f64) -> SiteFacts {
    SiteFacts { coordinates: Some((lat, lon)), ..SiteFacts::default() }
}

fn distance_of(sites: &[(&str, SiteFacts)], min_km: f64) -> Judgement {
    let names: Vec<Vec<String>> = sites.iter().map(|(n, _)| vec![(*n).to_string()]).collect();
    let promises = Promises {
        sites: sites.iter().map(|(n, f)| ((*n).to_string(), f.clone())).collect(),
        distances: vec![Distance {
            name: "d".into(),
            groups: names,
            classes: Vec::new(),
            min_km,
            max_km: None,
            hazards: Vec::new(),
            owner: None,
            site: Site(0),
        }],
        ..Promises::default()
    };
    judge(&promises, &Topology::default(), &[], &[]).judged[0].after.clone()
}

#[test]
fn distance_20_140km() {
    let seoul = ("seoul", at(37.5665, 126.978));
    let busan = ("busan", at(35.1796, 129.0756));
    let pangyo = ("pangyo", at(37.3947, 127.1112));
    assert_eq!(distance_of(&[seoul.clone(), busan.clone(), pangyo.clone()], 20.0).verdict, Verdict::Pass);
    let near = distance_of(&[seoul.clone(), busan, pangyo], 140.0);
    assert_eq!(near.verdict, Verdict::Fail);
    let said = near.why.say(Lang::En);
    assert!(said.contains("seoul and pangyo") && said.contains("22.4 km") && said.contains("140 km"), "{said}");
    let nowhere = distance_of(&[seoul, ("x", SiteFacts::default())], 20.0);
    assert_eq!(nowhere.verdict, Verdict::NotProven);
    assert!(near.why.say(Lang::Ko).contains("seoul과 pangyo 사이는 22.4km"), "{}", near.why.say(Lang::Ko));
}

fn leg(every_s: Option<u64>, lag_s: Option<u64>) -> Leg {
    Leg {
        name: "l".into(),
        target: None,
        shares: Vec::new(),
        every_s,
        lag_s,
        incremental: false,
        full_every_s: None,
        restored: None,
        restore_every_days: None,
        site: Site(0),
    }
}

#[test]
fn backup_leg_rpo() {
    assert_eq!(leg(Some(43_200), None).rpo_s(), Some(43_200));
    assert_eq!(leg(Some(43_200), Some(1800)).rpo_s(), Some(45_000));
    assert_eq!(leg(None, Some(5)).rpo_s(), Some(5));
    assert_eq!(leg(None, None).rpo_s(), None);
    for (legs, rpo, verdict) in [
        (vec![leg(None, Some(5))], 60, Verdict::Pass),
        (vec![leg(None, Some(60))], 60, Verdict::Pass),
        (vec![leg(None, Some(61))], 60, Verdict::Fail),
        (vec![leg(None, None)], 60, Verdict::NotProven),
        (vec![leg(None, None), leg(None, Some(5))], 60, Verdict::Pass),
        (vec![leg(Some(43_200), None), leg(Some(86_400), None)], 43_200, Verdict::Pass),
        (vec![], 60, Verdict::Fail),
    ] {
        let backup = Backup {
            name: "b".into(),
            source: Vec::new(),
            workloads: Vec::new(),
            rpo_s: Some(rpo),
            apart: Vec::new(),
            legs,
            owner: None,
            site: Site(0),
        };
        let promises = Promises { backups: vec![backup], ..Promises::default() };
        let judged = judge(&promises, &Topology::default(), &[], &[]).judged;
        assert_eq!(judged[0].after.verdict, verdict, "{}", judged[0].after.why.say(Lang::En));
    }
}

/// `data_loss` of a loss nobody has copies for has no bound; of one that takes nothing it is 0.
#[test]
fn data_loss_is_by_the_newest_copy_that_is_left() {
    let topology =
        Topology { levels: vec!["zone".into()], locations: ["a", "b"].map(location).into(), risks: Vec::new() };
    let mut live = leg(None, Some(5));
    live.target = Some("b".into());
    let backup = Backup {
        name: "b".into(),
        source: vec!["a".into()],
        workloads: Vec::new(),
        rpo_s: None,
        apart: Vec::new(),
        legs: vec![live],
        owner: None,
        site: Site(0),
    };
    let promises = Promises { backups: vec![backup], ..Promises::default() };
    let lose = |names: &[&str]| {
        let events: Vec<Event> = names.iter().map(|n| Event::Domain { level: 0, name: (*n).to_string() }).collect();
        data_loss(&promises, &topology, "w", &events)
    };
    assert_eq!(lose(&["a"]), Some(5));
    assert_eq!(lose(&["b"]), Some(0));
    assert_eq!(lose(&["a", "b"]), None);
    assert_eq!(data_loss(&Promises::default(), &topology, "w", &[]), None);
}

fn location(name: &str) -> crate::spread::model::Location {
    use crate::spread::model::*;
    Location {
        name: name.into(),
        domains: [("zone".to_string(), name.to_string())].into(),
        shares: Vec::new(),
        control: Vec::new(),
        capacity: Capacity { limit: Limit::Known { lo: 10, hi: 10 }, source: CapacitySource::Declared },
        health: Health::Healthy,
        health_source: HealthSource::Assumed,
        operator: OperatorState::Open,
        boot: Timed { seconds: 60, source: TimeSource::Declared },
        reserve: 0,
        cost: None,
        frozen: false,
        site: Site(0),
    }
}
