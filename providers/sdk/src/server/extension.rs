//! straddle's extension: bulk calls as streams of batches, locations, discovery.

use super::core::{Core, Kind, plain};
use crate::proto::extension::{self as pb, extension_server};
use crate::provider::{
    Answers, ApplyAnswer, ApplyRequest, Diagnostics, Discovery, Failure, PlanAnswer, PlanRequest, Provider, ReadAnswer,
    ReadRequest, guarded,
};
use crate::wire::{self, BATCH};
use prost::bytes::Bytes;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming};

/// How many batches of one stream are worked on at the same time; further ones wait in the stream's window.
const BATCHES_AT_ONCE: usize = 8;

/// The extension over a provider.
pub(super) struct Extension<P>(pub(super) Arc<Core<P>>);

type Results<R> = mpsc::Sender<Result<R, Status>>;

/// Works through a stream of batches, several at a time, each in a task of its own.
fn stream<B, R, F, Fut>(mut incoming: Streaming<B>, work: F) -> Response<BoxStream<R>>
where
    B: Send + 'static,
    R: Send + 'static,
    F: Fn(B, Results<R>) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(2 * BATCHES_AT_ONCE);
    tokio::spawn(async move {
        let slots = Arc::new(Semaphore::new(BATCHES_AT_ONCE));
        while let Ok(Some(batch)) = incoming.message().await {
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            let done = work(batch, sender.clone());
            tokio::spawn(async move {
                done.await;
                drop(slot);
            });
        }
    });
    Response::new(Box::pin(ReceiverStream::new(receiver)))
}

/// The items of a batch that could be read, each with its id, and the failures of those that could not.
struct Opened<Q> {
    ids: Vec<u64>,
    requests: Vec<Q>,
    failed: Vec<(u64, Diagnostics)>,
}

fn open<I, Q>(items: Vec<I>, id: impl Fn(&I) -> u64, read: impl Fn(I) -> Result<Q, Diagnostics>) -> Opened<Q> {
    let mut opened = Opened { ids: Vec::new(), requests: Vec::with_capacity(items.len()), failed: Vec::new() };
    for item in items {
        let id = id(&item);
        match read(item) {
            Ok(request) => {
                opened.ids.push(id);
                opened.requests.push(request);
            }
            Err(errors) => opened.failed.push((id, errors)),
        }
    }
    opened
}

/// Runs one batch and sends its results as they come, many to a message where many are there. Each item gets exactly one result.
async fn run<Q, A, R, M, Fut>(
    opened: Opened<Q>,
    call: impl FnOnce(Vec<Q>, Answers<A>) -> Fut,
    result: impl Fn(usize, u64, Result<A, Failure>) -> R,
    message: impl Fn(Vec<R>) -> M,
    out: Results<M>,
) where
    Q: Send,
    A: Send,
    Fut: Future<Output = ()> + Send,
{
    let Opened { ids, requests, failed } = opened;
    // An item that could not be read is no request: its index is out of range of the answers.
    let early: Vec<R> = failed.into_iter().map(|(id, errors)| result(usize::MAX, id, Err(errors.into()))).collect();
    if !early.is_empty() {
        _ = out.send(Ok(message(early))).await;
    }
    let mut waiting = vec![true; ids.len()];
    let (replies, mut receiver) = Answers::channel();
    let call = call(requests, replies);
    let mut working = Box::pin(guarded(async {
        call.await;
        Ok(())
    }));
    let mut end: Option<Result<(), Failure>> = None;
    let mut answers = Vec::with_capacity(BATCH.min(ids.len()));
    loop {
        let received = tokio::select! {
            // The provider first: what it answers in one go goes out in one message.
            biased;
            ended = &mut working, if end.is_none() => {
                end = Some(ended);
                continue;
            }
            received = receiver.recv_many(&mut answers, BATCH) => received,
        };
        if received == 0 {
            break;
        }
        let mut results = Vec::with_capacity(answers.len());
        for (index, answer) in answers.drain(..) {
            if let (Some(waits), Some(id)) = (waiting.get_mut(index), ids.get(index))
                && std::mem::take(waits)
            {
                results.push(result(index, *id, answer));
            }
        }
        // When the caller has hung up the work goes on all the same: what is begun must be finished.
        _ = out.send(Ok(message(results))).await;
    }
    let why = match end {
        Some(Err(failure)) => failure,
        _ => Failure::bug("The provider never answered for this object."),
    };
    let silent = waiting.iter().enumerate().filter(|(_, waits)| **waits);
    let rest: Vec<R> = silent.map(|(index, _)| result(index, ids[index], Err(why.clone()))).collect();
    if !rest.is_empty() {
        _ = out.send(Ok(message(rest))).await;
    }
}

#[tonic::async_trait]
impl<P: Provider> extension_server::Extension for Extension<P> {
    async fn capabilities(
        &self,
        _: Request<pb::CapabilitiesRequest>,
    ) -> Result<Response<pb::CapabilitiesResponse>, Status> {
        let c = self.0.capabilities;
        Ok(Response::new(pb::CapabilitiesResponse {
            locations: c.locations,
            discover: c.discover,
            ownership: c.ownership,
        }))
    }

    async fn bulk_read(
        &self,
        request: Request<Streaming<pb::ReadBatch>>,
    ) -> Result<Response<BoxStream<pb::ReadResults>>, Status> {
        let core = self.0.clone();
        Ok(stream(request.into_inner(), move |batch, out| read_batch(core.clone(), batch, out)))
    }

    async fn bulk_plan(
        &self,
        request: Request<Streaming<pb::PlanBatch>>,
    ) -> Result<Response<BoxStream<pb::PlanResults>>, Status> {
        let core = self.0.clone();
        Ok(stream(request.into_inner(), move |batch, out| plan_batch(core.clone(), batch, out)))
    }

    async fn bulk_apply(
        &self,
        request: Request<Streaming<pb::ApplyBatch>>,
    ) -> Result<Response<BoxStream<pb::ApplyResults>>, Status> {
        let core = self.0.clone();
        Ok(stream(request.into_inner(), move |batch, out| apply_batch(core.clone(), batch, out)))
    }

    async fn locations(
        &self,
        request: Request<pb::LocationsRequest>,
    ) -> Result<Response<pb::LocationsResponse>, Status> {
        if !self.0.capabilities.locations {
            return Err(Status::unimplemented("this provider does not report on locations"));
        }
        let asked = request.get_ref().asked.iter().map(wire::from_domains).collect();
        let response = match plain(guarded(self.0.provider.locations(asked)).await) {
            Ok(reports) => pb::LocationsResponse {
                locations: reports.iter().map(wire::to_location).collect(),
                diagnostics: Vec::new(),
            },
            Err(errors) => pb::LocationsResponse { locations: Vec::new(), diagnostics: wire::to_diagnostics(&errors) },
        };
        Ok(Response::new(response))
    }

    async fn discover(
        &self,
        request: Request<pb::DiscoverRequest>,
    ) -> Result<Response<BoxStream<pb::DiscoverResponse>>, Status> {
        if !self.0.capabilities.discover {
            return Err(Status::unimplemented("this provider cannot look for objects by their owner"));
        }
        let request = request.into_inner();
        let asked = Discovery {
            owner: Some(request.owner).filter(|owner| !owner.is_empty()),
            tokens: request.tokens,
            types: request.types.iter().map(Into::into).collect(),
        };
        let found = plain(guarded(self.0.provider.discover(asked)).await).and_then(|found| {
            let object = |o: &crate::provider::Discovered| {
                let kind = self.0.resource(&o.type_name)?;
                Ok(pb::DiscoveredObject {
                    type_name: kind.name.to_string(),
                    id: o.id.clone(),
                    ownership: Some(wire::to_ownership(&o.ownership)),
                    state: match &o.state {
                        Some(state) => kind.sent(state, "state")?,
                        None => Bytes::new(),
                    },
                    private: o.private.clone().into(),
                })
            };
            found.iter().map(object).collect::<Result<Vec<_>, Diagnostics>>()
        });
        let messages: Vec<Result<pb::DiscoverResponse, Status>> = match found {
            Err(errors) => {
                vec![Ok(pb::DiscoverResponse { objects: Vec::new(), diagnostics: wire::to_diagnostics(&errors) })]
            }
            Ok(objects) => {
                let batch =
                    |objects: &[_]| Ok(pb::DiscoverResponse { objects: objects.to_vec(), diagnostics: Vec::new() });
                objects.chunks(BATCH).map(batch).collect()
            }
        };
        Ok(Response::new(Box::pin(tokio_stream::iter(messages))))
    }
}

/// The kind of a batch, or the reason that is every item's.
fn kind_of<P: Provider>(core: &Core<P>, type_name: &str) -> Result<Kind, Diagnostics> {
    core.resource(type_name)
}

async fn read_batch<P: Provider>(core: Arc<Core<P>>, batch: pb::ReadBatch, out: Results<pb::ReadResults>) {
    let kind = kind_of(&core, &batch.type_name);
    let sent: Vec<Bytes> = batch.items.iter().map(|item| item.state.clone()).collect();
    let opened = open(
        batch.items,
        |item| item.id,
        |item| {
            let kind = kind.as_ref().map_err(Clone::clone)?;
            Ok(ReadRequest {
                type_name: kind.name.clone(),
                schema: kind.schema.clone(),
                state: kind.received_bytes(&item.state, "state")?,
                private: item.private.to_vec(),
                deferral_allowed: batch.deferral_allowed,
            })
        },
    );
    // Only items that could be opened have an index, and those only when all could.
    let whole = opened.failed.is_empty();
    let result = |index: usize, id: u64, answer: Result<ReadAnswer, Failure>| {
        let encoded = plain(answer).and_then(|answer| {
            let state = kind.as_ref().map_err(Clone::clone)?.sent(&answer.state, "state")?;
            Ok((answer, state))
        });
        match encoded {
            Ok((answer, state)) => {
                let unchanged = whole && sent.get(index) == Some(&state);
                pb::ReadResult {
                    id,
                    state: if unchanged { Bytes::new() } else { state },
                    unchanged,
                    private: answer.private.into(),
                    deferred: answer.deferred.map(wire::to_deferred),
                    diagnostics: wire::to_diagnostics(&answer.diagnostics),
                }
            }
            Err(errors) => pb::ReadResult { id, diagnostics: wire::to_diagnostics(&errors), ..Default::default() },
        }
    };
    let provider = core.provider.clone();
    run(
        opened,
        |requests, answers| provider.read_many(requests, answers),
        result,
        |results| pb::ReadResults { results },
        out,
    )
    .await;
}

async fn plan_batch<P: Provider>(core: Arc<Core<P>>, batch: pb::PlanBatch, out: Results<pb::PlanResults>) {
    let kind = kind_of(&core, &batch.type_name);
    let proposed_of = |item: &pb::PlanItem| {
        if item.proposed.is_empty() { item.config.clone() } else { item.proposed.clone() }
    };
    let sent: Vec<Bytes> = batch.items.iter().map(proposed_of).collect();
    let opened = open(
        batch.items,
        |item| item.id,
        |item| {
            let kind = kind.as_ref().map_err(Clone::clone)?;
            let config = kind.received_bytes(&item.config, "configuration")?;
            let proposed = match item.proposed.is_empty() || item.proposed == item.config {
                true => config.clone(),
                false => kind.received_bytes(&item.proposed, "proposed state")?,
            };
            let prior = match item.prior == item.proposed {
                true => proposed.clone(),
                false => kind.received_bytes(&item.prior, "prior state")?,
            };
            Ok(PlanRequest {
                type_name: kind.name.clone(),
                schema: kind.schema.clone(),
                prior,
                proposed,
                config,
                private: item.private.to_vec(),
                deferral_allowed: batch.deferral_allowed,
            })
        },
    );
    let whole = opened.failed.is_empty();
    let result = |index: usize, id: u64, answer: Result<PlanAnswer, Failure>| {
        let encoded = plain(answer).and_then(|answer| {
            let planned = kind.as_ref().map_err(Clone::clone)?.sent(&answer.planned, "plan")?;
            Ok((answer, planned))
        });
        match encoded {
            Ok((answer, planned)) => {
                let as_proposed = whole && sent.get(index) == Some(&planned);
                pb::PlanResult {
                    id,
                    planned: if as_proposed { Bytes::new() } else { planned },
                    as_proposed,
                    requires_replace: answer.requires_replace.iter().map(wire::to_path).collect(),
                    private: answer.private.into(),
                    deferred: answer.deferred.map(wire::to_deferred),
                    diagnostics: wire::to_diagnostics(&answer.diagnostics),
                }
            }
            Err(errors) => pb::PlanResult { id, diagnostics: wire::to_diagnostics(&errors), ..Default::default() },
        }
    };
    let call = |requests: Vec<PlanRequest>, answers: Answers<PlanAnswer>| {
        let (provider, see_deletes) = (core.provider.clone(), core.capabilities.plan_delete);
        async move {
            if see_deletes || !requests.iter().any(PlanRequest::is_delete) {
                return provider.plan_many(requests, answers).await;
            }
            // Deletes are planned here; the others keep their places by way of a second channel.
            let mut places = Vec::new();
            let mut others = Vec::new();
            for (index, request) in requests.into_iter().enumerate() {
                if request.is_delete() {
                    answers.send(index, Ok(request.default_plan()));
                } else {
                    places.push(index);
                    others.push(request);
                }
            }
            let (replies, mut receiver) = Answers::channel();
            let forward = async {
                while let Some((at, answer)) = receiver.recv().await {
                    if let Some(index) = places.get::<usize>(at) {
                        answers.tell(*index, answer);
                    }
                }
            };
            tokio::join!(provider.plan_many(others, replies), forward);
        }
    };
    run(opened, call, result, |results| pb::PlanResults { results }, out).await;
}

async fn apply_batch<P: Provider>(core: Arc<Core<P>>, batch: pb::ApplyBatch, out: Results<pb::ApplyResults>) {
    let kind = kind_of(&core, &batch.type_name);
    let opened = open(
        batch.items,
        |item| item.id,
        |item| {
            let kind = kind.as_ref().map_err(Clone::clone)?;
            Ok(ApplyRequest {
                type_name: kind.name.clone(),
                schema: kind.schema.clone(),
                prior: kind.received_bytes(&item.prior, "prior state")?,
                planned: kind.received_bytes(&item.planned, "planned state")?,
                config: kind.received_bytes(&item.config, "configuration")?,
                private: item.private.to_vec(),
                ownership: item.ownership.as_ref().map(wire::from_ownership),
            })
        },
    );
    let result = |_: usize, id: u64, answer: Result<ApplyAnswer, Failure>| {
        let encoded = answer.and_then(|answer| {
            let sent = kind.as_ref().map_err(Clone::clone).and_then(|kind| kind.sent(&answer.state, "result"));
            // The change was made; what came of it cannot be told.
            let state = sent.map_err(|diagnostics| Failure { diagnostics, in_doubt: true })?;
            Ok((answer, state))
        });
        match encoded {
            Ok((answer, state)) => pb::ApplyResult {
                id,
                state,
                private: answer.private.into(),
                diagnostics: wire::to_diagnostics(&answer.diagnostics),
                in_doubt: false,
            },
            Err(Failure { diagnostics, in_doubt }) => {
                pb::ApplyResult { id, in_doubt, diagnostics: wire::to_diagnostics(&diagnostics), ..Default::default() }
            }
        }
    };
    let provider = core.provider.clone();
    run(
        opened,
        |requests, answers| provider.apply_many(requests, answers),
        result,
        |results| pb::ApplyResults { results },
        out,
    )
    .await;
}
