//! A process killed at every point of writing: nothing it was told is lost, nothing it began is forgotten.

use super::*;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

const DIR: &str = "STRADDLE_TEST_KILL_DIR";
const AT: &str = "STRADDLE_TEST_KILL_AT";

/// What the child does: 4 creates, one of which fails, an update, a delete, a failover, a push-sized change at the end.
fn script() -> Vec<Vec<Entry>> {
    let created = |n: u64| vec![begin(1, n, server(n), Kind::Create)];
    let ended = |n: u64| vec![end(1, n, Outcome::Object(object(&format!("i-{n}"))))];
    let mut script = vec![vec![run()]];
    for n in 0..3 {
        script.extend([created(n), ended(n)]);
    }
    script.extend([
        created(3),
        vec![end(1, 3, Outcome::Failed { object: None, message: "quota".into() })],
        vec![begin(1, 4, server(0), Kind::Update), begin(1, 5, server(1), Kind::Delete)],
        vec![end(1, 5, Outcome::Gone)],
        vec![end(1, 4, Outcome::Object(Arc::new(full_object())))],
        rich_entries().split_off(1),
        vec![end_of_run()],
    ]);
    script
}

/// The child: does nothing unless it is told where and when to die.
#[test]
fn child() {
    let (Ok(dir), Ok(at)) = (std::env::var(DIR), std::env::var(AT)) else { return };
    let at: usize = at.parse().unwrap();
    let points = AtomicUsize::new(0);
    let hook: WriteHook = Arc::new(move |_| {
        if points.fetch_add(1, Ordering::SeqCst) == at {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    });
    let store = Store::open_write_with(Path::new(&dir), &request(), &mut |_| {}, hook).unwrap();
    for (i, entries) in script().into_iter().enumerate() {
        store.record(Time(i as i64), entries).unwrap();
        // Said only when it is durable: what the parent has read must be there after the kill.
        println!("durable {i}");
        std::io::stdout().flush().unwrap();
    }
    store.close().unwrap();
    println!("closed");
}

/// Runs the child, killed at a point. How many of the script's appends it was told are durable; whether it lived.
fn run_child(dir: &Path, at: usize) -> (usize, bool) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "state::tests::kill::child", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .env(AT, at.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut durable, mut closed) = (0, false);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        durable += usize::from(line.contains("durable "));
        closed |= line.contains("closed");
    }
    child.wait().unwrap();
    (durable, closed)
}

/// The states after each append of the script.
fn states() -> Vec<State> {
    let mut state = State::default();
    let mut states = vec![state.clone()];
    for entries in script() {
        for entry in entries {
            let number = state.journal + 1;
            fold(&mut state, &Record { number, at: Time(0), entry }).unwrap();
        }
        states.push(state.clone());
    }
    states
}

/// Without what differs between runs: lineage and times.
fn timeless(state: &State) -> State {
    let mut state = state.clone();
    state.lineage = "".into();
    if let Some(run) = &mut state.run {
        run.at = Time(0);
    }
    let open: Vec<Open> = state.open.iter().cloned().collect();
    for open in open {
        state.open.remove(open.begin.action);
        state.open.insert(Open { at: Time(0), ..open });
    }
    state
}

#[test]
fn killed_at_every_point_of_writing() {
    let states = states();
    let mut at = 0;
    let mut open_seen = 0;
    loop {
        let dir = tempfile::tempdir().unwrap();
        let (durable, lived) = run_child(dir.path(), at);
        if lived {
            break;
        }
        let before = everything(dir.path());
        let loaded = load(dir.path()).unwrap();
        assert_eq!(everything(dir.path()), before, "reading after the kill at {at} left a trace");
        if loaded.source == Source::Nothing {
            assert_eq!(durable, 0, "killed at {at}");
        } else {
            // Exactly what was promised, or one transaction more that was written and not yet promised.
            let found = timeless(&loaded.state);
            let expected: Vec<State> = states[durable..].iter().take(2).map(timeless).collect();
            assert!(expected.contains(&found), "killed at {at}, {durable} durable: {found:?}");
        }
        // The next one takes over, finds what is in doubt, and goes on.
        let store = Store::open_write(dir.path(), &request()).unwrap();
        assert_eq!(timeless(&store.state()), timeless(&loaded.state));
        let took_over = store.notices().iter().any(|notice| matches!(notice, Notice::TookOver(_)));
        assert_eq!(took_over, loaded.holder.is_some(), "killed at {at}");
        let open = store.open_actions();
        open_seen += open.len();
        store.record(Time(1), [run()]).unwrap();
        for open in open {
            let found = Outcome::Failed { object: None, message: "never arrived".into() };
            store.record(Time(2), [Entry::End(End { action: open.begin.action, outcome: found })]).unwrap();
        }
        store.record(Time(3), [end_of_run()]).unwrap();
        let state = store.state();
        store.close().unwrap();
        assert_eq!(load(dir.path()).unwrap().state, state);
        assert_eq!(everything(dir.path()).into_keys().collect::<Vec<_>>(), [FILE], "killed at {at}");
        at += 1;
    }
    // One point when the file is begun, two for each append, two when closing.
    assert_eq!(at, 1 + 2 * script().len() + 2);
    assert!(open_seen > 5, "{open_seen} actions in doubt seen");
}

#[test]
fn killed_between_two_writes_while_another_waits() {
    let dir = tempfile::tempdir().unwrap();
    let (durable, lived) = run_child(dir.path(), 6);
    assert!(durable > 0 && !lived);
    let dead = load(dir.path()).unwrap().holder.unwrap();
    let unlocked = force_unlock(dir.path(), &dead.id).unwrap();
    assert_eq!((unlocked.holder, unlocked.alive), (dead, false));
    let store = Store::open_write(dir.path(), &request()).unwrap();
    assert_eq!(store.notices(), [], "nobody is left to take over from");
}

/// The child of the next test: writes until there is no room, then says what it was told.
#[test]
fn child_without_room() {
    let Ok(dir) = std::env::var("STRADDLE_TEST_FULL_DIR") else { return };
    // A file may grow to this size and no further; ignoring the signal makes writes fail as on a full disk.
    let limit = rustix::process::Rlimit { current: Some(300_000), maximum: Some(300_000) };
    rustix::process::setrlimit(rustix::process::Resource::Fsize, limit).unwrap();
    let store = Store::open_write(Path::new(&dir), &request()).unwrap();
    store.record(Time(1), [run()]).unwrap();
    let mut n = 0;
    let error = loop {
        let big = Json::new(&format!("{{\"x\":\"{}\"}}", "y".repeat(2_000))).unwrap();
        let made = store.record(Time(1), [begin(1, n, server(n), Kind::Create)]).and_then(|()| {
            println!("began {n}");
            store.record(Time(2), [end(1, n, Outcome::Object(Arc::new(Object::new(provider(), 0, big))))])
        });
        match made {
            Ok(()) => println!("durable {n}"),
            Err(error) => break error,
        }
        n += 1;
    };
    // SQLite tells a full disk from a limit on the file's size, but not the latter from other failures to write.
    let named = matches!(error, StateError::DiskFull { .. } | StateError::Io { doing: "write", .. });
    println!("{}: {error}", if named { "full" } else { "other" });
    // Nothing more can begin, and saying so does no harm.
    let refused = store.record(Time(3), [begin(1, 1_000, server(1_000), Kind::Create)]);
    println!("refused {}", refused.is_err());
    println!("open {}", store.with_state(|state| state.open.on(&server(1_000)).is_some()));
    println!("close failed {}", store.close().is_err());
}

#[test]
fn no_room_left() {
    let dir = tempfile::tempdir().unwrap();
    // SIGXFSZ has to be ignored for a write to fail instead of killing: the shell hands that down.
    let exe = std::env::current_exe().unwrap();
    let output = Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; exec \"$0\" --exact state::tests::kill::child_without_room --nocapture --test-threads=1",
        ])
        .arg(exe)
        .env("STRADDLE_TEST_FULL_DIR", dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let count = |prefix: &str| lines.iter().filter(|line| line.contains(prefix)).count();
    assert_eq!(count("full: "), 1, "{text}");
    assert!(count("refused true") == 1 && count("open false") == 1, "{text}");
    let (began, durable) = (count("began "), count("durable "));
    assert!(durable > 3, "{text}");
    let loaded = load(dir.path()).unwrap();
    assert!(loaded.state.objects.len() >= durable);
    assert!(loaded.state.objects.len() + loaded.state.open.len() >= began, "an action was forgotten: {text}");
    // With room again everything goes on.
    let store = Store::open_write(dir.path(), &request()).unwrap();
    store.record(Time(5), [run(), end_of_run()]).unwrap();
    store.close().unwrap();
}
