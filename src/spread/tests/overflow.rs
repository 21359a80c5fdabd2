//! Groups in order, against every vector there is.

use super::world::*;
use crate::spread::decide;
use crate::spread::model::*;

/// Four zones, two in each group, with every room from 0 to 3, every number of replicas, and what stood before it.
#[test]
fn groups_fill_in_order_and_empty_in_reverse() {
    for rooms in 0..81u32 {
        let room = |p: u32| rooms / 3u32.pow(p) % 3;
        let mut topology = zones(4);
        for (p, location) in topology.locations.iter_mut().enumerate() {
            location.capacity = cap(room(p as u32));
        }
        let mut w = workload(&topology, 0, vec![level("zone", Ratio::Even)]);
        w.overflow = [["a", "b"], ["c", "d"]]
            .iter()
            .enumerate()
            .map(|(i, names)| OverflowGroup {
                name: format!("g{i}"),
                locations: names.map(String::from).to_vec(),
                max: None,
                site: Site(0),
            })
            .collect();
        let first = room(0) + room(1);
        let all = first + room(2) + room(3);
        let mut stood = vec![0; 4];
        // Up, and down again from what stood: the numbers of the groups are a function of N alone.
        for n in (1..=all).chain((1..all).rev()) {
            w.replicas = n;
            let decision = decide(&topology, &w, &live(&stood), &Mode::normal()).unwrap();
            let target = decision.after.clone();
            let in_first = n.min(first);
            assert_eq!([target[0] + target[1], target[2] + target[3]], [in_first, n - in_first], "{n} of {rooms}");
            // Inside a group the ratio holds as far as there is room.
            for (a, b) in [(0, 1), (2, 3)] {
                let (low, high) = if target[a] < target[b] { (a, b) } else { (b, a) };
                assert!(target[high] - target[low] <= 1 || target[low] == room(low as u32), "{target:?} {rooms}");
            }
            stood = target;
        }
    }
}

/// What a loss takes of the first group grows into the second only when the first is full.
#[test]
fn growth_after_a_loss_overflows() {
    let mut topology = topology(vec![location("own", "a"), location("cloud", "b"), location("cloud", "c")]);
    for (location, room) in topology.locations.iter_mut().zip([8, 7, 20]) {
        location.capacity = cap(room);
        location.reserve = 10;
    }
    let mut w = workload(&topology, 10, vec![level("cloud", Ratio::Even)]);
    let group = |name: &str, locations: &[&str]| OverflowGroup {
        name: name.into(),
        locations: locations.iter().map(|l| (*l).to_string()).collect(),
        max: None,
        site: Site(0),
    };
    w.overflow = vec![group("usual", &["a", "b"]), group("burst", &["c"])];
    let peace = decide(&topology, &w, &live(&[0, 0, 0]), &Mode::normal()).unwrap();
    assert_eq!(peace.after, [5, 5, 0]);
    let lost = vec![Event::Domain { level: 0, name: "own".into() }];
    let failover = decide(&topology, &w, &live(&peace.after), &Mode::Failover { lost }).unwrap();
    assert_eq!(failover.after, [0, 7, 3]);
    let back = decide(&topology, &w, &live(&[5, 7, 3]), &Mode::normal()).unwrap();
    assert_eq!(back.after, [5, 5, 0]);
}
