//! A planner's questions, answered: all of one provider in one stream, providers side by side.

use super::Fleet;
use crate::diag::{Diagnostic, Severity};
use crate::lang::address::Address;
use crate::plan::import::shown;
use crate::plan::questions::{Answer, Answered, Ask, Planned, Question, Taken};
use crate::plugin::{CallError, DataRequest, Diagnostics, ImportBy, PlanRequest, Plugin, ReadRequest};
use crate::state::ProviderRef;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use std::collections::BTreeMap;
use straddle_sdk::provider as sdk;
use straddle_sdk::value::{Str, Type, Value};

/// A question that is asked alone.
enum Single {
    Data(DataRequest),
    Import(Str, ImportBy, Option<Value>),
    Open(Str, Address, Value),
}

impl Fleet {
    /// Answers every question of a round.
    pub async fn answer(&self, questions: Vec<Question>) -> Vec<Answer> {
        let mut by_provider: BTreeMap<ProviderRef, Vec<Question>> = BTreeMap::new();
        for question in questions {
            by_provider.entry(question.provider.clone()).or_default().push(question);
        }
        let mut answers = Vec::new();
        let running = by_provider.into_iter().map(|(reference, list)| self.answer_one(reference, list));
        for list in join_all(running).await {
            answers.extend(list);
        }
        answers
    }

    async fn answer_one(&self, reference: ProviderRef, questions: Vec<Question>) -> Vec<Answer> {
        if self.apart.contains(&reference) {
            return questions.into_iter().map(|q| self.unasked(&reference, q)).collect();
        }
        let Some(plugin) = self.plugin(&reference) else {
            let problems = self.failure(&reference);
            return questions.iter().map(|q| Answer { id: q.id, problems: problems.clone(), result: None }).collect();
        };
        let mut singles = Vec::new();
        let mut plans = Vec::new();
        let mut ids = Vec::new();
        for question in questions {
            match question.ask {
                Ask::Plan { prior, proposed, config, private, identity } => {
                    ids.push(question.id);
                    plans.push(PlanRequest {
                        type_name: question.type_name,
                        prior,
                        proposed,
                        config,
                        prior_private: private,
                        prior_identity: identity,
                        meta: question.meta,
                    });
                }
                Ask::Import { by } => {
                    singles.push((question.id, Single::Import(question.type_name, by, question.meta)));
                }
                Ask::Data { config } => {
                    let request = DataRequest { type_name: question.type_name, config, meta: question.meta };
                    singles.push((question.id, Single::Data(request)));
                }
                Ask::Open { address, config } => {
                    singles.push((question.id, Single::Open(question.type_name, address, config)));
                }
            }
        }
        let (plugin, reference) = (&plugin, &reference);
        let singles = stream::iter(singles)
            .map(|(id, single)| async move {
                match single {
                    Single::Open(type_name, address, config) => {
                        match self.open(reference, &type_name, &address, &config).await {
                            Ok((value, problems)) => Answer { id, problems, result: Some(Answered::Opened { value }) },
                            Err(problems) => Answer { id, problems, result: None },
                        }
                    }
                    Single::Data(request) => read_data(plugin, id, &request).await,
                    Single::Import(type_name, by, meta) => import(plugin, id, &type_name, &by, meta).await,
                }
            })
            .buffered(plugin.parallelism())
            .collect::<Vec<_>>();
        let (mut answers, planned) = tokio::join!(singles, plugin.plan_many(plans));
        for (id, result) in ids.into_iter().zip(planned) {
            answers.push(match result {
                Ok(plan) => Answer {
                    id,
                    problems: diagnostics(&plan.diagnostics),
                    result: Some(Answered::Plan(Planned {
                        planned: plan.planned,
                        requires_replace: plan.requires_replace,
                        private: plan.planned_private,
                        identity: plan.planned_identity,
                        legacy: plan.legacy,
                        deferred: plan.deferred,
                    })),
                },
                Err(error) => Answer { id, problems: call_problems(&error), result: None },
            });
        }
        answers
    }
}

impl Fleet {
    /// Of a configuration that stands inside a loss: what it made is kept as it is, and nothing new can be had.
    fn unasked(&self, reference: &ProviderRef, question: Question) -> Answer {
        match question.ask {
            Ask::Plan { prior, private, identity, .. } if !prior.is_null() => Answer {
                id: question.id,
                problems: Vec::new(),
                result: Some(Answered::Plan(Planned {
                    planned: prior,
                    requires_replace: Vec::new(),
                    private,
                    identity,
                    legacy: false,
                    deferred: None,
                })),
            },
            _ => {
                let detail =
                    format!("{reference} stands inside what is lost, and {} is asked of it.", question.type_name);
                let problem = Diagnostic::error("Provider inside the loss", detail)
                    .help("What a failover needs must not stand in what it answers.");
                Answer { id: question.id, problems: vec![problem], result: None }
            }
        }
    }
}

/// Reads a data source after its configuration has been judged.
async fn read_data(plugin: &Plugin, id: u32, request: &DataRequest) -> Answer {
    let read = async {
        let mut problems = diagnostics(&plugin.validate_data(&request.type_name, &request.config).await?);
        let data = plugin.read_data(request).await?;
        problems.extend(diagnostics(&data.diagnostics));
        Ok::<_, CallError>((data, problems))
    };
    match read.await {
        Ok((data, problems)) => {
            let result = Answered::Data { value: data.state, deferred: data.deferred };
            Answer { id, problems, result: Some(result) }
        }
        Err(error) => Answer { id, problems: call_problems(&error), result: None },
    }
}

/// A provider's words as ours.
pub fn diagnostics(found: &Diagnostics) -> Vec<Diagnostic> {
    found
        .iter()
        .map(|d| {
            let severity = match d.severity {
                sdk::Severity::Error => Severity::Error,
                sdk::Severity::Warning => Severity::Warning,
            };
            let said = Diagnostic { severity, ..Diagnostic::error(d.summary.clone(), d.detail.clone()) };
            if d.attribute.0.is_empty() { said } else { said.about_attribute(&d.attribute) }
        })
        .collect()
}

/// Why a call failed, as diagnostics.
pub fn call_problems(error: &CallError) -> Vec<Diagnostic> {
    match (error.diagnostics(), error) {
        // Whoever reads it at night has to know whom to ask.
        (Some(found), CallError::InDoubt { provider, .. }) => {
            let whom = format!("Provider {provider} says so; the next plan asks it again what became of the call.");
            diagnostics(found).into_iter().map(|problem| problem.help(whom.clone())).collect()
        }
        (Some(found), _) => diagnostics(found),
        (None, _) => vec![Diagnostic::error("Provider call failed", format!("{error}."))],
    }
}

/// Takes over an object and reads it.
async fn import(plugin: &Plugin, question: u32, type_name: &str, by: &ImportBy, meta: Option<Value>) -> Answer {
    let failed = |problems| Answer { id: question, problems, result: None };
    let imported = match plugin.import(type_name, by).await {
        Ok(imported) => imported,
        Err(error) => return failed(call_problems(&error)),
    };
    let mut problems = diagnostics(&imported.warnings);
    let taken = |state, private, identity, deferred| Answered::Imported(Taken { state, private, identity, deferred });
    if imported.deferred.is_some() {
        let result = taken(Value::null(Type::Dynamic), Vec::new(), None, imported.deferred);
        return Answer { id: question, problems, result: Some(result) };
    }
    if imported.value.len() > 1 {
        let detail = format!(
            "While attempting to import with {}, the provider returned multiple resource instance states. This is not currently \
             supported.",
            shown(by)
        );
        return failed(vec![Diagnostic::error("Multiple import states not supported", detail)]);
    }
    let Some(object) = imported.value.into_iter().find(|i| *i.type_name == *type_name) else {
        let detail = format!("The provider found no {type_name} of {}.", shown(by));
        return failed(vec![Diagnostic::error("Cannot import non-existent remote object", detail)]);
    };
    let request = ReadRequest {
        type_name: object.type_name,
        current: object.state,
        private: object.private,
        identity: object.identity,
        meta,
    };
    match plugin.read(request).await {
        Ok(read) if read.state.is_null() && read.deferred.is_none() => {
            let detail = format!(
                "While attempting to import an existing object with {}, the provider detected that no object exists with the given \
                 {}.",
                shown(by),
                if matches!(by, ImportBy::Id(_)) { "id" } else { "identity" }
            );
            let problem = Diagnostic::error("Cannot import non-existent remote object", detail).help(
                "Only objects that exist can be imported; check the id, and the region or account of the provider.",
            );
            failed(vec![problem])
        }
        Ok(read) => {
            problems.extend(diagnostics(&read.diagnostics));
            let result = taken(read.state, read.private, read.identity, read.deferred);
            Answer { id: question, problems, result: Some(result) }
        }
        Err(error) => failed(call_problems(&error)),
    }
}
