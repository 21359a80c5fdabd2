//! A plugin ends with its caller, and only its caller tells it to.

use std::io::Read;
use std::path::PathBuf;

/// Ctrl-C reaches the whole process group; it is the caller that decides what becomes of running calls.
pub(super) fn ignore_interrupts() {
    #[cfg(unix)]
    // Once installed the handler stays; nobody waits for the signal. Where it cannot be installed nothing is lost but manners.
    drop(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()));
}

/// Ends the process as soon as standard input closes, whatever the handlers are doing: the caller is gone, and nobody is left to
/// hear the answers. A thread of its own, so that it works when every worker hangs.
pub(super) fn end_with_the_pipe(socket_dir: Option<PathBuf>) {
    let watch = move || {
        let mut buffer = [0; 64];
        loop {
            match std::io::stdin().read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        if let Some(dir) = socket_dir {
            _ = std::fs::remove_dir_all(dir);
        }
        std::process::exit(0);
    };
    if std::thread::Builder::new().name("control".into()).spawn(watch).is_err() {
        // Without the watch the promise could not be kept.
        std::process::exit(1);
    }
}
