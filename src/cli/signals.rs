//! Ctrl-C and its kin while a plan is carried out: once means no more than what is out already, twice means now.

use super::Exit;
use super::print::Printer;
use crate::apply::StopFlag;
use crate::fleet::Fleet;
use std::future::Future;
use tokio::signal::unix::{SignalKind, signal};

/// How watched work came to its end.
pub enum Watched<T> {
    /// By itself; with the exit code of the signal that asked it to stop.
    Ended(T, Option<Exit>),
    /// It was cut off. What was out is open in the journal, and the next run asks what became of it.
    CutOff(Exit),
}

/// Waits for `work`, which looks at `stop`. The second signal ends every provider.
pub async fn watch<T>(stop: &StopFlag, fleet: &Fleet, printer: &Printer, work: impl Future<Output = T>) -> Watched<T> {
    let mut work = std::pin::pin!(work);
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return Watched::Ended(work.await, None);
    };
    let mut asked = None;
    loop {
        let exit = tokio::select! {
            done = &mut work => return Watched::Ended(done, asked),
            _ = interrupt.recv() => Exit::Interrupted,
            _ = terminate.recv() => Exit::Terminated,
        };
        if asked.is_some() {
            fleet.kill().await;
            return Watched::CutOff(exit);
        }
        asked = Some(exit);
        stop.set();
        printer.error("stopping: nothing more is started, what is out already is waited for; again to stop at once");
    }
}
