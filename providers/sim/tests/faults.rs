//! Requests that go wrong, the same way each time.

mod common;

use common::*;
use straddle_provider_sim::Refusal;
use straddle_provider_sim::model::{FaultKind, Id, Op, Shown, Spec};
use straddle_provider_sim::store::{Caller, Fault, SETTLING, Seen};

/// Which of 200 creations fail.
fn struck(seed: u64, rate: f64) -> Vec<bool> {
    let mut world = World::new();
    world.fault(Op::Create, FaultKind::Error, rate, seed);
    (0..200).map(|_| world.create(&instance("a")).is_err()).collect()
}

#[test]
fn a_seed_strikes_the_same_requests() {
    assert_eq!(struck(7, 0.3), struck(7, 0.3));
    assert_ne!(struck(7, 0.3), struck(8, 0.3));
    let count = |rate| struck(7, rate).into_iter().filter(|struck| *struck).count();
    assert_eq!((count(0.0), count(1.0)), (0, 200));
    assert!((40..=80).contains(&count(0.3)), "{}", count(0.3));
}

#[test]
fn the_count_of_requests_is_kept_in_the_file_and_starts_anew_with_the_fault() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("sim.db");
    let run = |reopen: bool| -> Vec<bool> {
        let mut world = World::new();
        world.store = straddle_provider_sim::store::Store::open_or_create(&path).expect("a store");
        world.fault(Op::Create, FaultKind::Error, 0.5, 3);
        (0..50)
            .map(|_| {
                if reopen {
                    world.store = straddle_provider_sim::store::Store::open(&path).expect("a store");
                }
                world.create(&instance("a")).is_err()
            })
            .collect()
    };
    assert_eq!(run(false), run(true));
}

#[test]
fn a_rate_is_between_0_and_1() {
    let mut world = World::new();
    for rate in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let set = world.hand(|tx| tx.set_fault(Fault { op: Op::Read, kind: FaultKind::Error, rate, seed: 0 }));
        assert!(set.is_err(), "{rate}");
    }
}

#[test]
fn an_error_a_throttle_and_a_hanging_request_do_nothing() {
    for (kind, expected) in [
        (FaultKind::Error, Refusal::Injected(Op::Create)),
        (FaultKind::Throttle, Refusal::Throttled { retry_after: 100 }),
        (FaultKind::Hang, Refusal::Hanging(Op::Create)),
    ] {
        let mut world = World::new();
        world.fault(Op::Create, kind, 1.0, 0);
        assert_eq!(world.create(&instance("a")), Err(expected));
        assert_eq!(world.all(), []);
    }
}

#[test]
fn a_lost_reply_is_carried_out() {
    let mut world = World::new();
    let kept = world.made(&instance("a"));
    for op in [Op::Create, Op::Update, Op::Delete, Op::Read, Op::List] {
        world.fault(op, FaultKind::LostReply, 1.0, 0);
    }
    assert_eq!(world.claim(&instance("a"), "t"), Err(Refusal::ReplyLost(Op::Create)));
    assert_eq!(world.claim(&instance("a"), "t"), Err(Refusal::ReplyLost(Op::Create)));
    assert_eq!(world.all().len(), 2, "made once");
    assert_eq!(world.update(kept, &sized("a", "m")), Err(Refusal::ReplyLost(Op::Update)));
    assert_eq!(world.all()[0].spec, sized("a", "m"));
    assert_eq!(world.read(kept), Err(Refusal::ReplyLost(Op::Read)));
    assert_eq!(world.list(), Err(Refusal::ReplyLost(Op::List)));
    assert_eq!(world.delete(kept), Err(Refusal::ReplyLost(Op::Delete)));
    assert!(matches!(world.delete(kept), Err(Refusal::NotFound(..))));
    assert_eq!(world.all().len(), 1);
}

#[test]
fn a_partial_request_leaves_a_part() {
    let mut world = World::booting(1_000);
    for op in [Op::Create, Op::Update, Op::Delete, Op::List] {
        world.fault(op, FaultKind::Partial, 1.0, 0);
    }
    let made = world.create(&instance("a")).expect("made in part");
    assert_eq!(made.complaint, Some(Refusal::Partial(Op::Create)));
    let half = made.object.expect("there").id;
    world.now += 3_600_000;
    assert_eq!(world.state(half), "pending", "it never gets ready");

    let group_id = world.create(&group("a", 4)).expect("made in part").object.expect("there").id;
    world.now += 3_600_000;
    assert_eq!(world.ready(group_id), 0);

    let to = |size: &str, tag: &str| match sized("a", size) {
        Spec::Instance(mut spec) => {
            spec.tags = Some([("Name".to_owned(), tag.to_owned())].into());
            Spec::Instance(spec)
        }
        other => other,
    };
    let made = world.update(half, &to("m", "web")).expect("changed in part");
    assert_eq!(made.complaint, Some(Refusal::Partial(Op::Update)));
    assert_eq!(made.object.expect("there").spec, sized("a", "m"), "size came first, tags never");

    let made = world.delete(half).expect("stopped");
    assert_eq!(made.complaint, Some(Refusal::Partial(Op::Delete)));
    assert_eq!(world.state(half), "stopped");
    assert_eq!(
        world.list().map(|listing| (listing.objects.len(), listing.complaint)),
        Ok((1, Some(Refusal::Partial(Op::List))))
    );
}

#[test]
fn a_stale_read_shows_the_past_until_the_cloud_has_settled() {
    let mut world = World::new();
    world.fault(Op::Read, FaultKind::Stale, 1.0, 0);
    world.fault(Op::List, FaultKind::Stale, 1.0, 0);
    let server = world.made(&instance("a"));
    assert_eq!(world.read(server), Ok(Seen::Unseen), "never gone");
    assert_eq!(world.list().expect("listed").objects, []);
    world.now += SETTLING;
    assert_eq!(world.found(server).version, 1);

    world.update(server, &sized("a", "m")).expect("resized");
    let old = world.found(server);
    assert_eq!((old.version, old.spec), (1, instance("a")));
    world.now += SETTLING - 1;
    assert_eq!(world.found(server).version, 1);
    world.now += 1;
    assert_eq!((world.found(server).version, world.found(server).spec), (2, sized("a", "m")));

    world.delete(server).expect("deleted");
    assert_eq!(world.found(server).version, 2, "still seen");
    world.now += SETTLING;
    assert_eq!(world.read(server), Ok(Seen::Gone));
}

#[test]
fn a_stale_write_is_seen_late_by_every_read() {
    let mut world = World::new();
    world.fault(Op::Create, FaultKind::Stale, 1.0, 0);
    let server = world.made(&instance("a"));
    assert_eq!(world.read(server), Ok(Seen::Unseen));
    assert_eq!(world.made(&balancer()).to_string(), "lb-0001");
    world.fault(Op::Create, FaultKind::Stale, 0.0, 0);
    assert!(world.create(&target("lb-0001", server)).is_ok(), "references are checked against the truth");
    world.now += SETTLING;
    assert_eq!(world.found(server).version, 1);
}

#[test]
fn a_rate_limit_allows_a_burst_and_then_its_pace() {
    let mut world = World::new();
    world.who = Caller { rate_limit: Some(10.0), ..Caller::of(CLOUD) };
    let granted = |world: &mut World| (0..50).take_while(|_| world.create(&instance("a")).is_ok()).count();
    assert_eq!(granted(&mut world), 10);
    assert_eq!(world.create(&instance("a")), Err(Refusal::Throttled { retry_after: 100 }));
    world.now += 99;
    assert_eq!(world.create(&instance("a")), Err(Refusal::Throttled { retry_after: 1 }));
    world.now += 1;
    assert_eq!(granted(&mut world), 1);
    world.now += 500;
    assert_eq!(granted(&mut world), 5);
    world.now += 3_600_000;
    assert_eq!(granted(&mut world), 10, "no more than a second's worth is saved up");
    world.who.cloud = "ncp".into();
    assert_eq!(granted(&mut world), 10, "each cloud has its own");
}

#[test]
fn the_first_fault_in_order_strikes() {
    let mut world = World::new();
    for kind in FaultKind::ALL {
        world.fault(Op::Create, *kind, 1.0, 0);
    }
    assert_eq!(world.create(&instance("a")), Err(Refusal::Throttled { retry_after: 100 }));
    world.fault(Op::Create, FaultKind::Throttle, 0.0, 0);
    assert_eq!(world.create(&instance("a")), Err(Refusal::Injected(Op::Create)));
    world.fault(Op::Create, FaultKind::Error, 0.0, 0);
    let id: Id = world.create(&instance("a")).expect("in part").object.expect("there").id;
    let Shown::Instance { state, .. } = world.found(id).shown else { panic!("an instance") };
    assert_eq!(state.word(), "pending");
}
