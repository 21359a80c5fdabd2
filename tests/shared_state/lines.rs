//! Lines that are cut, locks that are lost, readers in great number.

use crate::proxy::{Cut, Proxy};
use crate::script::{self, SECRET, begin, end, essence, object, request, script, server as id, states};
use crate::servers::{KINDS, Kind as Which, place, place_at, server, unique};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use straddle::state::seal::{Key, Keys};
use straddle::state::{
    Kind, Notice, Outcome, Source, StateError, Store, Time, WritePoint, force_unlock, load, version,
};

/// Every server there is, each with a proxy before it.
fn each(test: impl Fn(Which, SocketAddr, &Proxy)) {
    for kind in KINDS {
        if let Some(running) = server(kind) {
            test(kind, running.address, &Proxy::to(running.address));
        }
    }
}

#[test]
fn a_line_cut_at_every_write_of_the_journal_loses_nothing_and_writes_nothing_twice() {
    each(|kind, address, proxy| {
        for cut in [Cut::Request, Cut::Answer] {
            for at in 0..script().len() {
                let name = unique("cut");
                let through = place(kind, proxy.address, &name);
                let line = Arc::new((proxy.cuts.clone(), std::sync::atomic::AtomicUsize::new(0)));
                let cuts_before = proxy.cuts.load(std::sync::atomic::Ordering::SeqCst);
                let points = line.clone();
                let arm = Arc::new(std::sync::atomic::AtomicBool::new(false));
                let armed = arm.clone();
                let hook = Arc::new(move |point| {
                    let counted = point == WritePoint::BeforeCommit;
                    if counted && points.1.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == at {
                        armed.store(true, std::sync::atomic::Ordering::SeqCst);
                    }
                });
                let store = Store::open_write_with(&through, &request(), &mut |_| {}, hook).unwrap();
                for (i, entries) in script().into_iter().enumerate() {
                    // The hook runs on the writing thread, after this; the line is cut before it gets there.
                    if i == at {
                        proxy.set(cut);
                    }
                    store.record(Time(i as i64), entries).unwrap_or_else(|e| panic!("{kind:?} {cut:?} at {at}: {e}"));
                }
                store.close().unwrap();
                assert!(arm.load(std::sync::atomic::Ordering::SeqCst));
                assert!(line.0.load(std::sync::atomic::Ordering::SeqCst) > cuts_before, "nothing was cut");
                let loaded = load(place(kind, address, &name)).unwrap();
                assert_eq!(essence(&loaded.state), essence(states().last().unwrap()), "{kind:?} {cut:?} at {at}");
                assert_eq!(loaded.holder, None);
            }
        }
    });
}

#[test]
fn a_begin_that_could_not_be_made_durable_never_happens_and_what_arrived_all_the_same_is_taken_in() {
    each(|kind, address, proxy| {
        for cut in [Cut::Everything, Cut::Answers] {
            let name = unique("away");
            let store = Store::open_write(place(kind, proxy.address, &name), &request()).unwrap();
            store.record(Time(0), [script::run(), begin(1, 0, Kind::Create, id(0))]).unwrap();
            proxy.set(cut);
            let refused = store.record(Time(1), [begin(1, 1, Kind::Create, id(1))]);
            assert!(matches!(refused, Err(StateError::Unreachable { .. })), "{kind:?}: {refused:?}");
            assert!(store.with_state(|s| s.open.on(&id(1)).is_none()), "{kind:?}: a call would have left");
            proxy.set(Cut::Nothing);
            // What had begun ends; what never began may begin again under another number.
            store.record(Time(2), [end(1, 0, Outcome::Object(object("i-0")))]).unwrap();
            store
                .record(Time(3), [begin(1, 2, Kind::Create, id(1)), end(1, 2, Outcome::Object(object("i-1")))])
                .unwrap();
            store.record(Time(4), [script::end_of_run()]).unwrap();
            let state = store.state();
            store.close().unwrap();
            let found = load(place(kind, address, &name)).unwrap().state;
            assert_eq!(essence(&found), essence(&state), "{kind:?} {cut:?}");
            assert!(found.open.is_empty() && found.objects.len() == 2);
        }
    });
}

#[test]
fn a_holder_whose_lease_ran_out_loses_at_its_next_write_and_the_next_one_finds_all_it_did() {
    each(|kind, address, proxy| {
        let name = unique("fence");
        let lease = Duration::from_secs(1);
        let keys = Keys::default;
        let silent = Store::open_write(place_at(kind, proxy.address, &name, lease, keys()), &request()).unwrap();
        silent.record(Time(0), [script::run(), begin(1, 0, Kind::Create, id(0))]).unwrap();
        // Nothing is heard of it any more, but it lives.
        proxy.set(Cut::Everything);
        let direct = place_at(kind, address, &name, lease, keys());
        let locked = Store::open_write(&direct, &request());
        assert!(locked.as_ref().is_err_and(StateError::is_locked), "{kind:?}: {:?}", locked.err());
        let patient = request().patient(Duration::from_secs(60));
        let mut waited = 0;
        let next = Store::open_write_with(&direct, &patient, &mut |_| waited += 1, Arc::new(|_| {})).unwrap();
        assert_eq!(waited, 1);
        assert!(next.notices().iter().any(|n| matches!(n, Notice::TookOver(_))), "{kind:?}");
        assert_eq!(next.open_actions().len(), 1, "what was begun is in doubt");
        next.record(Time(1), [script::run(), end(1, 0, Outcome::Object(object("i-0")))]).unwrap();
        proxy.set(Cut::Nothing);
        let lost = silent.record(Time(2), [begin(1, 1, Kind::Create, id(1))]);
        assert!(matches!(lost, Err(StateError::LockLost { .. })), "{kind:?}: {lost:?}");
        next.record(Time(3), [script::end_of_run()]).unwrap();
        let state = next.state();
        next.close().unwrap();
        drop(silent);
        assert_eq!(essence(&load(&direct).unwrap().state), essence(&state));
    });
}

#[test]
fn a_lock_taken_away_by_hand_stops_its_holder() {
    each(|kind, address, _| {
        let place = place(kind, address, &unique("force"));
        let store = Store::open_write(&place, &request()).unwrap();
        store.record(Time(0), [script::run()]).unwrap();
        let refused = force_unlock(&place, "another");
        assert!(matches!(refused, Err(StateError::OtherLock { .. })));
        let locked = Store::open_write(&place, &request()).err().unwrap();
        let text = straddle::diag::Diagnostic::from(locked);
        assert!(text.detail.contains("kim on deploy-1") && text.detail.contains("because"), "{}", text.detail);
        let unlocked = force_unlock(&place, &store.holder().id).unwrap();
        assert!(unlocked.alive);
        let lost = store.record(Time(1), [begin(1, 0, Kind::Create, id(0))]);
        assert!(matches!(lost, Err(StateError::LockLost { .. })), "{kind:?}: {lost:?}");
        drop(store);
        Store::open_write(&place, &request()).unwrap().close().unwrap();
    });
}

#[test]
fn a_hundred_readers_during_a_run_see_states_that_were() {
    each(|kind, address, _| {
        let place = place(kind, address, &unique("readers"));
        let store = Store::open_write(&place, &request()).unwrap();
        store.record(Time(0), [script::run()]).unwrap();
        let look = || {
            let loaded = load(&place).unwrap();
            assert!(loaded.holder.is_some() && loaded.source == Source::Store);
            let done = loaded.state.objects.len() as u64;
            // One record each for the run, a beginning, an end: whatever is read is a moment of the journal.
            assert_eq!(loaded.state.journal, 1 + 2 * done + loaded.state.open.len() as u64);
            assert_eq!(loaded.state.serial, done);
            done
        };
        std::thread::scope(|scope| {
            let mut readers = Vec::new();
            for n in 0..120 {
                store.record(Time(1), [begin(1, n, Kind::Create, id(n))]).unwrap();
                if n < 100 {
                    readers.push((n, scope.spawn(look)));
                }
                store.record(Time(2), [end(1, n, Outcome::Object(object(&format!("i-{n}"))))]).unwrap();
            }
            for (n, reader) in readers {
                let seen = reader.join().unwrap();
                assert!(seen >= n, "{kind:?}: what was durable before it looked is missing");
            }
        });
        store.record(Time(3), [script::end_of_run()]).unwrap();
        let state = store.state();
        store.close().unwrap();
        assert_eq!(essence(&load(&place).unwrap().state), essence(&state));
        // Every moment of it can be had back.
        for serial in [0, 1, 17, 119, 120] {
            assert_eq!(version(&place, serial).unwrap().unwrap().objects.len() as u64, serial, "{kind:?}");
        }
        assert!(version(&place, 121).unwrap().is_none());
    });
}

#[test]
fn what_is_encrypted_holds_no_secret_and_opens_with_its_key_alone() {
    each(|kind, address, _| {
        let name = unique("sealed");
        let at = |keys| place_at(kind, address, &name, Duration::from_secs(60), keys);
        let keys = |text: &str| Keys { current: Some(Key::of_text(text).unwrap()), former: Vec::new() };
        let (right, wrong) = (keys("correct horse battery staple"), keys("another passphrase entirely"));
        let store = Store::open_write(at(right.clone()), &request()).unwrap();
        for (i, entries) in script().into_iter().enumerate() {
            store.record(Time(i as i64), entries).unwrap();
        }
        store.close().unwrap();
        let loaded = load(at(right.clone())).unwrap();
        assert!(loaded.state.objects.values().all(|o| o.attributes.as_str().contains(SECRET)));
        for bad in [Keys::default(), wrong.clone()] {
            let refused = load(at(bad.clone()));
            assert!(matches!(&refused, Err(StateError::Sealed { .. })), "{kind:?}: {refused:?}");
            let refused = Store::open_write(at(bad), &request());
            assert!(matches!(refused, Err(StateError::Sealed { .. })));
        }
        let turned = Keys { former: vec![right.current.clone().unwrap()], ..wrong };
        assert_eq!(essence(&load(at(turned)).unwrap().state), essence(&loaded.state));
    });
}
