//! The process of a plugin: its streams are drained, its end is noticed, and it never outlives us.

use super::guard::Guard;
use std::collections::VecDeque;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdin};
use tokio::sync::{mpsc, watch};

/// How much of standard error is kept: the only report of a crash.
const TAIL_BYTES: usize = 16 << 10;
/// A plugin told to end has this long before it is killed.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// After a broken call, how long to wait for the process to be seen dead.
const POST_MORTEM: Duration = Duration::from_millis(300);

/// A running plugin. Dropping it kills the process.
#[derive(Debug)]
pub(super) struct Process {
    /// Closing it tells plugins that watch it to end; the system closes it when we die, however we die.
    control: Option<ChildStdin>,
    kill: mpsc::Sender<()>,
    pid: Option<u32>,
    status: watch::Receiver<Option<ExitStatus>>,
    tail: Tail,
    /// Closed once standard error has been read to its end.
    drained: watch::Receiver<()>,
    /// Where its socket lives.
    _sockets: tempfile::TempDir,
}

impl Process {
    /// Watches a child whose standard error is piped.
    pub(super) fn watch(mut child: Child, sockets: tempfile::TempDir, guard: Guard) -> Process {
        let tail = Tail::default();
        let (draining, drained) = watch::channel(());
        if let Some(stderr) = child.stderr.take() {
            let filling = tail.clone().fill(stderr);
            tokio::spawn(async move {
                filling.await;
                drop(draining);
            });
        }
        let (control, pid) = (child.stdin.take(), child.id());
        guard.watch(pid);
        let (kill, mut killed) = mpsc::channel(1);
        let (report, status) = watch::channel(None);
        tokio::spawn(async move {
            let ended = tokio::select! {
                status = child.wait() => status.ok(),
                // Also when the sender is dropped with the process.
                _ = killed.recv() => None,
            };
            let ended = match ended {
                Some(status) => Some(status),
                None => {
                    // Fails only when it is dead already.
                    _ = child.start_kill();
                    child.wait().await.ok()
                }
            };
            guard.forget(pid);
            report.send_replace(Some(ended.unwrap_or_default()));
        });
        Process { control, kill, pid, status, tail, drained, _sockets: sockets }
    }

    /// Its id.
    pub(super) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.status.borrow().is_some()
    }

    /// Waits for its end.
    async fn ended(&self) -> ExitStatus {
        let mut status = self.status.clone();
        match status.wait_for(Option::is_some).await {
            Ok(status) => status.unwrap_or_default(),
            Err(_) => ExitStatus::default(),
        }
    }

    /// Its end and its last words, for a report; waits a moment for both.
    pub(super) async fn post_mortem(&self) -> String {
        let ended = tokio::time::timeout(POST_MORTEM, self.ended()).await.ok();
        if ended.is_some() {
            // Its end is known before its last words are read; a child of its own may hold the pipe open for ever.
            let mut drained = self.drained.clone();
            let _ = tokio::time::timeout(POST_MORTEM, async { while drained.changed().await.is_ok() {} }).await;
        }
        let mut words = match ended {
            Some(status) => format!("the process ended with {status}"),
            None => "the process is still running".to_owned(),
        };
        let tail = self.tail.text();
        if !tail.is_empty() {
            words.push_str("; it wrote:\n");
            words.push_str(&tail);
        }
        words
    }

    /// Ends it: it has been told to by rpc; closing its control pipe tells it again, and then it is killed.
    pub(super) async fn end(mut self) -> ExitStatus {
        drop(self.control.take());
        if let Ok(status) = tokio::time::timeout(LAST_WORDS, self.ended()).await {
            return status;
        }
        self.kill().await
    }

    /// Kills and reaps it.
    pub(super) async fn kill(&self) -> ExitStatus {
        _ = self.kill.try_send(());
        self.ended().await
    }
}

/// The end of what a process wrote.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<u8>>>);

impl Tail {
    async fn fill(self, mut from: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; 8 << 10];
        while let Ok(read) = from.read(&mut buffer).await {
            if read == 0 {
                return;
            }
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend(&buffer[..read]);
            let excess = kept.len().saturating_sub(TAIL_BYTES);
            kept.drain(..excess);
        }
    }

    fn text(&self) -> String {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(kept.make_contiguous()).trim_end().to_owned()
    }
}

/// The longest first line read: a plugin that prints more is none.
const LONGEST_LINE: u64 = 64 << 10;

/// The first line of a stream; the rest is read and thrown away for ever, so that the writer never blocks. `None`: it ended before.
pub(super) async fn first_line(stdout: impl AsyncRead + Unpin + Send + 'static) -> Option<String> {
    let mut reader = BufReader::new(stdout).take(LONGEST_LINE);
    let mut line = Vec::new();
    let read = reader.read_until(b'\n', &mut line).await.unwrap_or(0);
    let mut rest = reader.into_inner();
    tokio::spawn(async move { tokio::io::copy_buf(&mut rest, &mut tokio::io::sink()).await });
    (read > 0).then(|| String::from_utf8_lossy(&line).into_owned())
}
