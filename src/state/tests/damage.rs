//! Whatever is wrong with the file: it has a name, there is a way out, and the file stays as it is.

use super::*;
use crate::diag::Diagnostic;
use proptest::prelude::*;

/// A database and a log of several transactions, as a kill leaves them.
fn killed() -> (tempfile::TempDir, State) {
    let dir = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let store = Store::open_write(dir.path(), &request()).unwrap();
    store.record(Time(1), rich_entries()).unwrap();
    store.record(Time(2), [begin(1, 1, server(20), Kind::Create)]).unwrap();
    store.record(Time(3), [end(1, 1, Outcome::Object(object("i-20")))]).unwrap();
    for (name, (bytes, _)) in everything(dir.path()) {
        std::fs::write(copy.path().join(name), bytes).unwrap();
    }
    (copy, store.state())
}

/// The same, ended cleanly.
fn closed() -> (tempfile::TempDir, State) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_write(dir.path(), &request()).unwrap();
    store.record(Time(1), rich_entries()).unwrap();
    let state = store.state();
    store.close().unwrap();
    (dir, state)
}

/// Neither reading nor writing works, both say the same, and nothing changes.
fn refused(dir: &Path) -> StateError {
    let before = everything(dir);
    let error = load(dir).unwrap_err();
    assert_eq!(everything(dir), before);
    let written = Store::open_write(dir, &request()).err().unwrap();
    assert_eq!(written, error);
    // The lock file came and went; a dead holder's may have been removed with it.
    let mut after = everything(dir);
    after
        .entry("straddle.db-lock".into())
        .or_insert_with(|| before.get("straddle.db-lock").cloned().unwrap_or((vec![], now_system())));
    for (name, content) in before {
        if name != "straddle.db-lock" {
            assert_eq!(after.get(&name), Some(&content), "{name} changed");
        }
    }
    assert!(!error.help().is_empty());
    assert!(Diagnostic::from(error.clone()).is_error());
    error
}

fn now_system() -> SystemTime {
    SystemTime::now()
}

fn overwrite(dir: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let path = dir.join(FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn cut_off() {
    for left in [0, 1, 15, 16, 50, 99, 100, 4_096, 8_191, 8_192, 20_000] {
        let (dir, _) = closed();
        overwrite(dir.path(), |bytes| bytes.truncate(left));
        let error = refused(dir.path());
        assert!(matches!(error, StateError::Truncated { found, .. } if found == left as u64), "{left}: {error}");
    }
}

#[test]
fn too_long() {
    let (dir, _) = closed();
    overwrite(dir.path(), |bytes| bytes.extend([0; 4096]));
    assert!(matches!(refused(dir.path()), StateError::Corrupt { .. }));
}

#[test]
fn of_another_program() {
    let (dir, _) = closed();
    overwrite(dir.path(), |bytes| *bytes = b"{\"version\": 4}".repeat(20));
    assert!(matches!(refused(dir.path()), StateError::Foreign { .. }));
    std::fs::remove_file(dir.path().join(FILE)).unwrap();
    let db = rusqlite::Connection::open(dir.path().join(FILE)).unwrap();
    db.execute_batch("CREATE TABLE object (x); CREATE TABLE meta (y)").unwrap();
    db.close().unwrap();
    assert!(matches!(refused(dir.path()), StateError::Foreign { .. }));
}

#[test]
fn a_directory_of_that_name() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(FILE)).unwrap();
    assert!(matches!(load(dir.path()).unwrap_err(), StateError::Foreign { .. }));
}

#[test]
fn newer_than_we_are() {
    let (dir, _) = closed();
    overwrite(dir.path(), |bytes| bytes[60..64].copy_from_slice(&7u32.to_be_bytes()));
    let error = refused(dir.path());
    assert_eq!(error, StateError::Newer { path: dir.path().join(FILE), found: 7, known: 1 });
}

#[test]
fn another_programs_unfinished_change() {
    let (dir, _) = closed();
    std::fs::write(dir.path().join("straddle.db-journal"), b"x").unwrap();
    assert!(matches!(refused(dir.path()), StateError::Corrupt { .. }));
}

#[test]
fn every_flipped_bit_is_noticed_or_harmless() {
    let (dir, state) = closed();
    let good = std::fs::read(dir.path().join(FILE)).unwrap();
    let mut noticed = 0;
    // A prime stride visits every kind of place, and every bit of a byte in turn.
    for (i, at) in (0..good.len()).step_by(13).enumerate() {
        overwrite(dir.path(), |bytes| bytes[at] ^= 1 << (i % 8));
        match load(dir.path()) {
            Ok(loaded) => {
                // Unused space, history, or who had the lock: the state itself is whole.
                assert_eq!(loaded.state, state, "byte {at}");
            }
            Err(_) => noticed += 1,
        }
        std::fs::write(dir.path().join(FILE), &good).unwrap();
    }
    assert!(noticed > 100, "{noticed} flips noticed");
    assert_eq!(load(dir.path()).unwrap().state, state);
}

#[test]
fn every_flipped_bit_of_the_log_but_in_its_last_transaction_is_noticed() {
    let (dir, state) = killed();
    let wal = dir.path().join("straddle.db-wal");
    let good = std::fs::read(&wal).unwrap();
    assert_eq!(load(dir.path()).unwrap().state, state);
    let frame = 24 + 4096;
    let commits: Vec<usize> =
        (0..(good.len() - 32) / frame).filter(|i| good[32 + i * frame + 4..][..4] != [0; 4]).collect();
    assert!(commits.len() >= 4, "{commits:?}");
    let last_but_one = 32 + (commits[commits.len() - 2] + 1) * frame;
    for (i, at) in (0..good.len()).step_by(97).enumerate() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (i % 8);
        std::fs::write(&wal, &bad).unwrap();
        match load(dir.path()) {
            Err(StateError::Corrupt { .. }) => assert!(at < last_but_one, "byte {at}"),
            Err(other) => panic!("byte {at}: {other}"),
            // A page of the last transaction may be torn by a power cut, before anyone was told that it is written.
            Ok(loaded) => assert!(at >= last_but_one && loaded.state.journal < state.journal, "byte {at}"),
        }
    }
}

#[test]
fn a_log_cut_off_anywhere_gives_the_state_after_some_transaction() {
    let (dir, state) = killed();
    let wal = dir.path().join("straddle.db-wal");
    let good = std::fs::read(&wal).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for length in (0..=good.len()).rev().step_by(1_371) {
        std::fs::write(&wal, &good[..length]).unwrap();
        seen.insert(load(dir.path()).unwrap().state.journal);
    }
    assert!(seen.contains(&0) && seen.contains(&state.journal), "{seen:?}");
    assert_eq!(seen.len(), 4, "{seen:?}");
}

#[test]
fn our_reading_of_the_log_is_that_of_sqlite() {
    let (dir, state) = killed();
    // Opening for writing lets SQLite itself recover the log.
    let store = Store::open_write(dir.path(), &request()).unwrap();
    store.record(Time(9), [run()]).unwrap();
    store.close().unwrap();
    let after = load(dir.path()).unwrap().state;
    assert_eq!(after.objects, state.objects);
    assert_eq!((after.serial, after.runs), (state.serial, state.runs + 1));
}

#[test]
fn a_directory_nobody_may_write_to() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, state) = closed();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    assert_eq!(load(dir.path()).unwrap().state, state);
    // A privileged user may write all the same: then there is nothing to refuse.
    if std::fs::write(dir.path().join("probe"), b"").is_err() {
        let error = Store::open_write(dir.path(), &request()).err().unwrap();
        assert!(matches!(error, StateError::ReadOnly { .. }), "{error}");
    }
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_make_it_panic(junk in prop::collection::vec(any::<u8>(), 1..200), at in any::<prop::sample::Index>(), log in any::<bool>()) {
        let (dir, _) = killed();
        let path = dir.path().join(if log { "straddle.db-wal" } else { FILE });
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        let end = (at + junk.len()).min(bytes.len());
        bytes[at..end].copy_from_slice(&junk[..end - at]);
        std::fs::write(&path, bytes).unwrap();
        let _ = load(dir.path());
    }
}
