//! Bulk calls for providers that have no bulk of their own: one by one, with a bound on how many wait at the same time.

use super::{Diagnostic, Diagnostics};
use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::Poll;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

/// How many objects of one bulk call wait at the same time, unless the provider overrides the call.
pub const BULK_CONCURRENCY: usize = 32;

/// Where the answers of a bulk call go, each as soon as it is there, in any order. What was asked and is never answered is
/// reported as an error of that object.
#[derive(Debug)]
pub struct Answers<T> {
    sender: UnboundedSender<(usize, Result<T, Diagnostics>)>,
}

impl<T> Clone for Answers<T> {
    fn clone(&self) -> Answers<T> {
        Answers { sender: self.sender.clone() }
    }
}

impl<T> Answers<T> {
    /// Answers that arrive at the other end of this channel. It is not bounded: there are as many answers as requests.
    pub fn new(sender: UnboundedSender<(usize, Result<T, Diagnostics>)>) -> Answers<T> {
        Answers { sender }
    }

    /// The answer to the request at `index`. Of several for one request the first counts.
    pub fn send(&self, index: usize, answer: Result<T, Diagnostics>) {
        // The receiver is gone only when nobody waits for the answer any more.
        _ = self.sender.send((index, answer));
    }
}

/// Runs `handle` for each request. A handler that is ready at once costs no task of its own.
pub(crate) async fn each<Q, A, F, Fut>(requests: Vec<Q>, answers: Answers<A>, handle: F)
where
    A: Send + 'static,
    F: Fn(Q) -> Fut,
    Fut: Future<Output = Result<A, Diagnostics>> + Send + 'static,
{
    let mut waiting = JoinSet::new();
    for (index, request) in requests.into_iter().enumerate() {
        let mut call = Box::pin(guarded(handle(request)));
        match std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await {
            Poll::Ready(answer) => answers.send(index, answer),
            Poll::Pending => {
                let answers = answers.clone();
                waiting.spawn(async move { answers.send(index, call.await) });
            }
        }
        while waiting.len() >= BULK_CONCURRENCY {
            waiting.join_next().await;
        }
    }
    while waiting.join_next().await.is_some() {}
}

/// The future, with a panic turned into a diagnostic.
pub(crate) async fn guarded<A>(call: impl Future<Output = Result<A, Diagnostics>> + Send) -> Result<A, Diagnostics> {
    let mut call: Pin<Box<_>> = Box::pin(call);
    std::future::poll_fn(move |context| {
        match std::panic::catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context))) {
            Ok(poll) => poll,
            Err(payload) => Poll::Ready(Err(panicked(&*payload))),
        }
    })
    .await
}

/// What to tell of a handler that panicked.
fn panicked(payload: &(dyn Any + Send)) -> Diagnostics {
    let words = payload
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Diagnostic::error(
        "Provider bug",
        format!("The provider broke off in the middle of this call ({words}). What it had done by then is not known."),
    )
    .into()
}
