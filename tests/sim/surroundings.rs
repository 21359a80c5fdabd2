//! Bad surroundings: a full disk, a directory nobody may write to, clocks that go back, files bent or cut off, plugins that hang. What
//! was done is told, nothing is lost, nothing is made twice, and what cannot be read is left as it is.

use crate::kills::{Victim, killed_at_write};
use crate::stack::{INSTANCES, Ran, Stack, two_zones};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

fn world() -> Stack {
    Stack::new(&two_zones(&format!("  replicas = 6\n  rollout {{\n    surge = 2\n    batch = 2\n  }}\n{INSTANCES}")))
}

/// The same in a shell that first does something to the process.
fn under(stack: &Stack, first: &str, line: &str) -> Command {
    let mut command = crate::alone::alone("sh");
    command.args(["-c", &format!("{first}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_straddle")]);
    command.args(line.split_whitespace()).current_dir(stack.path()).stdin(Stdio::null());
    command
}

fn ran(line: &str, mut command: Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        line: line.to_string(),
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// No file may grow beyond so many blocks of 512 bytes, as on a disk that is full.
fn with_room(stack: &Stack, blocks: usize, line: &str) -> Ran {
    ran(line, under(stack, &format!("trap '' XFSZ; ulimit -f {blocks}"), line))
}

/// Six instances, each made once, and nothing left to do.
#[track_caller]
fn is_whole(stack: &Stack, what: &str) {
    let applied = stack.run("apply -auto-approve");
    assert_eq!(applied.code, 0, "{what}: {}{}", applied.out, applied.err);
    assert_eq!(stack.run("plan -detailed-exitcode").code, 0, "{what}");
    let existing = stack.existing("sim_instance");
    let claims: BTreeSet<String> = existing.iter().map(|r| r["claimed_by"].to_string()).collect();
    assert_eq!((existing.len(), claims.len()), (6, 6), "{what}");
}

#[test]
fn a_disk_that_is_full_at_any_moment_of_an_apply_loses_nothing_and_is_named() {
    let mut accounts = 0;
    for blocks in (0..=168).step_by(12) {
        let stack = world();
        let full = with_room(&stack, blocks, "apply -auto-approve");
        let what = format!("{blocks} blocks, exit {}:\n{}", full.code, full.err);
        assert!(matches!(full.code, 0 | 1 | 7), "{what}");
        assert!(!full.err.contains("fault of straddle") && !full.err.contains("panicked"), "{what}");
        // What is done is done; what is not says why, and what to do.
        assert_eq!(full.code == 0, full.err.is_empty(), "{what}");
        assert!(full.code == 0 || full.err.contains("help:"), "{what}");
        if full.err.contains("The journal could not be written") {
            accounts += 1;
            assert!(
                full.out.contains("could NOT be saved") && full.err.contains("run the same command again"),
                "{what}"
            );
        }
        is_whole(&stack, &what);
    }
    assert!(accounts > 0, "no apply met the end of the disk in its middle");
}

#[test]
fn a_rollout_on_a_full_disk_keeps_what_serves() {
    for blocks in [60, 90, 120] {
        let stack = world();
        stack.run("apply -auto-approve").ends(0);
        let spec = std::fs::read_to_string(stack.path().join("web.straddle.hcl")).unwrap();
        stack.write(&spec.replace("\"one\"", "\"two\""));
        let full = with_room(&stack, blocks, "apply -auto-approve");
        let running = stack.existing("sim_instance").iter().filter(|r| r["state"] == "running").count();
        assert!(running >= 6, "{blocks} blocks: {running} serve\n{}", full.err);
        is_whole(&stack, &format!("{blocks} blocks, exit {}:\n{}", full.code, full.err));
    }
}

#[test]
fn a_plan_that_does_not_fit_is_not_saved_and_the_old_one_stays() {
    let stack = world();
    stack.run("plan -out=p").ends(0);
    let before = std::fs::read(stack.path().join("p")).unwrap();
    with_room(&stack, 1, "plan -out=p").ends(1).says("Plan not saved").says("disk");
    assert_eq!(std::fs::read(stack.path().join("p")).unwrap(), before);
    let left: Vec<_> = std::fs::read_dir(stack.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn what_is_printed_to_a_full_disk_is_not_taken_for_whole() {
    let stack = world();
    stack.run("apply -auto-approve").ends(0);
    let full = |line: &str| {
        let mut command = stack.command(&line.split_whitespace().collect::<Vec<_>>());
        let out = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command.stdout(out).stderr(Stdio::piped()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for line in [
        "state pull",
        "state list",
        "show -json",
        "plan",
        "drift -json",
        "version",
        "completion bash",
        "sim status -json",
    ] {
        let (code, said) = full(line);
        assert_eq!(code, Some(1), "{line}: {said}");
        assert!(said.contains("not whole"), "{line}: {said}");
    }
    stack.run("sim kill 1 --in zone:a").ends(0);
    // The work is done whoever reads of it.
    assert_eq!(full("apply -auto-approve").0, Some(1));
    assert_eq!(stack.existing("sim_instance").len(), 6);
}

/// The command in a directory that it cannot write to; `None` where no such thing can be had.
fn read_only(stack: &Stack, line: &str) -> Option<Ran> {
    let first =
        "mount --bind . . && mount -o remount,bind,ro \"$PWD\" && cd \"$PWD\" && ! touch x 2>/dev/null || exit 99";
    let mut command = crate::alone::alone("unshare");
    command.args(["-r", "-m", "sh", "-c", &format!("{first}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_straddle")]);
    command.args(line.split_whitespace()).current_dir(stack.path()).stdin(Stdio::null());
    let output = command.output().ok()?;
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() == Some(99) || err.contains("unshare:") {
        eprintln!("no read-only directory can be made here; nothing is tried: {err}");
        return None;
    }
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(Ran { line: line.into(), code: output.status.code().unwrap_or(-1), out, err })
}

fn bytes(stack: &Stack) -> BTreeMap<PathBuf, Vec<u8>> {
    let all = std::fs::read_dir(stack.path()).unwrap().map(|e| e.unwrap().path());
    all.map(|p| (p.clone(), std::fs::read(&p).unwrap())).collect()
}

#[test]
fn a_directory_nobody_may_write_to_is_read_and_not_changed() {
    let stack = world();
    stack.run("apply -auto-approve").ends(0);
    let before = bytes(&stack);
    for line in ["plan", "drift", "state list", "state pull", "show", "simulate --lose zone:a", "validate", "output"] {
        let Some(ran) = read_only(&stack, line) else { return };
        assert!(matches!(ran.code, 0 | 1 | 3), "{line}: {}{}", ran.out, ran.err);
        let refuses = ran.code == 1 && line != "output";
        assert!(!refuses, "{line}: {}{}", ran.out, ran.err);
        assert!(before == bytes(&stack), "{line} wrote something");
    }
    let spec = std::fs::read_to_string(stack.path().join("web.straddle.hcl")).unwrap();
    stack.write(&spec.replace("replicas = 6", "replicas = 8"));
    let before = bytes(&stack);
    for line in
        ["apply -auto-approve", "destroy -auto-approve", "failover -lose zone:a -auto-approve", "state rm workload.web"]
    {
        let Some(ran) = read_only(&stack, line) else { return };
        let ran = ran.ends(1);
        assert!(ran.err.contains("straddle.db") && ran.err.contains("help:"), "{line}: {}", ran.err);
        assert!(before == bytes(&stack), "{line} wrote something");
    }
    assert_eq!(stack.existing("sim_instance").len(), 6);
}

#[test]
fn a_clock_that_goes_back_changes_nothing_but_what_is_told() {
    use straddle::state::{
        Displaced, Entry, Failover, Json, LockRequest, Loss, Note, NoteKey, RunBegin, RunEnd, RunOutcome, Store, Time,
        Word, now,
    };
    let stack = world();
    stack.run("apply -auto-approve").ends(0);
    // Another run, on a machine whose clock is ten years ahead, has declared a failover and measured something.
    let ahead = Time(now().0 + 10 * 365 * 86_400_000);
    let loss = Loss(["zone:a".to_string()].into());
    let failover = Failover {
        since: ahead,
        by: "kim".into(),
        word: Word::Operator,
        reason: String::new(),
        forced: false,
        to: Default::default(),
        workloads: [("web".to_string(), Displaced::default())].into(),
    };
    let boot = Json::new("{\"slowest_ms\":5,\"replicas\":1}").unwrap();
    let record = format!(
        "{{\"state\":\"probation\",\"since\":{0},\"left\":{0},\"failed_over\":{0},\"good_since\":{0},\"setbacks\":1}}",
        ahead.0
    );
    let record = Note { at: ahead, value: Json::new(&record).unwrap() };
    let location = NoteKey { kind: "course".into(), subject: "a".into() };
    let store = Store::open_write(stack.path(), &LockRequest::here("apply")).unwrap();
    let begin = RunBegin { who: "kim".into(), command: "failover".into(), plan: None };
    store
        .record(
            ahead,
            [
                Entry::RunBegin(begin),
                Entry::Failover { loss, failover },
                Entry::Note { key: location, note: Some(record) },
                Entry::Note { key: NoteKey::boot("web", "b"), note: Some(Note { at: ahead, value: boot }) },
                Entry::RunEnd(RunEnd { outcome: RunOutcome::Done }),
            ],
        )
        .unwrap();
    store.close().unwrap();
    for line in ["plan", "drift", "simulate --lose zone:a", "state list", "show -json", "failback -check"] {
        let ran = stack.run(line);
        assert!(matches!(ran.code, 0 | 2 | 3), "{line}: {} {}{}", ran.code, ran.out, ran.err);
        assert!(!ran.err.contains("panicked"), "{line}: {}", ran.err);
    }
    stack.run("failback -auto-approve").ends(0);
    stack.run("apply -auto-approve").ends(0);
    is_whole(&stack, "a clock ahead");
}

/// Offsets spread over a file: both ends, and a grid between.
fn offsets(length: usize, grid: usize) -> impl Iterator<Item = usize> {
    let ends = (0..24).chain(length.saturating_sub(4)..length);
    ends.chain((0..grid).map(move |i| i * length / grid + i % 7)).filter(move |o| *o < length)
}

/// Bends and cuts a file at many places; what a command says of each must be the truth, or name the file. Files are left as they are.
fn damaged(stack: &Stack, file: &str, line: &str, whole: &Ran, refusal: i32) {
    let path = stack.path().join(file);
    let original = std::fs::read(&path).unwrap();
    let mut refused = 0;
    let mut check = |bent: Vec<u8>, how: String| {
        std::fs::write(&path, &bent).unwrap();
        let ran = stack.run(line);
        assert!(!ran.err.contains("panicked"), "{file} {how}: {}", ran.err);
        assert!(std::fs::read(&path).unwrap() == bent, "{file} {how}: it was written to");
        if (ran.code, &ran.out) == (whole.code, &whole.out) {
            return;
        }
        refused += 1;
        assert_eq!(ran.code, refusal, "{file} {how}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(file) && ran.out.is_empty(), "{file} {how}: {}{}", ran.out, ran.err);
    };
    for at in offsets(original.len(), 24) {
        let mut bent = original.clone();
        bent[at] ^= 1 << (at % 8);
        check(bent, format!("bent at {at}"));
    }
    for length in offsets(original.len(), 12) {
        check(original[..length].to_vec(), format!("cut to {length}"));
    }
    std::fs::write(&path, &original).unwrap();
    assert!(refused > 20, "{file}: only {refused} were refused");
}

#[test]
fn a_state_bent_or_cut_anywhere_is_refused_by_name_or_read_as_it_was() {
    let stack = world();
    stack.run("apply -auto-approve").ends(0);
    let whole = stack.run("state list").ends(0);
    damaged(&stack, "straddle.db", "state list", &whole, 1);
    is_whole(&stack, "after all that");
}

/// How many transactions a log holds: frames of a page with 24 bytes before it, of which the last of each says how long the database is.
fn transactions(log: &Path) -> usize {
    let bytes = std::fs::read(log).unwrap_or_default();
    let page = bytes.get(8..12).map_or(4096, |b| u32::from_be_bytes(b.try_into().unwrap()) as usize);
    let frames = bytes.get(32..).unwrap_or_default().chunks_exact(24 + page);
    frames.filter(|frame| frame[4..8] != [0; 4]).count()
}

/// What a kill leaves is a file and a log beside it: a log that is bent or cut is refused, or tells of some moment before.
#[test]
fn a_log_bent_or_cut_anywhere_is_refused_by_name_or_read_as_it_was_once() {
    // On a busy machine one transaction is seen as several writes: what is damaged must have others after it.
    let killed = |write: usize| {
        let stack = world();
        let spec = std::fs::read_to_string(stack.path().join("web.straddle.hcl")).unwrap();
        stack.write(&spec.replace("cloud = \"c\"\n}", "cloud = \"c\"\n  latency = \"50ms\"\n}"));
        let was = killed_at_write(&stack, &["apply", "-auto-approve"], write, Victim::Both);
        assert!(was, "done before write {write}");
        stack
    };
    let stack = (6..).map(killed).find(|s| transactions(&s.path().join("straddle.db-wal")) >= 4).unwrap();
    let whole = stack.run("state list").ends(0);
    let known: BTreeSet<&str> = whole.out.lines().collect();
    let log = stack.path().join("straddle.db-wal");
    let original = std::fs::read(&log).unwrap();
    let mut refused = 0;
    let mut check = |bent: Vec<u8>, how: String| {
        std::fs::write(&log, &bent).unwrap();
        let ran = stack.run("state list");
        assert!(!ran.err.contains("panicked"), "{how}: {}", ran.err);
        assert!(std::fs::read(&log).unwrap() == bent, "{how}: it was written to");
        match ran.code {
            0 => assert!(ran.out.lines().all(|line| known.contains(line)), "{how}: {}", ran.out),
            code => {
                refused += 1;
                assert!(code == 1 && ran.err.contains("straddle.db"), "{how}: {code} {}", ran.err);
            }
        }
    };
    for at in offsets(original.len(), 48) {
        let mut bent = original.clone();
        bent[at] ^= 1 << (at % 8);
        check(bent, format!("bent at {at}"));
    }
    for length in offsets(original.len(), 24) {
        check(original[..length].to_vec(), format!("cut to {length}"));
    }
    assert!(refused > 10, "only {refused} were refused");
    std::fs::write(&log, &original).unwrap();
    is_whole(&stack, "after all that");
}

/// Who holds the lock is told from a row and from a file that any program may have written, on any clock.
#[test]
fn an_encrypted_state_is_read_with_its_key_alone_and_a_killed_run_goes_on_from_it() {
    const SECRET: &str = "s3cr3t-of-the-house";
    let stack = world();
    let path = stack.path().join("web.straddle.hcl");
    let plain = std::fs::read_to_string(&path).unwrap()
        + &format!("output \"word\" {{\n  value     = \"{SECRET}\"\n  sensitive = true\n}}\n");
    let keyed = plain.clone()
        + "straddle {\n  state \"local\" {\n    encryption {\n      key_env = \"STATE_KEY\"\n    }\n  }\n}\n";
    let run = |line: &str, key: &str| {
        let mut command = stack.command(&line.split_whitespace().collect::<Vec<_>>());
        command.env("STATE_KEY", key);
        ran(line, command)
    };
    let is_found = || {
        std::fs::read(stack.path().join("straddle.db")).unwrap().windows(SECRET.len()).any(|w| w == SECRET.as_bytes())
    };
    let key = "a passphrase nobody guesses";
    stack.write(&plain);
    run("apply -auto-approve", key).ends(0);
    assert!(is_found());
    stack.write(&keyed.replace("replicas = 6", "replicas = 10"));
    let mut child = stack.command(&["apply", "-auto-approve", "-json"]);
    let mut child = child.env("STATE_KEY", key).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    until(&mut lines, "apply_complete");
    child.kill().unwrap();
    child.wait().unwrap();
    for (wrong, says) in
        [("", "STATE_KEY is not set"), ("another passphrase altogether", "no key that is given opens it")]
    {
        run("plan", wrong).ends(1).says(says);
        run("state pull", wrong).ends(1).says(says);
    }
    run("apply -auto-approve", key).ends(0);
    assert!(!is_found(), "something is left in the clear");
    assert_eq!(stack.existing("sim_instance").len(), 10);
    assert!(run("output word", key).ends(0).out.contains(SECRET));
    run("plan -detailed-exitcode", key).ends(0);
    // Without the block it is not taken for a state in the clear, or for none.
    stack.write(&plain);
    run("plan", key).ends(1).says("it is encrypted, and no key is given");
}

#[test]
fn words_about_a_lock_from_the_future_or_from_nobody_stop_nobody() {
    let holder = |since: &str, more: &str| {
        format!(
            "{{\"id\":\"x\",\"who\":\"kim\",\"host\":\"h\",\"pid\":1,\"operation\":\"apply\",\"since\":{since}{more}}}"
        )
    };
    let long = format!(",\"reason\":\"{}\"", "y".repeat(1 << 20));
    let readable = [
        holder("7226582400000", ""),
        holder("253402300799000", ",\"fence\":{\"epoch\":7}"),
        holder("-62135596800000", &long),
    ];
    let others = ["", "null", "[]", "{}", "{\"id\":7}", "\u{0}\u{7f}", "not JSON at all"];
    let others = others.iter().map(ToString::to_string);
    for words in readable.iter().cloned().chain([holder("9223372036854775807", ""), holder("1e999", "")]).chain(others)
    {
        let shown: String = words.chars().take(90).collect();
        let stack = world();
        stack.run("apply -auto-approve").ends(0);
        let db = rusqlite::Connection::open(stack.path().join("straddle.db")).unwrap();
        db.execute("INSERT OR REPLACE INTO lock (one, body) VALUES (1, ?1)", [&words]).unwrap();
        db.close().unwrap();
        std::fs::write(stack.path().join("straddle.db-lock"), &words).unwrap();
        for line in ["state list", "plan", "force-unlock -force y", "show"] {
            let ran = stack.run(line);
            assert!(
                matches!(ran.code, 0 | 1) && !ran.err.contains("panicked"),
                "{shown}: {line}: {} {}",
                ran.code,
                ran.err
            );
            assert!(line.starts_with("force") || ran.code == 0, "{shown}: {line}: {} {}", ran.code, ran.err);
        }
        is_whole(&stack, &shown);
    }
}

#[test]
fn a_saved_plan_bent_or_cut_anywhere_is_refused_by_name() {
    let stack = world();
    stack.run("plan -out=p").ends(0);
    let whole = stack.run("show p").ends(0);
    damaged(&stack, "p", "show p", &whole, 1);
    // Nothing of a plan that is not whole is carried out.
    let bytes = std::fs::read(stack.path().join("p")).unwrap();
    std::fs::write(stack.path().join("p"), &bytes[..bytes.len() - 1]).unwrap();
    stack.run("apply p").ends(1).says("damaged");
    stack.run("verify p").ends(1).says("damaged");
    assert!(stack.existing("sim_instance").is_empty());
}

#[test]
fn a_state_put_back_from_a_copy_makes_nothing_with_the_tokens_of_what_was_made_since() {
    let stack = world();
    stack.run("apply -auto-approve").ends(0);
    let state = stack.path().join("straddle.db");
    let copy = std::fs::read(&state).unwrap();
    let spec = std::fs::read_to_string(stack.path().join("web.straddle.hcl")).unwrap();
    stack.write(&spec.replace("replicas = 6", "replicas = 8"));
    stack.run("apply -auto-approve").ends(0);

    std::fs::write(&state, copy).unwrap();
    stack.write(&spec.replace("\"one\"", "\"two\""));
    stack.run("apply -auto-approve").ends(0);
    stack.run("plan -detailed-exitcode").ends(0);
    let of = |image: &str| stack.existing("sim_instance").iter().filter(|r| r["image"] == image).count();
    // The two that the copy never heard of are nobody's, and untouched.
    assert_eq!((of("two"), of("one")), (6, 2));
    stack.run("drift").ends(2).says("unmanaged");
}

fn started(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn tell(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    // It may have ended by itself.
    let _ = rustix::process::kill_process(pid, signal);
}

fn was_interrupted(status: ExitStatus) -> bool {
    status.code() == Some(130) || status.signal() == Some(2)
}

/// The plugins a run has started.
fn plugins(of: &Child) -> Vec<u32> {
    let name = |pid: &u32| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let is_plugin = |pid: &u32| name(pid).windows(8).any(|w| w == b"provider");
    crate::kills::children(of.id()).into_iter().filter(is_plugin).collect()
}

/// Waits until a process is no more. A process that stays makes the test run into the harness's own limit.
fn is_gone(pid: u32) {
    let there = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    };
    while there() {
        std::thread::yield_now();
    }
}

fn until(lines: &mut impl Iterator<Item = std::io::Result<String>>, ty: &str) {
    let wanted = format!("\"type\":\"{ty}\"");
    assert!(lines.by_ref().any(|l| l.unwrap().replace(' ', "").contains(&wanted)), "the stream ended without {ty}");
}

#[test]
fn a_call_that_never_answers_is_left_at_the_second_ctrl_c_and_asked_about_by_the_next_run() {
    let stack = world();
    stack.run("plan").ends(0);
    stack.run("sim fault --op create --kind hang --rate 1").ends(0);
    let mut child = started(stack.command(&["apply", "-auto-approve", "-json"]));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    until(&mut lines, "apply_start");
    let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
    let pids = plugins(&child);
    tell(child.id(), rustix::process::Signal::INT);
    assert!(errors.next().unwrap().unwrap().contains("stopping"));
    tell(child.id(), rustix::process::Signal::INT);
    drop(lines);
    assert!(was_interrupted(child.wait().unwrap()));
    pids.into_iter().for_each(is_gone);
    stack.run("sim fault --op create --kind hang --rate 0").ends(0);
    is_whole(&stack, "after a call that hung");
}

#[test]
fn a_read_that_never_answers_ends_with_ctrl_c_and_holds_no_lock() {
    let stack = world();
    stack.run("apply -auto-approve").ends(0);
    stack.run("sim fault --op read --kind hang --rate 1").ends(0);
    for args in [&["plan"][..], &["apply", "-auto-approve"], &["drift"]] {
        let mut child = started(stack.command(args));
        // It has begun when its plugin is there.
        let pids = loop {
            let pids = plugins(&child);
            if !pids.is_empty() {
                break pids;
            }
            assert!(child.try_wait().unwrap().is_none());
            std::thread::yield_now();
        };
        tell(child.id(), rustix::process::Signal::INT);
        assert!(was_interrupted(child.wait().unwrap()), "{args:?}");
        pids.into_iter().for_each(is_gone);
    }
    stack.run("sim reset").ends(0);
    is_whole(&stack, "after reads that hung");
}

#[test]
fn a_plugin_that_is_stopped_when_all_is_done_is_not_waited_for() {
    let stack = world();
    let mut child = started(stack.command(&["apply", "-auto-approve", "-json"]));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    until(&mut lines, "step_complete");
    let pids = plugins(&child);
    until(&mut lines, "change_summary");
    pids.iter().for_each(|pid| tell(*pid, rustix::process::Signal::STOP));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    pids.into_iter().for_each(is_gone);
    is_whole(&stack, "after a plugin that would not end");
}

#[test]
fn a_plugin_that_dies_while_it_is_asked_is_named_and_nothing_is_concluded() {
    let stack = world();
    stack.run("apply -auto-approve").ends(0);
    stack.run("sim fault --op read --kind hang --rate 1").ends(0);
    let spec = std::fs::read_to_string(stack.path().join("web.straddle.hcl")).unwrap();
    stack.write(&spec.replace("\"one\"", "\"two\""));
    let child = started(stack.command(&["apply", "-auto-approve"]));
    let pids = loop {
        let pids = plugins(&child);
        if !pids.is_empty() {
            break pids;
        }
        std::thread::yield_now();
    };
    pids.iter().for_each(|pid| tell(*pid, rustix::process::Signal::KILL));
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(70), "{said}");
    assert!(
        said.contains("straddle/sim") || said.contains("could not be read") || said.contains("cannot be started"),
        "{said}"
    );
    stack.run("sim reset").ends(0);
    // Not one of those that serve has been touched.
    assert!(stack.existing("sim_instance").iter().all(|r| r["image"] == "one"), "{said}");
    is_whole(&stack, "after a plugin that died");
}

#[test]
fn a_plugin_that_never_says_hello_ends_with_the_run() {
    let stack = Stack::new("resource \"mute_thing\" \"x\" {\n}\n");
    let dir = stack.path().join("bin");
    std::fs::create_dir(&dir).unwrap();
    let script = dir.join("terraform-provider-mute");
    std::fs::write(
        &script,
        "#!/bin/sh\necho $$ > \"$MUTE_PID.new\" && mv \"$MUTE_PID.new\" \"$MUTE_PID\"\nread nothing\nexec cat\n",
    )
    .unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).unwrap();
    let rc = stack.path().join("rc");
    let text = format!(
        "provider_installation {{\n  dev_overrides {{\n    \"hashicorp/mute\" = {dir:?}\n  }}\n  direct {{}}\n}}\n"
    );
    std::fs::write(&rc, text).unwrap();
    let pid = stack.path().join("pid");
    let mut command = stack.command(&["plan"]);
    command.env("TF_CLI_CONFIG_FILE", &rc).env("MUTE_PID", &pid);
    let mut child = started(command);
    let plugin = loop {
        if let Ok(text) = std::fs::read_to_string(&pid) {
            break text.trim().parse::<u32>().unwrap();
        }
        assert!(child.try_wait().unwrap().is_none());
        std::thread::yield_now();
    };
    tell(child.id(), rustix::process::Signal::INT);
    assert!(was_interrupted(child.wait().unwrap()));
    is_gone(plugin);
}
