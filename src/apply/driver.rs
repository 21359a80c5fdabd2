//! Carrying a plan out: operations start when what they wait for has ended well, and what depends on a failed one is left out.
//!
//! For every change of an object: `Begin` is durable, the call leaves, its answer is journalled, `End` is durable, dependents start.
//! Calls of one provider that are free at the same time leave in one stream.

use super::event::{Event, Summary};
use super::objects::{self, Call, Prepared};
use super::provision::{self, When};
use super::steps::{self, Checked};
use super::{Carrying, Stop};
use crate::diag::Diagnostic;
use crate::plan::model::{Action, OpKind};
use crate::plugin::{ApplyAnswer, ApplyRequest, CallError, Ownership};
use crate::state::{
    ActionId, Bearings, Begin, DeposedKey, End, Entry, How, Kind, Object, ObjectId, Outcome, ProviderRef, StateError,
    now,
};
use futures_util::stream::{LocalBoxStream, SelectAll};
use futures_util::{FutureExt, StreamExt, stream};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use straddle_sdk::value::Str;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

/// What came to pass.
pub(super) enum Done {
    /// A call's answer.
    Applied { call: Box<Call>, result: Result<ApplyAnswer, CallError> },
    /// The objects of a batch, ready to be sent or refused.
    Prepared(Vec<Prepared>),
    /// A call that has not left: the journal could not promise to remember it.
    Unsent { call: Box<Call>, error: StateError },
    /// A barrier's work.
    Checked { op: usize, result: Checked },
    /// Time has passed.
    Waited { op: usize },
    /// Something to tell.
    Told(Event),
    /// The provisioners of a new object have run, or one failed. The object is without the mark of a half-made one.
    Provisioned { call: Box<Call>, object: Arc<Object>, result: Result<(), Vec<Diagnostic>> },
}

/// Where an operation stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stand {
    Waiting,
    Running,
    Well,
    /// Failed, in doubt, or left out because of another.
    Not,
}

pub(super) struct Driver<'c, 'a> {
    carrying: &'c Carrying<'a>,
    work: SelectAll<LocalBoxStream<'c, Done>>,
    stand: Vec<Stand>,
    open: Vec<u32>,
    wake: Vec<Vec<u32>>,
    free: BTreeSet<usize>,
    started: HashMap<usize, Instant>,
    /// When the checks of a step were done and its calls could leave.
    steps_started: HashMap<(Str, u32), Instant>,
    /// Deposed keys given in this run, by change.
    deposed: HashMap<usize, DeposedKey>,
    summary: Summary,
    /// Why the journal takes nothing more. What is out is waited for, nothing more is started.
    stuck: Option<StateError>,
    /// The step each workload is in.
    within: BTreeMap<Str, u32>,
    listen: &'c mut dyn FnMut(Event),
}

impl<'c, 'a> Driver<'c, 'a> {
    pub(super) fn new(carrying: &'c Carrying<'a>, listen: &'c mut dyn FnMut(Event)) -> Driver<'c, 'a> {
        let ops = &carrying.plan.ops;
        let mut wake = vec![Vec::new(); ops.len()];
        for (i, op) in ops.iter().enumerate() {
            for earlier in &op.after {
                wake[*earlier as usize].push(i as u32);
            }
        }
        Driver {
            carrying,
            work: SelectAll::new(),
            stand: vec![Stand::Waiting; ops.len()],
            open: ops.iter().map(|o| o.after.len() as u32).collect(),
            free: (0..ops.len()).filter(|i| ops[*i].after.is_empty()).collect(),
            wake,
            started: HashMap::new(),
            steps_started: HashMap::new(),
            deposed: HashMap::new(),
            summary: Summary::default(),
            stuck: None,
            within: BTreeMap::new(),
            listen,
        }
    }

    /// Runs until nothing is left that could start.
    pub(super) async fn run(mut self) -> Result<Summary, StateError> {
        loop {
            self.start_free()?;
            let Some(first) = self.work.next().await else { break };
            let mut batch = vec![first];
            // What is there already shares one write of the journal.
            while let Some(Some(more)) = self.work.next().now_or_never() {
                batch.push(more);
            }
            self.take(batch).await?;
        }
        self.summary.skipped += self.stand.iter().filter(|s| **s == Stand::Waiting).count();
        let plan = self.carrying.plan;
        let undone = self.stand.iter().zip(&plan.ops).filter(|(stand, _)| **stand != Stand::Well);
        let changes = undone.filter_map(|(_, op)| plan.changes.get(op.what.change()? as usize));
        self.summary.undone = changes.map(|c| c.address.config()).collect();
        self.summary.stopped = self.carrying.stop.get() != Stop::No;
        if let Some(error) = &self.stuck {
            self.summary.unsaved = true;
            self.summary.problems.push(self.unwritable(error));
        }
        Ok(self.summary)
    }

    /// The journal takes nothing more: what cannot be remembered is not begun. A journal that would not make sense is another thing.
    fn stick(&mut self, error: StateError) -> Result<(), StateError> {
        match error {
            StateError::Illegal(_) => Err(error),
            error => {
                self.stuck.get_or_insert(error);
                Ok(())
            }
        }
    }

    fn unwritable(&self, error: &StateError) -> Diagnostic {
        let within = self.within.iter().filter_map(|(workload, step)| {
            let (plan, _) = self.carrying.step(workload, *step)?;
            let worst: u32 = plan.decision.steps.get(*step as usize)?.half_done.iter().sum();
            let of = self.carrying.steps_of(workload);
            Some(format!(" {workload} stands in step {} of {of}, in which no fewer than {worst} serve.", step + 1))
        });
        Diagnostic::error(
            "The journal could not be written",
            format!(
                "{error}. Nothing more was begun, and what was out was waited for; what became of the last changes may be in the clouds only.{}",
                within.collect::<String>()
            ),
        )
        .help("Make room for it or see to the disk, then run the same command again: it first asks the providers what became of every change that was begun, so that nothing is made twice.")
    }

    /// Starts everything that waits for nothing.
    fn start_free(&mut self) -> Result<(), StateError> {
        let mut changes: Vec<usize> = Vec::new();
        while let Some(op) = self.free.pop_first() {
            if self.carrying.stop.get() != Stop::No || self.stuck.is_some() {
                continue;
            }
            self.stand[op] = Stand::Running;
            match &self.carrying.plan.ops[op].what {
                OpKind::Join => self.well(op),
                OpKind::StepEnd { workload, step } => {
                    if let Err(error) = self.carrying.step_done(workload, *step) {
                        self.stick(error)?;
                        self.not_well(op);
                        continue;
                    }
                    self.within.remove(workload);
                    if let Some((_, done)) = self.carrying.step(workload, *step) {
                        self.carrying.watch.touched(workload, done.removes.iter().chain(&done.updates).cloned());
                    }
                    let of = self.carrying.steps_of(workload);
                    let serving = self.carrying.serving_after(workload, *step);
                    (self.listen)(Event::StepDone { workload: workload.clone(), step: *step, of, serving });
                    self.well(op);
                }
                OpKind::Drain { workload, .. } => {
                    let wait = Duration::from_secs(self.carrying.rollout(workload).drain_s);
                    self.work.push(
                        stream::once(async move {
                            tokio::time::sleep(wait).await;
                            Done::Waited { op }
                        })
                        .boxed_local(),
                    );
                }
                OpKind::StepStart { workload, step } => {
                    let of = self.carrying.steps_of(workload);
                    self.steps_started.insert((workload.clone(), *step), Instant::now());
                    self.within.insert(workload.clone(), *step);
                    (self.listen)(Event::StepStart { workload: workload.clone(), step: *step, of });
                    let carrying = self.carrying;
                    self.work.push(
                        stream::once(async move {
                            Done::Checked { op, result: steps::check_start(carrying, workload, *step).await }
                        })
                        .boxed_local(),
                    );
                }
                OpKind::StepReady { workload, step } => {
                    let carrying = self.carrying;
                    self.work.push(
                        steps::wait_ready(carrying, workload, *step)
                            .map(move |result| Done::Checked { op, result })
                            .boxed_local(),
                    );
                }
                _ => changes.push(op),
            }
        }
        if !changes.is_empty() {
            let carrying = self.carrying;
            self.work.push(told(move |tell| async move {
                Done::Prepared(objects::prepare(carrying, changes, &tell).await)
            }));
        }
        Ok(())
    }

    async fn take(&mut self, batch: Vec<Done>) -> Result<(), StateError> {
        let mut entries = Vec::new();
        let mut ended: Vec<(usize, bool)> = Vec::new();
        let mut prepared = Vec::new();
        for done in batch {
            match done {
                Done::Waited { op } => self.well(op),
                Done::Told(event) => (self.listen)(event),
                Done::Provisioned { call, object, result } => {
                    let id = call.object.clone();
                    match result {
                        Ok(()) => {
                            entries.push(Entry::Known { id, object: Some(object), how: How::Provisioned });
                            ended.push((call.op, true));
                        }
                        Err(problems) => {
                            self.summary.failed += 1;
                            self.summary.problems.extend(problems.iter().cloned());
                            let address = id.address;
                            (self.listen)(Event::Failed { address, action: call.shown, in_doubt: false, problems });
                            ended.push((call.op, false));
                        }
                    }
                }
                Done::Unsent { call, error } => {
                    self.stick(error)?;
                    self.started.remove(&call.op);
                    self.summary.skipped += 1;
                    entries.extend(self.restored(&call, &Outcome::Gone));
                    self.not_well(call.op);
                }
                Done::Checked { op, result } => self.checked(op, result),
                Done::Prepared(list) => prepared.extend(list),
                Done::Applied { call, result } => {
                    let op = call.op;
                    let (mut outcome, well) = self.outcome(&call, result);
                    let restored = self.restored(&call, &outcome);
                    let provisioned = well && self.provisions(call, &mut outcome);
                    entries.push(Entry::End(End { action: self.action(op), outcome }));
                    entries.extend(restored);
                    if !provisioned {
                        ended.push((op, well));
                    }
                }
            }
        }
        if !entries.is_empty() {
            let written = match self.carrying.store.append(now(), entries) {
                Ok(ticket) => self.carrying.store.durable(ticket).await,
                Err(error) => Err(error),
            };
            if let Err(error) = written {
                self.stick(error)?;
                // Done, and nothing may rest on it: nobody would remember that it was.
                ended.iter_mut().for_each(|(_, well)| *well = false);
            }
        }
        for (op, well) in ended {
            if well { self.well(op) } else { self.not_well(op) }
        }
        self.send(prepared)
    }

    /// Starts the provisioners of an object just made, if it has some; until they have run it counts as half made.
    fn provisions(&mut self, call: Box<Call>, outcome: &mut Outcome) -> bool {
        let (Kind::Create, Outcome::Object(object)) = (call.kind, &mut *outcome) else { return false };
        let carrying = self.carrying;
        let change = &carrying.plan.changes[call.change];
        let resource = carrying.block(change).and_then(|b| carrying.blocks.list[b].resource());
        if !resource.is_some_and(|(r, _)| provision::any(r, When::Create)) {
            return false;
        }
        let object = std::mem::replace(object, Arc::new(Object { tainted: true, ..Object::clone(object) }));
        let this = carrying.env.result(&change.address).unwrap_or_else(|| call.planned.clone());
        let scripts = carrying.scripts(change, When::Create, &this);
        self.work.push(told(move |tell| async move {
            let mut events = |event| {
                // Nobody listens any more when the driver has ended.
                let _ = tell.send(Done::Told(event));
            };
            let result = match scripts {
                Ok(scripts) => carrying.provision(change, scripts, &mut events).await.map_err(|problem| vec![*problem]),
                Err(problems) => Err(problems),
            };
            Done::Provisioned { call, object, result }
        }));
        true
    }

    fn checked(&mut self, op: usize, result: Checked) {
        let (OpKind::StepStart { workload, step } | OpKind::StepReady { workload, step }) =
            &self.carrying.plan.ops[op].what
        else {
            return;
        };
        let (workload, step) = (workload.clone(), *step);
        let result = match result {
            Checked::Late(why) => {
                self.summary.late.push((workload.clone(), step));
                Checked::Stopped { why, moved: false }
            }
            result => result,
        };
        match result {
            Checked::Late(_) => {}
            Checked::Progress { ready, of, serving } => {
                (self.listen)(Event::Waiting { workload, step, ready, of, serving })
            }
            Checked::Well { serving, notes } => {
                for note in notes {
                    (self.listen)(Event::Note(note));
                }
                (self.listen)(Event::StepChecked { workload: workload.clone(), step, serving });
                self.remember_boot(op, &workload, step);
                self.well(op);
            }
            Checked::Stopped { why, moved } => {
                self.summary.moved |= moved;
                let of = self.carrying.steps_of(&workload);
                self.summary.problems.push(why.clone());
                self.summary.failed += 1;
                (self.listen)(Event::StepStopped { workload, step, of, why });
                self.not_well(op);
            }
        }
    }

    /// How long the step's new replicas took to serve, for the next plan's recovery times.
    fn remember_boot(&mut self, op: usize, workload: &Str, step: u32) {
        let OpKind::StepReady { .. } = &self.carrying.plan.ops[op].what else { return };
        let Some(started) = self.steps_started.remove(&(workload.clone(), step)) else { return };
        let entries = self.carrying.boots(workload, step, started.elapsed());
        if !entries.is_empty() {
            // A measurement that is lost is measured again next time.
            let _ = self.carrying.store.append(now(), entries);
        }
    }

    /// Journals what is about to leave, then lets it go: one stream for each provider.
    fn send(&mut self, prepared: Vec<Prepared>) -> Result<(), StateError> {
        let mut by_provider: BTreeMap<ProviderRef, Vec<(Box<Call>, ApplyRequest)>> = BTreeMap::new();
        let mut entries = Vec::new();
        let mut settled = Vec::new();
        for item in prepared {
            match item {
                Prepared::Nothing { op } => self.well(op),
                Prepared::Settled { op, entry } => {
                    entries.push(entry);
                    settled.push(op);
                }
                Prepared::Refused { op, address, action, problems } => {
                    let problems = match self.carrying.plan.ops[op].what.change() {
                        Some(index) => self.carrying.placed(&self.carrying.plan.changes[index as usize], problems),
                        None => problems,
                    };
                    self.summary.failed += 1;
                    self.summary.problems.extend(problems.iter().cloned());
                    (self.listen)(Event::Failed { address, action, in_doubt: false, problems });
                    self.not_well(op);
                }
                Prepared::Noted { op, problems } => {
                    self.summary.problems.extend(problems);
                    self.well(op);
                }
                Prepared::Call(mut call, mut request) => {
                    self.depose(&mut call, &mut entries);
                    let action = self.action(call.op);
                    let token = format!("{}.{action}", self.carrying.attempt);
                    request.ownership = Some(Ownership {
                        owner: self.carrying.lineage.clone(),
                        address: call.object.address.to_string(),
                        token: token.clone(),
                    });
                    entries.push(Entry::Begin(self.begin(&call, action, token)));
                    (self.listen)(Event::Start { address: call.object.address.clone(), action: call.shown });
                    self.started.insert(call.op, Instant::now());
                    by_provider.entry(call.provider.clone()).or_default().push((call, request));
                }
            }
        }
        if entries.is_empty() {
            return Ok(());
        }
        let written = self.carrying.store.append(now(), entries).and_then(|ticket| {
            if by_provider.is_empty() {
                self.carrying.store.wait(ticket)?;
            }
            Ok(ticket)
        });
        let ticket = match written {
            Ok(ticket) => ticket,
            Err(error) => {
                self.stick(error)?;
                settled.into_iter().for_each(|op| self.not_well(op));
                for (call, _) in by_provider.into_values().flatten() {
                    self.started.remove(&call.op);
                    self.summary.skipped += 1;
                    self.not_well(call.op);
                }
                return Ok(());
            }
        };
        for op in settled {
            self.summary.changed += 0;
            self.well(op);
        }
        for (provider, calls) in by_provider {
            let carrying = self.carrying;
            self.work.push(
                async move {
                    let durable = carrying.store.durable(ticket).await;
                    match durable {
                        Ok(()) => call_all(carrying, provider, calls),
                        // Nothing has left: the journal could not promise to remember it.
                        Err(error) => unsent(calls, &error),
                    }
                }
                .flatten_stream()
                .boxed_local(),
            );
        }
        Ok(())
    }

    /// Before a replacement is created first, the old object steps aside under a key of its own; its deletion finds it there.
    fn depose(&mut self, call: &mut Call, entries: &mut Vec<Entry>) {
        let change = &self.carrying.plan.changes[call.change];
        if change.action != Action::CreateDelete {
            return;
        }
        let current = ObjectId::current(change.address.clone());
        if call.kind == Kind::Create {
            let key = self.carrying.store.with_state(|s| s.free_deposed_key(&change.address));
            self.deposed.insert(call.change, key);
            entries.push(Entry::Moved { from: current.clone(), to: ObjectId::deposed(change.address.clone(), key) });
        } else if let Some(key) = self.deposed.get(&call.change) {
            call.object = ObjectId::deposed(change.address.clone(), *key);
        }
    }

    /// Where nothing new came of a replacement, the old object is the current one again, as if nothing had been tried.
    fn restored(&mut self, call: &Call, outcome: &Outcome) -> Option<Entry> {
        if call.kind != Kind::Create || !matches!(outcome, Outcome::Failed { object: None, .. } | Outcome::Gone) {
            return None;
        }
        let key = self.deposed.remove(&call.change)?;
        let from = ObjectId::deposed(call.object.address.clone(), key);
        Some(Entry::Moved { from, to: call.object.clone() })
    }

    fn begin(&self, call: &Call, action: ActionId, token: String) -> Begin {
        let change = &self.carrying.plan.changes[call.change];
        let prior =
            self.carrying.store.with_state(|s| s.objects.get(&call.object).map(|o| crate::state::fingerprint(o)));
        Begin {
            action,
            object: call.object.clone(),
            kind: call.kind,
            provider: call.provider.clone(),
            token,
            prior: if call.kind == Kind::Create { None } else { prior },
            planned: None,
            step: self.carrying.step_name(call.op),
            bearings: Box::new(Bearings {
                dependencies: change.dependencies.clone(),
                sensitive: call.marked.iter().map(|m| m.0.clone()).collect(),
                create_before_destroy: change.create_before_destroy,
            }),
        }
    }

    fn action(&self, op: usize) -> ActionId {
        ActionId { run: self.carrying.run, index: op as u64 }
    }

    /// What the journal will say, and whether dependents may start.
    fn outcome(&mut self, call: &Call, result: Result<ApplyAnswer, CallError>) -> (Outcome, bool) {
        let mut judged = objects::judge(self.carrying, call, result);
        judged.problems = self.carrying.placed(&self.carrying.plan.changes[call.change], judged.problems);
        let address = call.object.address.clone();
        let took = self.started.remove(&call.op).map_or(Duration::ZERO, |s| s.elapsed());
        match &judged.outcome {
            Outcome::Object(_) | Outcome::Gone => {
                match call.kind {
                    Kind::Create => self.summary.added += 1,
                    Kind::Update => self.summary.changed += 1,
                    Kind::Delete => self.summary.removed += 1,
                }
                self.summary.problems.extend(judged.problems.iter().cloned());
                if judged.well {
                    (self.listen)(Event::Done { address, action: call.shown, took, id: judged.id });
                } else {
                    // It is as it is, and not as it was to be: a promise or a condition is broken.
                    self.summary.failed += 1;
                    let problems = judged.problems;
                    (self.listen)(Event::Failed { address, action: call.shown, in_doubt: false, problems });
                }
            }
            Outcome::Failed { .. } => {
                self.summary.failed += 1;
                self.summary.problems.extend(judged.problems.iter().cloned());
                (self.listen)(Event::Failed {
                    address,
                    action: call.shown,
                    in_doubt: false,
                    problems: judged.problems,
                });
            }
            Outcome::InDoubt { .. } => {
                self.summary.in_doubt += 1;
                self.summary.problems.extend(judged.problems.iter().cloned());
                (self.listen)(Event::Failed { address, action: call.shown, in_doubt: true, problems: judged.problems });
            }
        }
        (judged.outcome, judged.well)
    }

    fn well(&mut self, op: usize) {
        self.stand[op] = Stand::Well;
        for next in std::mem::take(&mut self.wake[op]) {
            let next = next as usize;
            self.open[next] -= 1;
            if self.open[next] == 0 && self.stand[next] == Stand::Waiting {
                self.free.insert(next);
            }
        }
    }

    /// What depends on it, however far, is left out.
    fn not_well(&mut self, op: usize) {
        self.stand[op] = Stand::Not;
        let mut pending = std::mem::take(&mut self.wake[op]);
        while let Some(next) = pending.pop() {
            let next = next as usize;
            if self.stand[next] == Stand::Waiting {
                self.stand[next] = Stand::Not;
                if self.carrying.plan.ops[next].what.change().is_some() {
                    self.summary.skipped += 1;
                }
                self.free.remove(&next);
                pending.extend(std::mem::take(&mut self.wake[next]));
            }
        }
    }
}

/// Work that tells of itself while it goes on.
fn told<'c, F>(work: impl FnOnce(UnboundedSender<Done>) -> F) -> LocalBoxStream<'c, Done>
where
    F: Future<Output = Done> + 'c,
{
    let (tell, heard) = tokio::sync::mpsc::unbounded_channel();
    let end = stream::once(work(tell));
    stream::select(tokio_stream::wrappers::UnboundedReceiverStream::new(heard), end).boxed_local()
}

fn call_all<'c>(
    carrying: &'c Carrying<'_>,
    provider: ProviderRef,
    calls: Vec<(Box<Call>, ApplyRequest)>,
) -> LocalBoxStream<'c, Done> {
    let Some(plugin) = carrying.fleet.plugin(&provider) else {
        let reasons = carrying.fleet.failure(&provider);
        let text = reasons.iter().map(|d| d.detail.clone()).collect::<Vec<_>>().join(" ");
        return refuse_with(calls, &provider, text);
    };
    let (calls, requests): (Vec<Box<Call>>, Vec<ApplyRequest>) = calls.into_iter().unzip();
    let mut calls: Vec<Option<Box<Call>>> = calls.into_iter().map(Some).collect();
    let answers = tokio_stream::wrappers::UnboundedReceiverStream::new(plugin.apply_many(requests));
    answers
        .filter_map(move |(index, result)| {
            let done = calls.get_mut(index).and_then(Option::take).map(|call| Done::Applied { call, result });
            std::future::ready(done)
        })
        .boxed_local()
}

fn unsent<'c>(calls: Vec<(Box<Call>, ApplyRequest)>, error: &StateError) -> LocalBoxStream<'c, Done> {
    let error = error.clone();
    stream::iter(calls.into_iter().map(move |(call, _)| Done::Unsent { call, error: error.clone() })).boxed_local()
}

fn refuse_with<'c>(
    calls: Vec<(Box<Call>, ApplyRequest)>,
    provider: &ProviderRef,
    what: String,
) -> LocalBoxStream<'c, Done> {
    let error = CallError::Request { provider: provider.to_string().into(), call: "apply", what };
    stream::iter(calls.into_iter().map(move |(call, _)| Done::Applied { call, result: Err(error.clone()) }))
        .boxed_local()
}

/// A diagnostic about an object that could not be changed.
pub(super) fn failure(summary: &str, detail: String, address: &crate::lang::address::Address) -> Diagnostic {
    let mut problem = Diagnostic::error(summary, detail);
    problem.address = Some(address.to_string());
    problem
}
