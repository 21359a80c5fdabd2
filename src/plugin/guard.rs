//! No provider outlives us: a second process of this program waits for our end, however it comes, and ends what we left.
//!
//! Providers on the Go kits do not notice that their client has died. The guard does: the system closes the pipe between us when
//! we are gone, killed or not.

use std::io::{BufRead, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

/// Set, it makes this executable a guard.
pub const GUARD_ENV: &str = "STRADDLE_GUARD";

/// The line to the guard. Clones are the same line.
#[derive(Clone, Debug, Default)]
pub(super) struct Guard(Arc<Mutex<Option<std::process::ChildStdin>>>);

impl Guard {
    /// Starts the guard, by running this executable a second time. Without a guard providers end as well as they can by themselves.
    pub(super) fn start(executable: &Path) -> Guard {
        let mut command = Command::new(executable);
        command.env(GUARD_ENV, "1").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt;
            // What the terminal sends to us is not for it.
            command.process_group(0);
        }
        let line = command.spawn().ok().and_then(|mut child| {
            let line = child.stdin.take();
            // It ends after us; whoever adopts it waits for it.
            std::thread::spawn(move || child.wait());
            line
        });
        Guard(Arc::new(Mutex::new(line)))
    }

    /// This process must not outlive us.
    pub(super) fn watch(&self, pid: Option<u32>) {
        self.tell('+', pid);
    }

    /// This process is gone.
    pub(super) fn forget(&self, pid: Option<u32>) {
        self.tell('-', pid);
    }

    fn tell(&self, what: char, pid: Option<u32>) {
        let Some(pid) = pid else { return };
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = line.as_mut().is_none_or(|line| writeln!(line, "{what}{pid}").and_then(|()| line.flush()).is_ok());
        if !told {
            // The guard was killed: nobody to tell.
            *line = None;
        }
    }
}

/// What a guard does: it reads until the line is closed, and kills who is still on the list.
pub fn stand() {
    let mut pids = std::collections::BTreeSet::new();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let Some((what, pid)) = line.split_at_checked(1) else { continue };
        let Ok(pid) = pid.parse::<i32>() else { continue };
        if what == "+" {
            pids.insert(pid);
        } else {
            pids.remove(&pid);
        }
    }
    #[cfg(unix)]
    for pid in pids.into_iter().filter_map(rustix::process::Pid::from_raw) {
        // Fails where it is gone already.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
    #[cfg(not(unix))]
    let _ = pids;
}
