//! A process killed at every point of writing to a server.

use crate::script::{self, end, essence, request, script, states};
use crate::servers::{KINDS, Kind, place_at, server, unique};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use straddle::state::seal::Keys;
use straddle::state::{Notice, Outcome, Place, Source, Store, Time, WriteHook, load};

const NAME: &str = "STRADDLE_TEST_NAME";
const AT: &str = "STRADDLE_TEST_AT";
const SERVER: &str = "STRADDLE_TEST_SERVER";

fn place(kind: Kind, address: SocketAddr, name: &str) -> Place {
    place_at(kind, address, name, Duration::from_secs(1), Keys::default())
}

/// The child: does nothing unless it is told where and when to die.
#[test]
fn child() {
    let (Ok(name), Ok(at), Ok(server)) = (std::env::var(NAME), std::env::var(AT), std::env::var(SERVER)) else {
        return;
    };
    let (kind, address) = server.split_once(' ').unwrap();
    let kind = if kind == "Postgres" { Kind::Postgres } else { Kind::S3 };
    let at: usize = at.parse().unwrap();
    let points = AtomicUsize::new(0);
    let hook: WriteHook = Arc::new(move |_| {
        if points.fetch_add(1, Ordering::SeqCst) == at {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    });
    let place = place(kind, address.parse().unwrap(), &name);
    let store = Store::open_write_with(&place, &request(), &mut |_| {}, hook).unwrap();
    for (i, entries) in script().into_iter().enumerate() {
        store.record(Time(i as i64), entries).unwrap();
        // Said only when it is durable: what the parent has read must be there after the kill.
        println!("durable {i}");
        std::io::stdout().flush().unwrap();
    }
    store.close().unwrap();
    println!("closed");
}

fn run_child(kind: Kind, address: SocketAddr, name: &str, at: usize) -> (usize, bool) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kills::child", "--nocapture", "--test-threads=1"])
        .env(NAME, name)
        .env(AT, at.to_string())
        .env(SERVER, format!("{kind:?} {address}"))
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

/// One kill, and what the next one makes of it. False: the child lived.
fn killed(kind: Kind, address: SocketAddr, at: usize) -> bool {
    let states = states();
    let name = unique("kill");
    let (durable, lived) = run_child(kind, address, &name, at);
    if lived {
        return false;
    }
    let place = place(kind, address, &name);
    let loaded = load(&place).unwrap();
    if loaded.source == Source::Nothing {
        assert_eq!(durable, 0, "killed at {at}");
    } else {
        // Exactly what was promised, or one append more that was written and not yet promised.
        let found = essence(&loaded.state);
        let expected: Vec<String> = states[durable..].iter().take(2).map(essence).collect();
        assert!(expected.contains(&found), "{kind:?} killed at {at}, {durable} durable: {found}");
    }
    // Whoever comes waits for the lease to run out, takes over, finds what is in doubt, and goes on.
    let store = Store::open_write(&place, &request().patient(Duration::from_secs(60))).unwrap();
    assert_eq!(essence(&store.state()), essence(&loaded.state), "{kind:?} killed at {at}");
    let took_over = store.notices().iter().any(|notice| matches!(notice, Notice::TookOver(_)));
    assert_eq!(took_over, loaded.holder.is_some(), "{kind:?} killed at {at}");
    let open = store.open_actions();
    store.record(Time(1), [script::run()]).unwrap();
    for open in open {
        let found = Outcome::Failed { object: None, message: "never arrived".into() };
        store.record(Time(2), [end(open.begin.action.run, open.begin.action.index, found)]).unwrap();
    }
    store.record(Time(3), [script::end_of_run()]).unwrap();
    let state = store.state();
    store.close().unwrap();
    assert_eq!(essence(&load(&place).unwrap().state), essence(&state));
    true
}

#[test]
fn killed_at_every_point_of_writing() {
    for kind in KINDS {
        let Some(running) = server(kind) else { continue };
        // Beginning the state, two points for each append, two for the base at the end.
        let points = 1 + 2 * script().len() + 2;
        // Leases run out side by side.
        let killed: Vec<bool> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..=points).map(|at| scope.spawn(move || killed(kind, running.address, at))).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(killed.iter().filter(|k| **k).count(), points, "{kind:?}: {killed:?}");
        assert!(!killed[points]);
    }
}
