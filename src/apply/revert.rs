//! `rollout { auto_revert = true }`: new replicas that did not serve by their deadline are taken away again, and what they were to
//! replace is put back in its place (`spread.md` 4.7). What goes serves nobody, so that no floor can break on the way.

use super::driver::failure;
use super::event::{Event, Summary};
use super::objects::{self, Call};
use super::{Carrying, Stop};
use crate::diag::Diagnostic;
use crate::lang::address::{Address, Mode};
use crate::plan::model::Action;
use crate::plan::sequence::replica;
use crate::plugin::{ApplyRequest, Ownership};
use crate::state::{ActionId, Begin, End, Entry, Kind, ObjectId, Outcome, ProviderRef, StateError, now};
use futures_util::StreamExt;
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::value::Str;

/// Takes away what these steps added and nobody was served by.
pub(super) async fn revert(
    carrying: &Carrying<'_>,
    late: &[(Str, u32)],
    summary: &mut Summary,
    listen: &mut dyn FnMut(Event),
) -> Result<(), StateError> {
    let mut number = carrying.plan.ops.len();
    for (workload, step) in late {
        let Some((_, one)) = carrying.step(workload, *step) else { continue };
        let idle = |key: &&Str| carrying.watch.serving_of(workload, std::iter::once(*key)) == 0;
        let keys: BTreeSet<&Str> = one.adds.iter().filter(idle).collect();
        let waves = waves(carrying, workload, &keys);
        if waves.is_empty() {
            continue;
        }
        listen(Event::Note(Diagnostic::warning(
            "Taken back",
            format!(
                "{workload}: new replicas that did not serve by the deadline are taken away again (auto_revert): {}. What they were to replace stays.",
                named(&keys)
            ),
        )));
        for wave in waves {
            if carrying.stop.get() != Stop::No {
                return Ok(());
            }
            number = one_wave(carrying, wave, number, summary, listen).await?;
        }
    }
    Ok(())
}

fn named(keys: &BTreeSet<&Str>) -> String {
    const MOST: usize = 6;
    let mut names: Vec<String> = keys.iter().take(MOST).map(ToString::to_string).collect();
    if keys.len() > MOST {
        names.push(format!("and {} more", keys.len() - MOST));
    }
    names.join(", ")
}

/// What this run made of these replicas, the last made first. A replica that was changed in place as well stays: there is no way back
/// for it that would only take away.
fn waves(carrying: &Carrying<'_>, workload: &Str, keys: &BTreeSet<&Str>) -> Vec<Vec<usize>> {
    let mut of: BTreeMap<&Str, Vec<usize>> = BTreeMap::new();
    let mut changed: BTreeSet<&Str> = BTreeSet::new();
    let order = carrying.plan.ops.iter().filter_map(|op| Some(op.what.change()? as usize));
    let mut seen = BTreeSet::new();
    for index in order.filter(|index| seen.insert(*index)) {
        let change = &carrying.plan.changes[index];
        let Some((w, key)) = replica(&change.address) else { continue };
        if w != workload || !keys.contains(key) || change.address.mode != Mode::Managed {
            continue;
        }
        match change.action {
            Action::Create | Action::CreateDelete if is_made(carrying, &change.address, change.action) => {
                of.entry(key).or_default().push(index);
            }
            Action::Update | Action::DeleteCreate => drop(changed.insert(key)),
            _ => {}
        }
    }
    of.retain(|key, _| !changed.contains(key));
    let mut waves: Vec<Vec<usize>> = Vec::new();
    for list in of.into_values() {
        for (depth, index) in list.into_iter().rev().enumerate() {
            match waves.get_mut(depth) {
                Some(wave) => wave.push(index),
                None => waves.push(vec![index]),
            }
        }
    }
    waves
}

/// Whether this run has made the object: of a replacement the old one stands aside then.
fn is_made(carrying: &Carrying<'_>, address: &Address, action: Action) -> bool {
    let current = ObjectId::current(address.clone());
    carrying.store.with_state(|state| {
        let replaced = || state.deposed().any(|(other, ..)| other == address);
        state.objects.contains_key(&current) && (action == Action::Create || replaced())
    })
}

async fn one_wave(
    carrying: &Carrying<'_>,
    wave: Vec<usize>,
    mut number: usize,
    summary: &mut Summary,
    listen: &mut dyn FnMut(Event),
) -> Result<usize, StateError> {
    let mut by_provider: BTreeMap<ProviderRef, Vec<(Call, ApplyRequest)>> = BTreeMap::new();
    let mut entries = Vec::new();
    for index in wave {
        let change = &carrying.plan.changes[index];
        let object = ObjectId::current(change.address.clone());
        let Some(mut request) = objects::deletion_as_made(carrying, change, &object) else { continue };
        let call = Call {
            op: number,
            change: index,
            object: object.clone(),
            kind: Kind::Delete,
            shown: Action::Delete,
            provider: change.provider.clone(),
            planned: request.planned.clone(),
            marked: Vec::new(),
        };
        let action = ActionId { run: carrying.run, index: number as u64 };
        let token = format!("{}.{action}", carrying.attempt);
        request.ownership = Some(Ownership {
            owner: carrying.lineage.clone(),
            address: change.address.to_string(),
            token: token.clone(),
        });
        entries.push(Entry::Begin(Begin {
            action,
            object: object.clone(),
            kind: Kind::Delete,
            provider: change.provider.clone(),
            token,
            prior: carrying.store.with_state(|s| s.objects.get(&object).map(|o| crate::state::fingerprint(o))),
            planned: None,
            step: replica(&change.address).map_or_else(String::new, |(w, k)| format!("{w} {k}, taken back")),
            bearings: Box::default(),
        }));
        listen(Event::Start { address: change.address.clone(), action: Action::Delete });
        by_provider.entry(change.provider.clone()).or_default().push((call, request));
        number += 1;
    }
    let ticket = carrying.store.append(now(), entries)?;
    carrying.store.durable(ticket).await?;
    for (provider, calls) in by_provider {
        let (calls, requests): (Vec<Call>, Vec<ApplyRequest>) = calls.into_iter().unzip();
        let mut entries = Vec::new();
        let Some(plugin) = carrying.fleet.plugin(&provider) else { continue };
        let began = tokio::time::Instant::now();
        let mut answers = tokio_stream::wrappers::UnboundedReceiverStream::new(plugin.apply_many(requests));
        while let Some((at, result)) = answers.next().await {
            let Some(call) = calls.get(at) else { continue };
            let judged = objects::judge(carrying, call, result);
            let address = call.object.address.clone();
            let gone = matches!(judged.outcome, Outcome::Gone);
            let in_doubt = matches!(judged.outcome, Outcome::InDoubt { .. });
            let action = ActionId { run: carrying.run, index: call.op as u64 };
            entries.push(Entry::End(End { action, outcome: judged.outcome }));
            if gone {
                summary.removed += 1;
                entries.extend(put_back(carrying, &address));
                listen(Event::Done { address, action: Action::Delete, took: began.elapsed(), id: judged.id });
            } else {
                summary.in_doubt += usize::from(in_doubt);
                summary.problems.extend(judged.problems.iter().cloned());
                summary.problems.push(failure("Not taken back", "It stays, and serves nobody.".into(), &address));
                listen(Event::Failed { address, action: Action::Delete, in_doubt, problems: judged.problems });
            }
        }
        let ticket = carrying.store.append(now(), entries)?;
        carrying.store.durable(ticket).await?;
    }
    Ok(number)
}

/// The object that was to be replaced is the current one again.
fn put_back(carrying: &Carrying<'_>, address: &Address) -> Option<Entry> {
    let key = carrying
        .store
        .with_state(|s| s.deposed().filter(|(other, ..)| *other == address).map(|(_, key, _)| key).last())?;
    let from = ObjectId::deposed(address.clone(), key);
    Some(Entry::Moved { from, to: ObjectId::current(address.clone()) })
}
