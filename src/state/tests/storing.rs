//! What is written comes back, and reading leaves no trace.

use super::*;
use crate::state::store::Store;
use std::os::unix::fs::PermissionsExt;

fn write(dir: &Path, entries: Vec<Entry>) -> State {
    let store = Store::open_write(dir, &request()).unwrap();
    store.record(Time(1), entries).unwrap();
    let state = store.state();
    store.close().unwrap();
    state
}

#[test]
fn nothing_there_is_an_empty_state() {
    let dir = tempfile::tempdir().unwrap();
    let loaded = load(dir.path()).unwrap();
    assert_eq!((loaded.source, loaded.holder), (Source::Nothing, None));
    assert_eq!(loaded.state, State::default());
    assert!(everything(dir.path()).is_empty());
}

#[test]
fn everything_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut entries = rich_entries();
    entries.push(begin(1, 1, server(11), Kind::Create));
    entries.push(end(1, 1, Outcome::InDoubt { why: "no answer".into() }));
    let state = write(dir.path(), entries);
    let loaded = load(dir.path()).unwrap();
    assert_eq!(loaded.source, Source::Store);
    assert_eq!(loaded.state, state);
    assert_eq!(loaded.holder, None);
    assert_eq!(**loaded.state.get(&server(9).address).unwrap(), full_object());
    assert_eq!(loaded.state.open.on(&server(11)).unwrap().doubt.as_deref(), Some("no answer"));
    assert_eq!(loaded.state.boot("web", "aws-a"), Some((Boot { slowest_ms: 90_000, replicas: 2 }, Time(9))));
    assert_eq!(loaded.state.serial, 11);
    // And once more through a writer.
    let store = Store::open_write(dir.path(), &request()).unwrap();
    assert_eq!(store.state(), state);
    assert_eq!(store.notices(), []);
}

#[test]
fn a_clean_end_leaves_one_file() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), rich_entries());
    assert_eq!(everything(dir.path()).into_keys().collect::<Vec<_>>(), [FILE]);
}

#[test]
fn each_content_change_moves_the_serial_and_nothing_else_does() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_write(dir.path(), &request()).unwrap();
    let serial = |entry| {
        store.record(Time(1), [entry]).unwrap();
        store.with_state(|state| state.serial)
    };
    assert_eq!(serial(run()), 0);
    assert_eq!(serial(begin(1, 1, server(0), Kind::Create)), 0);
    assert_eq!(serial(end(1, 1, Outcome::Object(object("a")))), 1);
    assert_eq!(serial(known(server(0), object("a"))), 1);
    assert_eq!(serial(known(server(0), object("b"))), 2);
    assert_eq!(serial(end_of_run()), 2);
}

#[test]
fn updates_and_removals_are_stored() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), vec![run(), known(server(0), object("a")), known(server(1), object("b")), end_of_run()]);
    let forget = |id| Entry::Known { id, object: None, how: How::Edited };
    let moved = Entry::Moved { from: server(1), to: ObjectId::deposed(server(1).address, DeposedKey(7)) };
    let state = write(dir.path(), vec![run(), forget(server(0)), moved, known(server(1), object("c"))]);
    assert_eq!(state.objects.len(), 2);
    assert_eq!(load(dir.path()).unwrap().state, state);
}

#[test]
fn a_push_replaces_everything_but_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), rich_entries());
    let mut pushed = State { lineage: "other".into(), serial: 40, ..State::default() };
    pushed.objects.insert(plain("only"), object("o"));
    let state = write(dir.path(), vec![run(), Entry::Pushed(Arc::new(pushed)), known(server(1), object("after"))]);
    assert_eq!((&*state.lineage, state.serial, state.runs, state.objects.len()), ("other", 41, 2, 2));
    assert!(state.failovers.is_empty() && state.outputs.is_empty());
    assert_eq!(load(dir.path()).unwrap().state, state);
}

#[test]
fn history_tells_runs_and_lines_without_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let mut entries = rich_entries();
    entries.extend([begin(1, 1, server(1), Kind::Create), end(1, 1, Outcome::Object(Arc::new(full_object())))]);
    entries.push(end_of_run());
    write(dir.path(), entries);
    write(dir.path(), vec![run(), end_of_run()]);
    let history = history(dir.path()).unwrap();
    let runs: Vec<_> =
        history.runs.iter().map(|past| (past.run.number, past.run.tally.created, past.outcome)).collect();
    assert_eq!(runs, [(1, 1, RunOutcome::Done), (2, 0, RunOutcome::Done)]);
    assert_eq!(history.lines.len(), 17);
    assert!(!format!("{history:?}").contains("hunter2"));
    let events: Vec<_> = history.lines.iter().rev().take(4).map(|line| line.event.as_str()).collect();
    assert_eq!(events, ["run_end", "run_begin", "run_end", "end"]);
}

#[test]
fn reading_beside_a_living_writer_sees_what_is_durable_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_write(dir.path(), &request()).unwrap();
    store.record(Time(1), rich_entries()).unwrap();
    let before = everything(dir.path());
    assert!(before.contains_key("straddle.db-wal"), "the log is in use");
    let loaded = load(dir.path()).unwrap();
    assert_eq!(loaded.state, store.state());
    assert_eq!(loaded.holder.as_ref(), Some(store.holder()));
    assert_eq!(holder(dir.path()).as_ref(), Some(store.holder()));
    assert_eq!(everything(dir.path()), before);
}

#[test]
fn reading_works_in_a_read_only_directory_with_a_hot_log() {
    let dir = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let store = Store::open_write(dir.path(), &request()).unwrap();
    store.record(Time(1), rich_entries()).unwrap();
    // What a kill leaves: database and log as they are, nobody holding anything.
    for (name, (bytes, _)) in everything(dir.path()) {
        let path = copy.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
    }
    std::fs::set_permissions(copy.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    let before = everything(copy.path());
    assert_eq!(load(copy.path()).unwrap().state, store.state());
    assert_eq!(everything(copy.path()), before);
    std::fs::set_permissions(copy.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn appends_that_wait_together_share_a_transaction() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let dir = tempfile::tempdir().unwrap();
    let commits = Arc::new(AtomicUsize::new(0));
    let counting = commits.clone();
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(Some(gate));
    let hook: WriteHook = Arc::new(move |point| {
        if point == WritePoint::BeforeCommit {
            counting.fetch_add(1, Ordering::SeqCst);
            // The first transaction takes until everything else is appended.
            if let Some(gate) = gate.lock().unwrap().take() {
                gate.recv().unwrap();
            }
        }
    });
    let store = Store::open_write_with(dir.path(), &request(), &mut |_| {}, hook).unwrap();
    let first = store.append(Time(1), [run()]).unwrap();
    while commits.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    let tickets: Vec<Ticket> =
        (0..500).map(|n| store.append(Time(1), [begin(1, n, server(n), Kind::Create)]).unwrap()).collect();
    open.send(()).unwrap();
    store.wait(first).unwrap();
    for ticket in tickets {
        store.wait(ticket).unwrap();
    }
    assert_eq!(commits.load(Ordering::SeqCst), 2);
    assert_eq!(store.open_actions().len(), 500);
}

#[tokio::test]
async fn tasks_can_wait_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open_write(dir.path(), &request()).unwrap());
    store.durable(store.append(Time(1), [run()]).unwrap()).await.unwrap();
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                store.durable(store.append(Time(1), [begin(1, n, server(n), Kind::Create)]).unwrap()).await.unwrap();
                store.durable(store.append(Time(2), [end(1, n, Outcome::Object(object("x")))]).unwrap()).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(load(dir.path()).unwrap().state.objects.len(), 50);
}

#[test]
fn what_cannot_follow_is_refused_and_not_stored() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_write(dir.path(), &request()).unwrap();
    let refused = store.append(Time(1), [begin(1, 1, server(0), Kind::Create)]);
    assert_eq!(refused.unwrap_err(), StateError::Illegal(Illegal::NoRun));
    store.record(Time(1), [run()]).unwrap();
    let refused = store.append(Time(1), [begin(1, 1, server(0), Kind::Delete)]);
    assert_eq!(refused.unwrap_err(), StateError::Illegal(Illegal::Missing(Box::new(server(0)))));
    store.close().unwrap();
    assert!(load(dir.path()).unwrap().state.open.is_empty());
}

#[test]
fn a_long_history_is_cut_and_its_space_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let many = (0..30_000).map(|n| Entry::StepDone { workload: "a workload with a long name".into(), step: n });
    write(dir.path(), [run()].into_iter().chain(many).chain([end_of_run()]).collect());
    let long = std::fs::metadata(dir.path().join(FILE)).unwrap().len();
    write(dir.path(), vec![run(), end_of_run()]);
    let lines = history(dir.path()).unwrap().lines;
    assert_eq!(lines.len(), 20_002);
    assert_eq!(lines.last().unwrap().event, "run_end");
    assert!(long > 1 << 20);
}

#[test]
fn the_clock_may_go_back() {
    let dir = tempfile::tempdir().unwrap();
    let later = Time(now().0 + 86_400_000);
    let store = Store::open_write(dir.path(), &request()).unwrap();
    store.record(later, [run(), end_of_run()]).unwrap();
    store.close().unwrap();
    let store = Store::open_write(dir.path(), &request()).unwrap();
    match store.notices() {
        [Notice::ClockWentBack { last, now }] => assert!(*last == later && *now < later),
        other => panic!("{other:?}"),
    }
    store.record(Time(-5), [run(), known(server(0), object("a"))]).unwrap();
    let state = store.state();
    store.close().unwrap();
    assert_eq!(load(dir.path()).unwrap().state, state);
}

#[test]
fn a_terraform_state_is_read_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = State { lineage: "theirs".into(), serial: 7, ..State::default() };
    state.objects.insert(plain("a"), object("a"));
    std::fs::write(dir.path().join(TERRAFORM_FILE), v4::write(&state)).unwrap();
    let before = everything(dir.path());
    let loaded = load(dir.path()).unwrap();
    assert_eq!((loaded.source, &loaded.state), (Source::Terraform, &state));
    let refused = Store::open_write(dir.path(), &request()).err().unwrap();
    assert_eq!(refused, StateError::Terraforms { path: dir.path().join(TERRAFORM_FILE) });
    assert!(refused.help().contains("straddle state push terraform.tfstate"));
    assert_eq!(everything(dir.path()), before);
    // Taking it over.
    let store = Store::open_write(dir.path(), &request().taking_over()).unwrap();
    let entry = v4::push(&store.state(), state.clone(), v4::Force::No).unwrap().unwrap();
    store.record(Time(1), [run(), entry, end_of_run()]).unwrap();
    store.close().unwrap();
    let loaded = load(dir.path()).unwrap();
    assert_eq!((loaded.source, v4::write(&loaded.state)), (Source::Store, v4::write(&state)));
}

#[test]
fn writes_are_flushed_to_the_disk() {
    // A kill cannot show whether the system flushed: so look at what SQLite was told.
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), vec![run()]);
    let db = crate::state::writer::connect(&dir.path().join(FILE)).unwrap();
    let synchronous: i64 = db.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
    let mode: String = db.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!((synchronous, mode.as_str()), (2, "wal"));
}

#[test]
fn readers_see_a_whole_state_while_logs_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_path_buf();
    // Each cycle writes a log, folds it in and removes it.
    let writer = std::thread::spawn(move || {
        for n in 0..40 {
            let store = Store::open_write(&path, &request()).unwrap();
            store.record(Time(1), [run(), known(server(n), object("a"))]).unwrap();
            store.record(Time(1), [known(server(n), object("b")), end_of_run()]).unwrap();
            store.close().unwrap();
        }
    });
    let (mut last, mut reads) = (0, 0);
    while !writer.is_finished() || reads == 0 {
        let state = load(dir.path()).unwrap().state;
        assert!(state.journal >= last, "a reader went back in time: {} after {last}", state.journal);
        assert_eq!(state.objects.len() as u64, state.journal.div_ceil(4));
        assert_eq!(state.serial, state.objects.values().map(|o| 1 + u64::from(*o == object("b"))).sum::<u64>());
        (last, reads) = (state.journal, reads + 1);
    }
    writer.join().unwrap();
    assert_eq!(load(dir.path()).unwrap().state.objects.len(), 40);
}

#[test]
fn what_could_not_be_written_is_written_as_soon_as_it_can_be() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_write(dir.path(), &request()).unwrap();
    store.record(Time(1), [run(), begin(1, 1, server(1), Kind::Create)]).unwrap();
    let durable = load(dir.path()).unwrap().state;
    // Any failure will do; this one can be switched on and off.
    let foreign = rusqlite::Connection::open(dir.path().join(FILE)).unwrap();
    foreign.execute_batch("CREATE TRIGGER no BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'no'); END").unwrap();
    let ended = store.append(Time(2), [end(1, 1, Outcome::Object(object("made")))]).unwrap();
    assert!(store.wait(ended).is_err());
    let began = store.append(Time(3), [begin(1, 2, server(2), Kind::Create)]).unwrap();
    assert!(store.wait(began).is_err());
    assert!(store.wait(ended).is_err(), "still not on disk");
    assert_eq!(load(dir.path()).unwrap().state, durable, "half of it was written");
    foreign.execute_batch("DROP TRIGGER no").unwrap();
    store.record(Time(4), [begin(1, 3, server(3), Kind::Create)]).unwrap();
    assert_eq!(store.wait(ended), Ok(()));
    assert!(store.wait(began).is_err(), "what did not begin has not begun since");
    let state = load(dir.path()).unwrap().state;
    assert_eq!(state, store.state());
    assert_eq!(state.get(&server(1).address), Some(&object("made")));
    assert_eq!(state.open.iter().map(|open| open.begin.action.index).collect::<Vec<_>>(), [3]);
    // The same object can begin now.
    store.record(Time(5), [begin(1, 4, server(2), Kind::Create)]).unwrap();
    drop(foreign);
    store.close().unwrap();
}

/// A directory whose state is encrypted with keys from these texts, the first one now.
fn sealed(dir: &Path, keys: &[&str]) -> Place {
    let mut keys = keys.iter().map(|text| seal::Key::of_text(text).unwrap());
    let keys = seal::Keys { current: keys.next(), former: keys.collect() };
    Place::Directory(Local { path: dir.to_path_buf(), keys })
}

const KEY: &str = "a passphrase nobody guesses";
const OTHER: &str = "another one, as hard to guess";

/// Whether a word is anywhere in the directory's files.
fn is_found(dir: &Path, word: &str) -> bool {
    everything(dir).values().any(|(bytes, _)| bytes.windows(word.len()).any(|w| w == word.as_bytes()))
}

fn write_sealed(place: &Place, at: i64, entries: Vec<Entry>) -> (State, Vec<Notice>) {
    let store = Store::open_write(place, &request()).unwrap();
    store.record(Time(at), entries).unwrap();
    let (state, notices) = (store.state(), store.notices().to_vec());
    store.close().unwrap();
    (state, notices)
}

fn is_sealed(result: Result<Loaded, StateError>) -> bool {
    matches!(result, Err(StateError::Sealed { .. }))
}

#[test]
fn an_encrypted_file_comes_back_with_its_key_alone_and_shows_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let place = sealed(dir.path(), &[KEY]);
    let (state, notices) = write_sealed(&place, 1, rich_entries());
    assert_eq!(notices, [Notice::Created]);
    assert_eq!(load(&place).unwrap().state, state);
    assert!(!is_found(dir.path(), "hunter2"));
    let before = everything(dir.path());
    assert!(is_sealed(load(dir.path())) && is_sealed(load(sealed(dir.path(), &[OTHER]))));
    assert!(matches!(Store::open_write(dir.path(), &request()), Err(StateError::Sealed { .. })));
    assert_eq!(everything(dir.path()).get(FILE), before.get(FILE));
    let (later, notices) = write_sealed(&place, 2, vec![known(server(40), object("i-40"))]);
    assert_eq!(notices, []);
    assert_eq!(version(&place, state.serial).unwrap().unwrap().objects, state.objects);
    assert_eq!(load(&place).unwrap().state, later);
    assert!(!history(&place).unwrap().lines.is_empty());
    assert!(matches!(version(dir.path(), state.serial), Err(StateError::Sealed { .. })));
    // A whole copy for a runbook, which is sealed as a whole, is in the clear.
    let copy = tempfile::tempdir().unwrap();
    assert!(restore(copy.path(), &image(&place).unwrap().unwrap()).unwrap());
    assert_eq!(load(copy.path()).unwrap().state.objects, later.objects);
}

#[test]
fn a_file_is_encrypted_with_all_its_past_when_it_is_next_written_with_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let first = write(dir.path(), rich_entries());
    assert!(is_found(dir.path(), "hunter2"));
    let place = sealed(dir.path(), &[KEY]);
    assert_eq!(load(&place).unwrap().state, first, "reading changes nothing");
    assert!(is_found(dir.path(), "hunter2"));
    let (state, notices) = write_sealed(&place, 2, vec![known(server(40), object("i-40"))]);
    assert_eq!(notices, [Notice::Encrypted]);
    assert!(!is_found(dir.path(), "hunter2"), "something is left in the clear");
    assert_eq!(load(&place).unwrap().state, state);
    assert_eq!(version(&place, first.serial).unwrap().unwrap().objects, first.objects);
    // Another key: what the former one opens is written anew, and the former one is needed no more.
    let (state, notices) =
        write_sealed(&sealed(dir.path(), &[OTHER, KEY]), 3, vec![known(server(41), object("i-41")), end_of_run()]);
    assert_eq!(notices, [Notice::Encrypted]);
    let place = sealed(dir.path(), &[OTHER]);
    assert_eq!(load(&place).unwrap().state, state);
    assert_eq!(version(&place, first.serial).unwrap().unwrap().objects, first.objects);
    assert!(is_sealed(load(sealed(dir.path(), &[KEY]))));
    assert!(!history(&place).unwrap().runs.is_empty() && !history(&place).unwrap().lines.is_empty());
}

#[test]
fn cells_of_an_encrypted_file_cannot_change_places() {
    let dir = tempfile::tempdir().unwrap();
    let place = sealed(dir.path(), &[KEY]);
    write_sealed(&place, 1, vec![run(), known(server(1), object("i-1")), known(server(2), object("i-2"))]);
    let db = rusqlite::Connection::open(dir.path().join(FILE)).unwrap();
    let cells: Vec<(i64, String, String)> = {
        let mut select = db.prepare("SELECT id, address, attributes FROM object ORDER BY id").unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    };
    assert_eq!(cells.len(), 2);
    let keys = seal::Keys { current: Some(seal::Key::of_text(KEY).unwrap()), former: Vec::new() };
    let (path, name) = (dir.path().join(FILE), |n: usize| format!("object/{}//attributes", cells[n].1));
    let reader = crate::state::cells::Cells::new(&path, &keys);
    assert_eq!(reader.get(&cells[0].2, || name(0)).unwrap(), object("i-1").attributes.as_str());
    assert!(reader.get(&cells[1].2, || name(0)).is_err());
    assert!(reader.get("in the clear", || name(0)).is_err());
}
