//! One writer at a time, and everyone knows who.

use super::*;
use std::time::Duration;

#[test]
fn the_second_is_told_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_write(dir.path(), &request()).unwrap();
    let error = Store::open_write(dir.path(), &LockRequest { who: "lee".into(), ..request() }).err().unwrap();
    assert!(error.is_locked());
    match &error {
        StateError::Locked { holder: Some(holder), .. } => assert_eq!(**holder, *store.holder()),
        other => panic!("{other:?}"),
    }
    let text = error.to_string();
    assert!(text.contains("kim on deploy-1 (process 4711) for `apply` since"), "{text}");
    assert!(error.help().contains(&format!("force-unlock {}", store.holder().id)), "{}", error.help());
    // Reading asks for no lock.
    load(dir.path()).unwrap();
    store.close().unwrap();
    Store::open_write(dir.path(), &request()).unwrap();
}

#[test]
fn waiting_ends_when_the_lock_is_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_write(dir.path(), &request()).unwrap();
    store.record(Time(1), [run(), known(server(0), object("a"))]).unwrap();
    let expected = store.state();
    let id = store.holder().id.clone();
    let (waiting, waits) = std::sync::mpsc::channel();
    let path = dir.path().to_path_buf();
    let second = std::thread::spawn(move || {
        let mut tell = |holder: Option<&Holder>| waiting.send(holder.map(|h| h.id.clone())).unwrap();
        let patient = request().patient(Duration::from_secs(60));
        Store::open_write_with(&path, &patient, &mut tell, Arc::new(|_| {}))
            .map(|store| (store.state(), store.notices().to_vec()))
    });
    assert_eq!(waits.recv().unwrap(), Some(id));
    store.close().unwrap();
    let (state, notices) = second.join().unwrap().unwrap();
    assert_eq!((state, notices), (expected, Vec::new()));
}

#[test]
fn waiting_ends_when_time_is_up() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_write(dir.path(), &request()).unwrap();
    let error = Store::open_write(dir.path(), &request().patient(Duration::from_millis(20))).err().unwrap();
    assert!(error.is_locked());
    store.close().unwrap();
    // The wait that was given up does not take the lock behind our backs.
    Store::open_write(dir.path(), &request().patient(Duration::from_secs(60))).unwrap();
}

#[test]
fn a_living_holder_whose_lock_is_taken_away_stops() {
    let dir = tempfile::tempdir().unwrap();
    let first = Store::open_write(dir.path(), &request()).unwrap();
    first.record(Time(1), [run(), begin(1, 1, server(0), Kind::Create)]).unwrap();
    let wrong = force_unlock(dir.path(), "no-such-id").unwrap_err();
    assert!(matches!(wrong, StateError::OtherLock { .. }), "{wrong}");
    let unlocked = force_unlock(dir.path(), &first.holder().id).unwrap();
    assert_eq!((&unlocked.holder, unlocked.alive), (first.holder(), true));
    let second = Store::open_write(dir.path(), &LockRequest { who: "lee".into(), ..request() }).unwrap();
    assert_eq!(second.open_actions().len(), 1, "what the first had under way is in doubt");
    // The first cannot write any more; the second can.
    let lost = first.record(Time(2), [end(1, 1, Outcome::Object(object("a")))]).unwrap_err();
    match &lost {
        StateError::LockLost { holder: Some(holder), .. } => assert_eq!(holder.who, "lee"),
        other => panic!("{other:?}"),
    }
    assert!(lost.is_locked());
    assert_eq!(first.append(Time(2), [end_of_run()]).unwrap_err(), lost);
    assert_eq!(first.close().unwrap_err(), lost);
    second.record(Time(3), [run()]).unwrap();
    // The first, leaving, has not taken the second's lock with it.
    assert!(Store::open_write(dir.path(), &request()).err().unwrap().is_locked());
    let state = second.state();
    second.close().unwrap();
    assert_eq!(load(dir.path()).unwrap().state, state);
}

#[test]
fn there_is_nothing_to_unlock() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(force_unlock(dir.path(), "x").unwrap_err(), StateError::NotLocked { .. }));
    Store::open_write(dir.path(), &request()).unwrap().close().unwrap();
    assert!(matches!(force_unlock(dir.path(), "x").unwrap_err(), StateError::NotLocked { .. }));
}

#[test]
fn who_this_is() {
    let request = LockRequest::here("apply");
    assert_eq!((request.operation.as_str(), request.pid), ("apply", std::process::id()));
    assert!(!request.who.is_empty() && !request.host.is_empty());
}
