//! The store as a file: shared, and told apart from other files.

mod common;

use common::*;
use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};
use straddle_provider_sim::model::{FaultKind, Id, Op};
use straddle_provider_sim::store::{Caller, Store};
use straddle_provider_sim::{ManualClock, Refusal, StoreError, control};

#[test]
fn many_connections_share_one_store() {
    const CONNECTIONS: usize = 4;
    const EACH: usize = 60;
    let directory = tempfile::tempdir().expect("a directory");
    let path = Arc::new(directory.path().join("sim.db"));
    let start = Arc::new(Barrier::new(CONNECTIONS));
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|n| {
            let (path, start) = (path.clone(), start.clone());
            std::thread::spawn(move || {
                // All make the file at the same moment.
                start.wait();
                let mut store = Store::open_or_create(&path).expect("a store");
                store.write(0, |tx| tx.set_quota(&zone("a"), Some(100)).map_err(stored)).expect("set");
                let who = Caller::of(if n % 2 == 0 { "aws" } else { "ncp" });
                let mut made: Vec<Id> = Vec::new();
                let mut refused = 0;
                for _ in 0..EACH {
                    match store.write(0, |tx| tx.create(&who, &instance("a"), None)).expect("a sound store") {
                        Ok(one) => made.extend(one.object.map(|object| object.id)),
                        Err(Refusal::QuotaExceeded { .. }) => refused += 1,
                        Err(other) => panic!("{other}"),
                    }
                }
                (made, refused)
            })
        })
        .collect();
    let results: Vec<(Vec<Id>, usize)> = workers.into_iter().map(|w| w.join().expect("no panic")).collect();
    let ids: BTreeSet<Id> = results.iter().flat_map(|(made, _)| made.iter().copied()).collect();
    assert_eq!(ids.len(), 100, "the quota is reached and kept, and no id was given twice");
    assert_eq!(results.iter().map(|(_, refused)| refused).sum::<usize>(), CONNECTIONS * EACH - 100);
    let status = control::status(&path, &ManualClock::at(0)).expect("status");
    assert_eq!((status.resources.len(), status.domains[&zone("a")].used), (100, 100));
}

fn stored(fail: straddle_provider_sim::Fail) -> StoreError {
    match fail {
        straddle_provider_sim::Fail::Store(error) => error,
        straddle_provider_sim::Fail::Refused(refusal) => panic!("{refusal}"),
    }
}

#[test]
fn one_connection_sees_what_another_wrote() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("sim.db");
    let (mut one, mut other) = (World::new(), World::new());
    one.store = Store::open_or_create(&path).expect("a store");
    other.store = Store::open(&path).expect("the same");
    let id = one.made(&instance("a"));
    assert_eq!(other.found(id).id, id);
    other.fault(Op::Create, FaultKind::Error, 1.0, 0);
    assert_eq!(one.create(&instance("a")), Err(Refusal::Injected(Op::Create)));
}

#[test]
fn other_files_are_left_as_they_are() {
    let directory = tempfile::tempdir().expect("a directory");
    let foreign = directory.path().join("foreign.db");
    let made = rusqlite::Connection::open(&foreign).expect("a database");
    made.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1);").expect("a table");
    drop(made);
    let text = directory.path().join("notes.txt");
    std::fs::write(&text, "not a database, and long enough to be read as one".repeat(40)).expect("written");
    for path in [&foreign, &text] {
        let before = std::fs::read(path).expect("read");
        for result in [Store::open(path), Store::open_or_create(path)] {
            assert!(matches!(result, Err(StoreError::Foreign(named)) if named == *path), "{path:?}");
        }
        assert_eq!(std::fs::read(path).expect("read"), before);
    }
    let newer = directory.path().join("newer.db");
    drop(Store::open_or_create(&newer).expect("a store"));
    let raised = rusqlite::Connection::open(&newer).expect("a database");
    raised.execute_batch("PRAGMA user_version = 99").expect("raised");
    drop(raised);
    assert!(matches!(Store::open(&newer), Err(StoreError::TooNew { found: 99, .. })));
    let missing = directory.path().join("missing.db");
    assert!(matches!(Store::open(&missing), Err(StoreError::Missing(_))));
    assert!(!missing.exists(), "looking makes no file");
    // As a process leaves it that was killed while it made the store.
    std::fs::write(&missing, "").expect("written");
    assert!(matches!(Store::open(&missing), Err(StoreError::Missing(_))));
    let mut world = World::new();
    world.store = Store::open_or_create(&missing).expect("laid out");
    world.made(&instance("a"));
}

#[test]
fn a_damaged_row_is_told_and_does_no_harm() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("sim.db");
    let mut world = World::new();
    world.store = Store::open_or_create(&path).expect("a store");
    let id = world.made(&instance("a"));
    let vandal = rusqlite::Connection::open(&path).expect("a database");
    for (spec, units) in [("{\"instance\":", "NULL"), ("{\"record\":{}}", "NULL"), ("{}", "'x'")] {
        vandal.execute_batch(&format!("UPDATE object SET spec = '{spec}', units = {units}")).expect("damaged");
        let who = Caller::of(CLOUD);
        let read = world.store.read(0, false, |tx| tx.read(&who, id));
        assert!(matches!(read, Err(StoreError::Damaged(_))), "{read:?}");
    }
}

#[test]
fn status_is_the_json_of_the_contract() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("sim.db");
    let clock = ManualClock::at(0);
    let mut world = World::new();
    world.store = Store::open_or_create(&path).expect("a store");
    let server = world.made(&instance("a"));
    let front = world.made(&balancer());
    world.made(&target(front, server));
    control::set_quota(&path, &clock, &zone("a"), Some(5)).expect("set");
    let gone = world.made(&instance("b"));
    world.delete(gone).expect("deleted");
    let status = serde_json::to_value(control::status(&path, &clock).expect("status")).expect("json");
    let expected = serde_json::json!({
        "domains": {
            "cloud:aws": {"health": "up", "quota": null, "used": 1},
            "zone:a": {"health": "up", "quota": 5, "used": 1},
            "zone:b": {"health": "up", "quota": null, "used": 0}
        },
        "resources": [
            {"type": "sim_instance", "id": "i-0001", "cloud": "aws", "zone": "a", "image": "v1", "size": "s", "tags": null,
             "address": "10.0.0.1", "state": "running"},
            {"type": "sim_load_balancer", "id": "lb-0001", "cloud": "aws", "zone": null, "name": "web",
             "address": "lb-0001.aws.sim.internal"},
            {"type": "sim_target", "id": "t-0001", "cloud": "aws", "zone": null, "load_balancer_id": "lb-0001",
             "instance_id": "i-0001", "weight": 1, "health": "healthy"}
        ]
    });
    assert_eq!(status, expected);
    control::reset(&path, &clock, true).expect("reset");
    let status = control::status(&path, &clock).expect("status");
    assert_eq!((status.resources.len(), status.domains[&zone("a")].used), (0, 0));
}
