//! From an operation on an object to a call, and from its answer to what the state will remember.

use super::Carrying;
use super::driver::{Done, failure};
use super::provision::{self, When};
use crate::diag::{Diagnostic, Severity};
use crate::fleet::{call_problems, diagnostics};
use crate::lang::address::Address;
use crate::plan::model::{Action, Change, OpKind, Reason};
use crate::plan::object;
use crate::plugin::{ApplyAnswer, ApplyRequest, CallError, DataRequest, PlanAnswer, PlanRequest};
use crate::state::{Entry, How, Json, Kind, Object, ObjectId, Outcome, ProviderRef};
use futures_util::future::join_all;
use std::sync::Arc;
use straddle_sdk::schema::Prepared as Schema;
use straddle_sdk::value::codec::json;
use straddle_sdk::value::{MarkedPath, Marks, Path, Str, Value, same_unmarked};
use tokio::sync::mpsc::UnboundedSender;

/// A call that is out, or about to leave.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub op: usize,
    pub change: usize,
    pub object: ObjectId,
    pub kind: Kind,
    /// What people see.
    pub shown: Action,
    pub provider: ProviderRef,
    /// What was promised; null for a delete.
    pub planned: Value,
    /// Marks of the configuration, for the state.
    pub marked: Vec<MarkedPath>,
}

/// An operation, ready or not.
pub(super) enum Prepared {
    Call(Box<Call>, ApplyRequest),
    /// Nothing is to be done after all.
    Nothing {
        op: usize,
    },
    /// The journal entry is all there is to do.
    Settled {
        op: usize,
        entry: Entry,
    },
    /// It did not come off, which is told and stops nothing.
    Noted {
        op: usize,
        problems: Vec<Diagnostic>,
    },
    Refused {
        op: usize,
        address: Address,
        action: Action,
        problems: Vec<Diagnostic>,
    },
}

/// Makes calls of operations. Configurations that were not wholly known when planned are evaluated, planned again, and held to the
/// promise; all questions of a provider go out together.
pub(super) async fn prepare(carrying: &Carrying<'_>, ops: Vec<usize>, tell: &UnboundedSender<Done>) -> Vec<Prepared> {
    let mut out = Vec::with_capacity(ops.len());
    let mut again: Vec<Again> = Vec::new();
    let mut unready = carrying.make_ready(&ops).await;
    for op in ops {
        if let Some(problems) = unready.remove(&op) {
            out.push(refused_at_once(carrying, op, problems));
            continue;
        }
        match draft(carrying, op) {
            Draft::Ready(prepared) => out.push(*prepared),
            Draft::PlanAgain(one) => again.push(*one),
        }
    }
    out.extend(plan_again(carrying, again).await);
    join_all(out.into_iter().map(|one| before_deletion(carrying, one, tell))).await
}

/// Runs the provisioners that come before a deletion; it is left out when one fails.
async fn before_deletion(carrying: &Carrying<'_>, prepared: Prepared, tell: &UnboundedSender<Done>) -> Prepared {
    let Prepared::Call(call, request) = prepared else { return prepared };
    let change = &carrying.plan.changes[call.change];
    let resource = carrying.block(change).and_then(|b| carrying.blocks.list[b].resource());
    let has_some = resource.is_some_and(|(r, _)| provision::any(r, When::Destroy));
    if call.kind != Kind::Delete || !has_some || is_passed_over(carrying, &call, change) {
        return Prepared::Call(call, request);
    }
    let mut events = |event| {
        // Nobody listens any more when the driver has ended.
        let _ = tell.send(Done::Told(event));
    };
    let done = match carrying.scripts(change, When::Destroy, &change.before) {
        Ok(scripts) => carrying.provision(change, scripts, &mut events).await.map_err(|problem| vec![*problem]),
        Err(problems) => Err(problems),
    };
    match done {
        Ok(()) => Prepared::Call(call, request),
        Err(problems) => refused(&call, problems),
    }
}

/// As in Terraform, nothing is run for what is half made, nor for what has been replaced by something that is there already.
fn is_passed_over(carrying: &Carrying<'_>, call: &Call, change: &Change) -> bool {
    let aside = change.action == Action::CreateDelete && change.address.workload.is_none();
    let half_made = carrying.store.with_state(|s| s.objects.get(&call.object).is_some_and(|o| o.tainted));
    aside || half_made || call.object.deposed.is_some()
}

enum Draft {
    Ready(Box<Prepared>),
    PlanAgain(Box<Again>),
}

/// A change whose plan must be made anew with what is known now.
struct Again {
    call: Call,
    prior: Value,
    config: Value,
    private: Vec<u8>,
    identity: Option<Value>,
    /// The promise of the plan; `None` where a step's counts are followed and nothing was promised yet.
    promised: Option<Value>,
}

fn draft(carrying: &Carrying<'_>, op: usize) -> Draft {
    let kind = &carrying.plan.ops[op].what;
    let Some(index) = kind.change() else { return Draft::Ready(Box::new(Prepared::Nothing { op })) };
    let index = index as usize;
    let change = &carrying.plan.changes[index];
    let id = ObjectId::current(change.address.clone());
    let call = |kind: Kind, shown: Action, planned: Value| Call {
        op,
        change: index,
        object: id.clone(),
        kind,
        shown,
        provider: change.provider.clone(),
        planned,
        marked: Vec::new(),
    };
    match kind {
        OpKind::Delete { .. } => Draft::Ready(Box::new(deletion(
            carrying,
            change,
            call(Kind::Delete, Action::Delete, Value::null(change.before.ty())),
        ))),
        OpKind::Forget { .. } => {
            Draft::Ready(Box::new(Prepared::Settled { op, entry: Entry::Known { id, object: None, how: How::Edited } }))
        }
        OpKind::Create { .. } => {
            configured(carrying, change, call(Kind::Create, shown(change), change.after.clone()), None)
        }
        OpKind::Update { .. } => {
            configured(carrying, change, call(Kind::Update, Action::Update, change.after.clone()), None)
        }
        OpKind::Follow { workload, step, .. } => {
            let exists = carrying.current(&id).is_some();
            let (kind, shown) = if exists { (Kind::Update, Action::Update) } else { (Kind::Create, Action::Create) };
            configured(carrying, change, call(kind, shown, change.after.clone()), Some((workload, *step)))
        }
        OpKind::Read { .. } => {
            configured(carrying, change, call(Kind::Update, Action::Read, change.after.clone()), None)
        }
        _ => Draft::Ready(Box::new(Prepared::Nothing { op })),
    }
}

fn shown(change: &Change) -> Action {
    if change.action.is_replace() { change.action } else { Action::Create }
}

fn deletion(carrying: &Carrying<'_>, change: &Change, mut call: Call) -> Prepared {
    if change.action == Action::Spare {
        return end_of_spare(carrying, change, call);
    }
    if let Some(key) = change.deposed.as_deref().and_then(crate::state::DeposedKey::parse) {
        call.object = ObjectId::deposed(change.address.clone(), key);
    }
    let null = || Value::null(change.before.ty());
    let request = ApplyRequest {
        type_name: change.address.ty.clone(),
        prior: change.before.unmarked(),
        planned: null(),
        config: null(),
        planned_private: if change.action == Action::Delete {
            change.planned_private.clone()
        } else {
            change.prior_private.clone()
        },
        planned_identity: change.after_identity.clone().filter(|_| change.action == Action::Delete),
        meta: carrying.meta(change),
        ownership: None,
    };
    Prepared::Call(Box::new(call), request)
}

/// A spare is deleted as this very run made it.
fn end_of_spare(carrying: &Carrying<'_>, change: &Change, call: Call) -> Prepared {
    match deletion_as_made(carrying, change, &call.object) {
        Some(request) => Prepared::Call(Box::new(call), request),
        None => Prepared::Nothing { op: call.op },
    }
}

/// The request that deletes an object as it is now, whatever it was when the plan was made. `None`: it is not there.
pub(super) fn deletion_as_made(carrying: &Carrying<'_>, change: &Change, object: &ObjectId) -> Option<ApplyRequest> {
    let (prior, private) = carrying.current(object)?;
    let null = || Value::null(prior.ty());
    Some(ApplyRequest {
        type_name: change.address.ty.clone(),
        planned: null(),
        config: null(),
        prior,
        planned_private: private,
        planned_identity: None,
        meta: carrying.meta(change),
        ownership: None,
    })
}

fn configured(carrying: &Carrying<'_>, change: &Change, mut call: Call, follow: Option<(&Str, u32)>) -> Draft {
    let refused = |problems| {
        Draft::Ready(Box::new(Prepared::Refused {
            op: call.op,
            address: change.address.clone(),
            action: call.shown,
            problems,
        }))
    };
    let (config, problems) = carrying.config(change, follow);
    if problems.iter().any(Diagnostic::is_error) {
        return refused(problems);
    }
    let (config, marked) = config.unmark_deep();
    // What is ephemeral stands in write-only arguments alone, and those are kept nowhere.
    let marked: Vec<MarkedPath> = marked.into_iter().filter(|(_, m)| !m.contains(Marks::EPHEMERAL)).collect();
    if let Some(path) = config.first_unknown() {
        return refused(vec![failure(
            "Value still unknown",
            format!("The argument {path} depends on something whose result is not known."),
            &change.address,
        )]);
    }
    call.marked = marked;
    let current = carrying.current(&call.object);
    let creating = call.kind == Kind::Create;
    let prior = match &current {
        Some((value, _)) if !creating => value.clone(),
        _ => Value::null(config.ty()),
    };
    if change.config_known && follow.is_none() && call.shown != Action::Read {
        let planned = change.after.unmarked();
        call.planned = planned.clone();
        let request = ApplyRequest {
            type_name: change.address.ty.clone(),
            prior,
            planned,
            config,
            planned_private: change.planned_private.clone(),
            planned_identity: change.after_identity.clone(),
            meta: carrying.meta(change),
            ownership: None,
        };
        return Draft::Ready(Box::new(Prepared::Call(Box::new(call), request)));
    }
    let private = if creating { Vec::new() } else { current.map(|(_, p)| p).unwrap_or_default() };
    let identity = if creating { None } else { carrying.current_identity(&call.object) };
    let promised = if follow.is_some() { None } else { Some(change.after.unmarked()) };
    Draft::PlanAgain(Box::new(Again { call, prior, config, private, identity, promised }))
}

async fn plan_again(carrying: &Carrying<'_>, again: Vec<Again>) -> Vec<Prepared> {
    let mut out = Vec::with_capacity(again.len());
    let mut by_provider: std::collections::BTreeMap<ProviderRef, Vec<Again>> = std::collections::BTreeMap::new();
    for one in again {
        by_provider.entry(one.call.provider.clone()).or_default().push(one);
    }
    for (provider, list) in by_provider {
        let Some(plugin) = carrying.fleet.plugin(&provider) else {
            let problems = carrying.fleet.failure(&provider);
            out.extend(list.into_iter().map(|a| refused(&a.call, problems.clone())));
            continue;
        };
        let mut requests = Vec::with_capacity(list.len());
        let mut asked = Vec::with_capacity(list.len());
        for one in list {
            if one.call.shown == Action::Read {
                out.push(read_data(carrying, &plugin, one).await);
                continue;
            }
            let Some(schema) = carrying.schema(&one.call) else {
                out.push(Prepared::Nothing { op: one.call.op });
                continue;
            };
            requests.push(PlanRequest {
                type_name: one.call.object.address.ty.clone(),
                prior: one.prior.clone(),
                proposed: object::proposed_new(&schema.block, &one.prior, &one.config),
                config: one.config.clone(),
                prior_private: one.private.clone(),
                prior_identity: one.identity.clone(),
                meta: carrying.meta(&carrying.plan.changes[one.call.change]),
            });
            asked.push(one);
        }
        for (one, answer) in asked.into_iter().zip(plugin.plan_many(requests).await) {
            out.push(match answer {
                Ok(plan) => held_to_promise(carrying, one, plan),
                Err(error) => refused(&one.call, call_problems(&error)),
            });
        }
    }
    out
}

async fn read_data(carrying: &Carrying<'_>, plugin: &crate::plugin::Plugin, one: Again) -> Prepared {
    let change = &carrying.plan.changes[one.call.change];
    let request =
        DataRequest { type_name: change.address.ty.clone(), config: one.config.clone(), meta: carrying.meta(change) };
    match plugin.read_data(&request).await {
        Ok(data) => {
            let mut state = data.state.mark_at(&one.call.marked);
            if let Some(schema) = carrying.schema(&one.call) {
                state = schema.mark_sensitive(&state);
            }
            let broken = carrying.postconditions(change, &state);
            carrying.env.set_instance(&one.call.object.address, state);
            if !broken.is_empty() {
                return refused(&one.call, broken);
            }
            Prepared::Nothing { op: one.call.op }
        }
        // What a check looks at may be missing: the check says so.
        Err(error) if change.reason == Some(Reason::CheckNested) => {
            let problems = carrying.placed(change, call_problems(&error));
            carrying.env.note_unread(&one.call.object.address, &problems);
            let problems = problems
                .into_iter()
                .map(|p| about(Diagnostic { severity: Severity::Warning, ..p }, &one.call.object.address));
            Prepared::Noted { op: one.call.op, problems: problems.collect() }
        }
        Err(error) => refused(&one.call, call_problems(&error)),
    }
}

/// An operation that cannot start for want of what it needs.
fn refused_at_once(carrying: &Carrying<'_>, op: usize, problems: Vec<Diagnostic>) -> Prepared {
    let change = carrying.plan.ops[op].what.change().map(|index| &carrying.plan.changes[index as usize]);
    match change {
        Some(change) => Prepared::Refused { op, address: change.address.clone(), action: change.action, problems },
        None => Prepared::Nothing { op },
    }
}

fn refused(call: &Call, problems: Vec<Diagnostic>) -> Prepared {
    Prepared::Refused { op: call.op, address: call.object.address.clone(), action: call.shown, problems }
}

/// A plan made anew may say more than the one that was approved, never something else.
fn held_to_promise(carrying: &Carrying<'_>, one: Again, plan: PlanAnswer) -> Prepared {
    let PlanAnswer { planned, planned_private, planned_identity, .. } = plan;
    let Again { mut call, prior, config, promised, .. } = one;
    if let Some(promised) = promised
        && let Some(schema) = carrying.schema(&call)
    {
        let faults = object::assert_object_compatible(&schema.block, &promised, &planned);
        if !faults.is_empty() {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            let problem = failure(
                "Provider produced inconsistent final plan",
                format!(
                    "With everything known, provider {} plans something else than was approved: {}.",
                    call.provider,
                    faults.join("; ")
                ),
                &call.object.address,
            )
            .help("Nothing was changed. Plan again; if it comes back, it is a fault of the provider.");
            return refused(&call, vec![problem]);
        }
    }
    if call.kind == Kind::Update && same_unmarked(&planned, &prior) {
        return Prepared::Nothing { op: call.op };
    }
    call.planned = planned.clone();
    let change = &carrying.plan.changes[call.change];
    let request = ApplyRequest {
        type_name: call.object.address.ty.clone(),
        prior,
        planned,
        config,
        planned_private,
        planned_identity,
        meta: carrying.meta(change),
        ownership: None,
    };
    Prepared::Call(Box::new(call), request)
}

/// What an answer means for the state.
pub(super) struct Judged {
    pub outcome: Outcome,
    /// Whether dependents may start.
    pub well: bool,
    pub problems: Vec<Diagnostic>,
    pub id: Option<String>,
}

/// Judges an answer: what the state will say, and whether the provider kept its promise.
pub(super) fn judge(carrying: &Carrying<'_>, call: &Call, result: Result<ApplyAnswer, CallError>) -> Judged {
    let address = &call.object.address;
    let answer = match result {
        Ok(answer) => answer,
        Err(error) => {
            let problems: Vec<Diagnostic> = call_problems(&error).into_iter().map(|p| about(p, address)).collect();
            let outcome = if error.in_doubt() {
                Outcome::InDoubt { why: error.to_string() }
            } else {
                Outcome::Failed { object: None, message: error.to_string() }
            };
            return Judged { outcome, well: false, problems, id: None };
        }
    };
    let failed = answer.failed();
    let mut problems: Vec<Diagnostic> =
        diagnostics(&answer.diagnostics).into_iter().map(|p| about(p, address)).collect();
    if answer.state.is_null() {
        if call.kind == Kind::Delete && !failed {
            // The old object of a replacement leaves its address to the new one.
            if call.object.deposed.is_none() {
                carrying.env.remove_instance(address);
            }
            return Judged { outcome: Outcome::Gone, well: true, problems, id: None };
        }
        if problems.is_empty() {
            problems.push(failure(
                "Provider returned no object",
                format!("Provider {} answered with nothing.", call.provider),
                address,
            ));
        }
        let message = problems.iter().map(|p| p.summary.clone()).collect::<Vec<_>>().join("; ");
        return Judged { outcome: Outcome::Failed { object: None, message }, well: false, problems, id: None };
    }
    let Some(schema) = carrying.schema(call) else {
        return Judged { outcome: Outcome::InDoubt { why: "no schema".into() }, well: false, problems, id: None };
    };
    let mut kept = true;
    if !failed && !answer.legacy && call.kind != Kind::Delete {
        let faults = object::assert_object_compatible(&schema.block, &call.planned, &answer.state);
        if !faults.is_empty() {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            problems.push(
                failure(
                    "Provider produced inconsistent result after apply",
                    format!("Provider {} promised one thing and did another: {}.", call.provider, faults.join("; ")),
                    address,
                )
                .help("The object is kept in the state as it is. This is a fault of the provider; report it to its authors."),
            );
            kept = false;
        }
    }
    let id = answer.state.get("id").and_then(Value::as_str).map(String::from);
    let tainted = failed && call.kind == Kind::Create;
    let object = match remembered(carrying, call, &schema, &answer, tainted) {
        Ok(object) => Arc::new(object),
        Err(why) => return Judged { outcome: Outcome::InDoubt { why }, well: false, problems, id },
    };
    if call.object.deposed.is_none() {
        let marked = answer.state.mark_at(&call.marked).mark_at(&schema.block.sensitive_paths(&answer.state));
        if !failed && kept {
            let broken = carrying.postconditions(&carrying.plan.changes[call.change], &marked);
            kept = broken.is_empty();
            problems.extend(broken.into_iter().map(|p| about(p, address)));
        }
        carrying.env.set_instance(address, marked);
    }
    if failed {
        let message = problems.iter().map(|p| p.summary.clone()).collect::<Vec<_>>().join("; ");
        return Judged { outcome: Outcome::Failed { object: Some(object), message }, well: false, problems, id };
    }
    Judged { outcome: Outcome::Object(object), well: kept, problems, id }
}

fn remembered(
    carrying: &Carrying<'_>,
    call: &Call,
    schema: &Schema,
    answer: &ApplyAnswer,
    tainted: bool,
) -> Result<Object, String> {
    let text = json::encode(&answer.state, schema.ty()).map_err(|e| e.to_string())?;
    let attributes = Json::new(&text).map_err(|e| e.to_string())?;
    let mut object = Object::new(call.provider.clone(), schema.version, attributes);
    let mut sensitive: Vec<Path> = call.marked.iter().map(|m| m.0.clone()).collect();
    sensitive.extend(schema.block.sensitive_paths(&answer.state).into_iter().map(|m| m.0));
    sensitive.sort();
    sensitive.dedup();
    let change = &carrying.plan.changes[call.change];
    object.sensitive = sensitive.into();
    object.private = answer.private.as_slice().into();
    object.identity =
        carrying.providers.identity(&call.provider.source, &call.object.address.ty, answer.identity.as_ref());
    object.dependencies = match carrying.block(change) {
        Some(block) => carrying.blocks.remembered_dependencies(block).into(),
        None => change.dependencies.as_slice().into(),
    };
    object.create_before_destroy = change.create_before_destroy;
    object.tainted = tainted;
    Ok(object)
}

pub(super) fn about(mut problem: Diagnostic, address: &Address) -> Diagnostic {
    if problem.address.is_none() {
        problem.address = Some(address.to_string());
    }
    problem
}
