//! Bulk calls for providers that have no bulk of their own: one by one, with a bound on how many wait at the same time.

use super::{Diagnostic, Diagnostics};
use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::Poll;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;

/// How many objects of one bulk call wait at the same time, unless the provider overrides the call.
pub const BULK_CONCURRENCY: usize = 32;

/// A call without a result.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{diagnostics}")]
pub struct Failure {
    /// Why.
    pub diagnostics: Diagnostics,
    /// Whether something may have been changed all the same: the provider broke off, its answer cannot be read, or it cannot
    /// tell itself.
    pub in_doubt: bool,
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Failure {
        Failure { diagnostics, in_doubt: false }
    }
}

impl Failure {
    /// The provider did what no provider may do, and nobody knows what it had changed by then.
    pub(crate) fn bug(detail: impl Into<String>) -> Failure {
        Failure { diagnostics: Diagnostic::error("Provider bug", detail).into(), in_doubt: true }
    }
}

/// Where the answers of a bulk call arrive, each with the index of its request.
pub type Arrivals<T> = UnboundedReceiver<(usize, Result<T, Failure>)>;

/// Where the answers of a bulk call go, each as soon as it is there, in any order. What was asked and is never answered is
/// reported as an error of that object.
#[derive(Debug)]
pub struct Answers<T> {
    sender: UnboundedSender<(usize, Result<T, Failure>)>,
}

impl<T> Clone for Answers<T> {
    fn clone(&self) -> Answers<T> {
        Answers { sender: self.sender.clone() }
    }
}

impl<T> Answers<T> {
    /// Answers, and where they arrive: each with the index of its request. The channel is not bounded: there are no more answers
    /// than requests.
    pub fn channel() -> (Answers<T>, Arrivals<T>) {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        (Answers { sender }, receiver)
    }

    /// The answer to the request at `index`. Of several for one request the first counts.
    pub fn send(&self, index: usize, answer: Result<T, Diagnostics>) {
        self.tell(index, answer.map_err(Failure::from));
    }

    /// As [`Answers::send`], for a provider that cannot tell whether something was changed, because a reply was lost.
    pub fn tell(&self, index: usize, answer: Result<T, Failure>) {
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
            Poll::Ready(answer) => answers.tell(index, answer),
            Poll::Pending => {
                let answers = answers.clone();
                waiting.spawn(async move { answers.tell(index, call.await) });
            }
        }
        while waiting.len() >= BULK_CONCURRENCY {
            waiting.join_next().await;
        }
    }
    while waiting.join_next().await.is_some() {}
}

/// The future, with a panic turned into a failure that leaves its outcome in doubt.
pub(crate) async fn guarded<A>(call: impl Future<Output = Result<A, Diagnostics>> + Send) -> Result<A, Failure> {
    let mut call: Pin<Box<_>> = Box::pin(call);
    std::future::poll_fn(move |context| {
        match std::panic::catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context))) {
            Ok(poll) => poll.map_err(Failure::from),
            Err(payload) => Poll::Ready(Err(panicked(&*payload))),
        }
    })
    .await
}

/// What to tell of a handler that panicked.
fn panicked(payload: &(dyn Any + Send)) -> Failure {
    let words = payload
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Failure::bug(format!(
        "The provider broke off in the middle of this call ({words}). What it had done by then is not known."
    ))
}
