//! Bulk calls: streams of batches where the provider serves the extension, single calls side by side where it does not.

use super::call::{ApplyAnswer, ApplyRequest, CallError, PlanAnswer, PlanRequest, ReadAnswer, ReadRequest};
use super::check::{Judge, normalised};
use super::extension::Extension;
use super::session::{Inner, Plugin, applied};
use prost::bytes::Bytes;
use std::future::Future;
use std::sync::Arc;
use straddle_sdk::proto::extension as pb;
use straddle_sdk::value::{Str, Value};
use straddle_sdk::wire::{self, BATCH};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status, Streaming};

/// Answers as they come, each with the index of its request.
pub type AnswerStream<A> = mpsc::UnboundedReceiver<(usize, Result<A, CallError>)>;
type Sink<A> = mpsc::UnboundedSender<(usize, Result<A, CallError>)>;

/// How many encoded batches may wait for the connection.
const QUEUE: usize = 4;

impl Plugin {
    /// Reads many objects; answers are in the order of the requests.
    pub async fn read_many(&self, requests: Vec<ReadRequest>) -> Vec<Result<ReadAnswer, CallError>> {
        if self.inner.local.is_some() {
            return requests.into_iter().map(|r| Ok(self.inner.read_here(r))).collect();
        }
        let count = requests.len();
        collect(&self.inner, "read", count, run::<Read>(self.inner.clone(), requests)).await
    }

    /// Plans many changes; answers are in the order of the requests.
    pub async fn plan_many(&self, requests: Vec<PlanRequest>) -> Vec<Result<PlanAnswer, CallError>> {
        if let Some(local) = &self.inner.local {
            return requests.iter().map(|r| self.inner.plan_here(&**local, r)).collect();
        }
        let count = requests.len();
        collect(&self.inner, "plan", count, run::<Plan>(self.inner.clone(), requests)).await
    }

    /// Makes many changes, in any order. Each answer comes as soon as it is there, and each request gets one. The changes go on
    /// when nobody listens any more.
    pub fn apply_many(&self, requests: Vec<ApplyRequest>) -> AnswerStream<ApplyAnswer> {
        if let Some(local) = &self.inner.local {
            let (sink, stream) = mpsc::unbounded_channel();
            for (index, request) in requests.iter().enumerate() {
                send(&sink, index, self.inner.apply_here(&**local, request));
            }
            return stream;
        }
        run::<Apply>(self.inner.clone(), requests)
    }

    /// Makes one change.
    pub async fn apply(&self, request: ApplyRequest) -> Result<ApplyAnswer, CallError> {
        match self.apply_many(vec![request]).recv().await {
            Some((_, answer)) => answer,
            None => Err(unanswered(&self.inner, "apply")),
        }
    }
}

fn unanswered(inner: &Inner, call: &'static str) -> CallError {
    let reason = "the answer was lost".to_owned();
    CallError::Transport { provider: inner.provider.clone(), call, reason }
}

async fn collect<A>(
    inner: &Arc<Inner>,
    call: &'static str,
    count: usize,
    mut stream: AnswerStream<A>,
) -> Vec<Result<A, CallError>> {
    let mut answers: Vec<Option<Result<A, CallError>>> = Vec::new();
    answers.resize_with(count, || None);
    let mut some = Vec::with_capacity(BATCH);
    while stream.recv_many(&mut some, BATCH).await > 0 {
        for (index, answer) in some.drain(..) {
            if let Some(place) = answers.get_mut(index) {
                *place = Some(answer);
            }
        }
    }
    answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(unanswered(inner, call)))).collect()
}

/// What tells one bulk call from another.
trait Bulk: 'static {
    const CALL: &'static str;
    type Request: Send + Sync + 'static;
    type Answer: Send + 'static;
    type Item: Send;
    type Batch: Send + 'static;
    type Item2: Send + 'static;
    type Results: Send + 'static;

    fn type_name(request: &Self::Request) -> &Str;
    /// An answer that needs no provider.
    fn without_asking(_: &Inner, _: &Self::Request) -> Option<Self::Answer> {
        None
    }
    fn item(judge: Judge<'_>, id: u64, request: &Self::Request) -> Result<Self::Item, CallError>;
    fn batch(type_name: &Str, items: Vec<Self::Item>) -> Self::Batch;
    fn open(
        extension: Extension,
        batches: ReceiverStream<Self::Batch>,
    ) -> impl Future<Output = Result<Response<Streaming<Self::Results>>, Status>> + Send;
    fn results(results: Self::Results) -> Vec<Self::Item2>;
    fn id(result: &Self::Item2) -> u64;
    fn answer(judge: Judge<'_>, request: &Self::Request, result: Self::Item2) -> Result<Self::Answer, CallError>;
    /// The same by the plain protocol.
    fn single(inner: &Inner, request: &Self::Request) -> impl Future<Output = Result<Self::Answer, CallError>> + Send;
}

fn run<B: Bulk>(inner: Arc<Inner>, requests: Vec<B::Request>) -> AnswerStream<B::Answer> {
    let (sink, stream) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        match inner.extension.clone() {
            Some(extension) => by_stream::<B>(inner, extension, requests, sink).await,
            None => one_by_one::<B>(inner, requests, sink).await,
        }
    });
    stream
}

/// Nobody hears the answer when the receiver is gone.
fn send<A>(sink: &Sink<A>, index: usize, answer: Result<A, CallError>) {
    _ = sink.send((index, answer));
}

async fn one_by_one<B: Bulk>(inner: Arc<Inner>, requests: Vec<B::Request>, sink: Sink<B::Answer>) {
    let slots = Arc::new(Semaphore::new(inner.parallelism.max(1)));
    let mut calls = JoinSet::new();
    for (index, request) in requests.into_iter().enumerate() {
        let Ok(slot) = slots.clone().acquire_owned().await else { break };
        let (inner, sink) = (inner.clone(), sink.clone());
        calls.spawn(async move {
            send(&sink, index, B::single(&inner, &request).await);
            drop(slot);
        });
        while calls.try_join_next().is_some() {}
    }
    while calls.join_next().await.is_some() {}
}

async fn by_stream<B: Bulk>(inner: Arc<Inner>, extension: Extension, requests: Vec<B::Request>, sink: Sink<B::Answer>) {
    let requests = Arc::new(requests);
    let waiting = Arc::new(Waiting::new(requests.len()));
    let (queue, batches) = mpsc::channel(QUEUE);
    tokio::spawn(feed::<B>(inner.clone(), requests.clone(), waiting.clone(), queue, sink.clone()));
    let end = receive::<B>(&inner, extension, batches, &requests, &waiting, &sink).await;
    let rest: Vec<usize> = waiting.take_all();
    if rest.is_empty() {
        return;
    }
    let error = match end {
        Err(status) => inner.failed(B::CALL, status).await,
        Ok(()) => CallError::Broken {
            provider: inner.provider.clone(),
            call: B::CALL,
            what: "the stream ended before every object was answered for".to_owned(),
        },
    };
    rest.into_iter().for_each(|index| send(&sink, index, Err(error.clone())));
}

/// Encodes batch after batch, each in a task of its own, and hands them to the connection.
async fn feed<B: Bulk>(
    inner: Arc<Inner>,
    requests: Arc<Vec<B::Request>>,
    waiting: Arc<Waiting>,
    queue: mpsc::Sender<B::Batch>,
    sink: Sink<B::Answer>,
) {
    let mut encoding = JoinSet::new();
    for (type_name, indices) in batched::<B>(&inner, &requests, &waiting, &sink) {
        let Ok(place) = queue.clone().reserve_owned().await else { return };
        let (inner, requests, waiting, sink) = (inner.clone(), requests.clone(), waiting.clone(), sink.clone());
        encoding.spawn(async move {
            let mut items = Vec::with_capacity(indices.len());
            for index in indices {
                let judge = inner.resource(B::CALL, &type_name);
                match judge.and_then(|judge| B::item(judge, index as u64, &requests[index])) {
                    Ok(item) => items.push(item),
                    Err(error) if waiting.take(index) => send(&sink, index, Err(error)),
                    Err(_) => {}
                }
            }
            if !items.is_empty() {
                place.send(B::batch(&type_name, items));
            }
        });
        while encoding.try_join_next().is_some() {}
    }
    while encoding.join_next().await.is_some() {}
}

/// The indices of requests that need the provider, by type, at most [`BATCH`] together.
fn batched<B: Bulk>(
    inner: &Inner,
    requests: &[B::Request],
    waiting: &Waiting,
    sink: &Sink<B::Answer>,
) -> Vec<(Str, Vec<usize>)> {
    let mut batches: Vec<(Str, Vec<usize>)> = Vec::new();
    // The batch of each type that still has room.
    let mut open: std::collections::HashMap<&Str, usize> = std::collections::HashMap::new();
    for (index, request) in requests.iter().enumerate() {
        if let Some(answer) = B::without_asking(inner, request) {
            if waiting.take(index) {
                send(sink, index, Ok(answer));
            }
            continue;
        }
        let name = B::type_name(request);
        match open.get(name).and_then(|at| batches.get_mut(*at)) {
            Some((_, indices)) if indices.len() < BATCH => indices.push(index),
            _ => {
                open.insert(name, batches.len());
                batches.push((name.clone(), vec![index]));
            }
        }
    }
    batches
}

/// Takes results until the stream ends; each message is decoded in a task of its own.
async fn receive<B: Bulk>(
    inner: &Arc<Inner>,
    extension: Extension,
    batches: mpsc::Receiver<B::Batch>,
    requests: &Arc<Vec<B::Request>>,
    waiting: &Arc<Waiting>,
    sink: &Sink<B::Answer>,
) -> Result<(), Status> {
    let mut stream = B::open(extension, ReceiverStream::new(batches)).await?.into_inner();
    let mut decoding = JoinSet::new();
    let end = loop {
        let next = match inner.deadline {
            None => stream.message().await,
            Some(deadline) => tokio::time::timeout(deadline, stream.message())
                .await
                .unwrap_or_else(|_| Err(Status::deadline_exceeded(format!("no answer within {deadline:?}")))),
        };
        let results = match next {
            Ok(Some(results)) => results,
            Ok(None) => break Ok(()),
            Err(status) => break Err(status),
        };
        let (inner, requests, waiting, sink) = (inner.clone(), requests.clone(), waiting.clone(), sink.clone());
        decoding.spawn(async move {
            for result in B::results(results) {
                // An id we did not send, or sent and have an answer for, is passed over; a lie about it harms nobody.
                let Ok(index) = usize::try_from(B::id(&result)) else { continue };
                let Some(request) = requests.get(index) else { continue };
                if waiting.take(index) {
                    let judge = inner.resource(B::CALL, B::type_name(request));
                    send(&sink, index, judge.and_then(|judge| B::answer(judge, request, result)));
                }
            }
        });
        while decoding.try_join_next().is_some() {}
    };
    while decoding.join_next().await.is_some() {}
    end
}

/// Which requests have no answer yet.
struct Waiting(Vec<std::sync::atomic::AtomicBool>);

impl Waiting {
    fn new(count: usize) -> Waiting {
        Waiting((0..count).map(|_| std::sync::atomic::AtomicBool::new(true)).collect())
    }

    /// Whether it had none; now it has one.
    fn take(&self, index: usize) -> bool {
        self.0.get(index).is_some_and(|w| w.swap(false, std::sync::atomic::Ordering::Relaxed))
    }

    fn take_all(&self) -> Vec<usize> {
        (0..self.0.len()).filter(|index| self.take(*index)).collect()
    }
}

enum Read {}

impl Bulk for Read {
    const CALL: &'static str = "read";
    type Request = ReadRequest;
    type Answer = ReadAnswer;
    type Item = pb::ReadItem;
    type Batch = pb::ReadBatch;
    type Item2 = pb::ReadResult;
    type Results = pb::ReadResults;

    fn type_name(request: &ReadRequest) -> &Str {
        &request.type_name
    }

    fn item(judge: Judge<'_>, id: u64, request: &ReadRequest) -> Result<pb::ReadItem, CallError> {
        let state = judge.encode(&request.current, "state")?;
        Ok(pb::ReadItem { id, state, private: Bytes::copy_from_slice(&request.private) })
    }

    fn batch(type_name: &Str, items: Vec<pb::ReadItem>) -> pb::ReadBatch {
        pb::ReadBatch { type_name: type_name.to_string(), deferral_allowed: false, items }
    }

    async fn open(
        mut extension: Extension,
        batches: ReceiverStream<pb::ReadBatch>,
    ) -> Result<Response<Streaming<pb::ReadResults>>, Status> {
        extension.client.bulk_read(batches).await
    }

    fn results(results: pb::ReadResults) -> Vec<pb::ReadResult> {
        results.results
    }

    fn id(result: &pb::ReadResult) -> u64 {
        result.id
    }

    fn answer(judge: Judge<'_>, request: &ReadRequest, result: pb::ReadResult) -> Result<ReadAnswer, CallError> {
        let diagnostics = judge.told(&result.diagnostics)?;
        judge.not_deferred(result.deferred.as_ref())?;
        let state = if result.unchanged {
            bare(&request.current)
        } else if result.state.is_empty() {
            return Err(judge.broken("neither an object nor an error"));
        } else {
            let state = judge.known(wire::decode(&result.state, judge.schema.ty()))?;
            normalised(&judge.schema.block, &state)
        };
        let identity = judge.identity_within(&state);
        Ok(ReadAnswer { state, private: result.private.to_vec(), identity, deferred: None, diagnostics })
    }

    async fn single(inner: &Inner, request: &ReadRequest) -> Result<ReadAnswer, CallError> {
        inner.read(request).await
    }
}

/// What the wire would give back: marks never travel.
fn bare(value: &Value) -> Value {
    if value.contains_marked() { value.unmarked() } else { value.clone() }
}

enum Plan {}

impl Bulk for Plan {
    const CALL: &'static str = "plan";
    type Request = PlanRequest;
    type Answer = PlanAnswer;
    type Item = pb::PlanItem;
    type Batch = pb::PlanBatch;
    type Item2 = pb::PlanResult;
    type Results = pb::PlanResults;

    fn type_name(request: &PlanRequest) -> &Str {
        &request.type_name
    }

    fn without_asking(inner: &Inner, request: &PlanRequest) -> Option<PlanAnswer> {
        inner.plan_without_asking(request)
    }

    fn item(judge: Judge<'_>, id: u64, request: &PlanRequest) -> Result<pb::PlanItem, CallError> {
        let config = judge.encode(&request.config, "configuration")?;
        let proposed = judge.encode(&request.proposed, "proposed state")?;
        Ok(pb::PlanItem {
            id,
            prior: judge.encode(&request.prior, "prior state")?,
            proposed: if proposed == config { Bytes::new() } else { proposed },
            config,
            private: Bytes::copy_from_slice(&request.prior_private),
        })
    }

    fn batch(type_name: &Str, items: Vec<pb::PlanItem>) -> pb::PlanBatch {
        pb::PlanBatch { type_name: type_name.to_string(), deferral_allowed: false, items }
    }

    async fn open(
        mut extension: Extension,
        batches: ReceiverStream<pb::PlanBatch>,
    ) -> Result<Response<Streaming<pb::PlanResults>>, Status> {
        extension.client.bulk_plan(batches).await
    }

    fn results(results: pb::PlanResults) -> Vec<pb::PlanResult> {
        results.results
    }

    fn id(result: &pb::PlanResult) -> u64 {
        result.id
    }

    fn answer(judge: Judge<'_>, request: &PlanRequest, result: pb::PlanResult) -> Result<PlanAnswer, CallError> {
        let diagnostics = judge.told(&result.diagnostics)?;
        judge.not_deferred(result.deferred.as_ref())?;
        let planned = if result.as_proposed {
            judge.value(Ok(bare(&request.proposed)))?
        } else if result.planned.is_empty() {
            return Err(judge.broken("neither a plan nor an error"));
        } else {
            judge.value(wire::decode(&result.planned, judge.schema.ty()))?
        };
        let planned_identity = judge.identity_within(&planned);
        Ok(PlanAnswer {
            planned,
            requires_replace: result.requires_replace.iter().map(wire::from_path).collect(),
            planned_private: result.private.to_vec(),
            planned_identity,
            deferred: None,
            legacy: false,
            diagnostics,
        })
    }

    async fn single(inner: &Inner, request: &PlanRequest) -> Result<PlanAnswer, CallError> {
        inner.judged_plan(request).await
    }
}

enum Apply {}

impl Bulk for Apply {
    const CALL: &'static str = "apply";
    type Request = ApplyRequest;
    type Answer = ApplyAnswer;
    type Item = pb::ApplyItem;
    type Batch = pb::ApplyBatch;
    type Item2 = pb::ApplyResult;
    type Results = pb::ApplyResults;

    fn type_name(request: &ApplyRequest) -> &Str {
        &request.type_name
    }

    fn item(judge: Judge<'_>, id: u64, request: &ApplyRequest) -> Result<pb::ApplyItem, CallError> {
        Ok(pb::ApplyItem {
            id,
            prior: judge.encode(&request.prior, "prior state")?,
            planned: judge.encode(&request.planned, "planned state")?,
            config: judge.encode(&request.config, "configuration")?,
            private: Bytes::copy_from_slice(&request.planned_private),
            ownership: request.ownership.as_ref().map(wire::to_ownership),
        })
    }

    fn batch(type_name: &Str, items: Vec<pb::ApplyItem>) -> pb::ApplyBatch {
        pb::ApplyBatch { type_name: type_name.to_string(), items }
    }

    async fn open(
        mut extension: Extension,
        batches: ReceiverStream<pb::ApplyBatch>,
    ) -> Result<Response<Streaming<pb::ApplyResults>>, Status> {
        extension.client.bulk_apply(batches).await
    }

    fn results(results: pb::ApplyResults) -> Vec<pb::ApplyResult> {
        results.results
    }

    fn id(result: &pb::ApplyResult) -> u64 {
        result.id
    }

    fn answer(judge: Judge<'_>, request: &ApplyRequest, result: pb::ApplyResult) -> Result<ApplyAnswer, CallError> {
        let diagnostics = wire::from_diagnostics(&result.diagnostics);
        if result.in_doubt {
            return Err(CallError::InDoubt { provider: judge.provider.clone(), diagnostics });
        }
        if result.state.is_empty() {
            return Err(match diagnostics.has_errors() {
                true => CallError::Refused { provider: judge.provider.clone(), diagnostics },
                false => judge.broken("neither a result nor an error"),
            });
        }
        let state = judge.value(wire::decode(&result.state, judge.schema.ty()))?;
        let done = applied(judge, request, state, result.private.to_vec(), false, diagnostics)?;
        Ok(ApplyAnswer { identity: judge.identity_within(&done.state), ..done })
    }

    async fn single(inner: &Inner, request: &ApplyRequest) -> Result<ApplyAnswer, CallError> {
        inner.apply(request).await
    }
}
