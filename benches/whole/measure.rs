//! One command, and what it cost.

use nix::sys::resource::{UsageWho, getrusage};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The first argument of the process that measures: everything behind it is the command.
pub const CHILD: &str = "--measure";

/// What a command cost, its children included.
#[derive(Clone, Copy)]
pub struct Cost {
    wall: f64,
    cpu: f64,
    peak_kb: i64,
    exit: i32,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = if self.exit == 0 { String::new() } else { format!(" (exit {})", self.exit) };
        write!(f, "{:.2}{failed} | {:.2} | {}", self.wall, self.cpu, self.peak_kb / 1024)
    }
}

/// The binary under measurement: the one just built, or another that `STRADDLE_BENCH_BINARY` names.
pub fn straddle() -> PathBuf {
    std::env::var_os("STRADDLE_BENCH_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_straddle").into()).into()
}

/// The real terraform, where the PATH has one.
pub fn terraform() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join("terraform")).find(|file| file.is_file())
}

/// Runs a command in a process of its own that has no other children, and brings back what that process saw.
pub fn run(program: &Path, args: &[&str], dir: &Path) -> Cost {
    let me = std::env::current_exe().expect("our own path");
    let started = Instant::now();
    let out = Command::new(me)
        .arg(CHILD)
        .arg(program)
        .args(args)
        .current_dir(dir)
        .env("CHECKPOINT_DISABLE", "1")
        .output()
        .expect("the measuring process");
    let wall = started.elapsed().as_secs_f64();
    let text = String::from_utf8_lossy(&out.stdout);
    let mut words = text.split_whitespace();
    let mut next = || words.next().unwrap_or("-1");
    let cost = Cost {
        wall,
        cpu: next().parse().unwrap_or(-1.0),
        peak_kb: next().parse().unwrap_or(-1),
        exit: next().parse().unwrap_or(-1),
    };
    if cost.exit != 0 {
        eprintln!("{} {args:?} ended with {}:\n{}", program.display(), cost.exit, String::from_utf8_lossy(&out.stderr));
    }
    cost
}

/// The measuring process: runs the command and prints CPU seconds, peak KB of the largest child, exit code.
pub fn child(words: &[String]) {
    let (program, args) = words.split_first().expect("a command");
    let exit = Command::new(program)
        .args(args)
        .stdout(Stdio::null())
        .stdin(Stdio::null())
        .status()
        .ok()
        .and_then(|status| status.code())
        .unwrap_or(-1);
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the children's usage");
    let seconds = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
    println!("{:.4} {} {exit}", seconds(usage.user_time()) + seconds(usage.system_time()), usage.max_rss());
}
