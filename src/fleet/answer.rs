//! A planner's questions, answered: all of one provider in one stream, providers side by side.

use super::Fleet;
use crate::diag::{Diagnostic, Severity};
use crate::lang::address::Address;
use crate::plan::questions::{Answer, Answered, Ask, Question};
use crate::plugin::{CallError, Diagnostics, ImportBy, PlanRequest, Plugin, ReadRequest};
use crate::state::ProviderRef;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use std::collections::BTreeMap;
use straddle_sdk::provider as sdk;
use straddle_sdk::value::Value;

/// A question that is asked alone.
enum Single {
    Data(Value),
    Import(String),
    Open(Address, Value),
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
                Ask::Plan { prior, proposed, config, private } => {
                    ids.push(question.id);
                    plans.push(PlanRequest {
                        type_name: question.type_name,
                        prior,
                        proposed,
                        config,
                        prior_private: private,
                        prior_identity: None,
                    });
                }
                Ask::Import { id } => singles.push((question.id, question.type_name, Single::Import(id))),
                Ask::Data { config } => singles.push((question.id, question.type_name, Single::Data(config))),
                Ask::Open { address, config } => {
                    singles.push((question.id, question.type_name, Single::Open(address, config)));
                }
            }
        }
        let (plugin, reference) = (&plugin, &reference);
        let singles = stream::iter(singles)
            .map(|(id, type_name, single)| async move {
                match single {
                    Single::Open(address, config) => match self.open(reference, &type_name, &address, &config).await {
                        Ok((value, problems)) => Answer { id, problems, result: Some(Answered::Opened { value }) },
                        Err(problems) => Answer { id, problems, result: None },
                    },
                    Single::Data(config) => read_data(plugin, id, &type_name, &config).await,
                    Single::Import(wanted) => import(plugin, id, &type_name, wanted).await,
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
                    result: Some(Answered::Plan {
                        planned: plan.planned,
                        requires_replace: plan.requires_replace,
                        private: plan.planned_private,
                        legacy: plan.legacy,
                    }),
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
            Ask::Plan { prior, private, .. } if !prior.is_null() => Answer {
                id: question.id,
                problems: Vec::new(),
                result: Some(Answered::Plan { planned: prior, requires_replace: Vec::new(), private, legacy: false }),
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
async fn read_data(plugin: &Plugin, id: u32, type_name: &str, config: &Value) -> Answer {
    let read = async {
        let mut problems = diagnostics(&plugin.validate_data(type_name, config).await?);
        let data = plugin.read_data(type_name, config).await?;
        problems.extend(diagnostics(&data.diagnostics));
        Ok::<_, CallError>((data.state, problems))
    };
    match read.await {
        Ok((value, problems)) => Answer { id, problems, result: Some(Answered::Data { value }) },
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
    match error.diagnostics() {
        Some(found) => diagnostics(found),
        None => vec![Diagnostic::error("Provider call failed", format!("{error}."))],
    }
}

/// Takes over the object of an id and reads it.
async fn import(plugin: &Plugin, question: u32, type_name: &str, id: String) -> Answer {
    let failed = |problems| Answer { id: question, problems, result: None };
    let imported = match plugin.import(type_name, &ImportBy::Id(id.clone())).await {
        Ok(imported) => imported,
        Err(error) => return failed(call_problems(&error)),
    };
    let Some(object) = imported.value.into_iter().find(|i| *i.type_name == *type_name) else {
        let detail = format!("The provider found no {type_name} of the id {id:?}.");
        return failed(vec![Diagnostic::error("Cannot import non-existent remote object", detail)]);
    };
    let request = ReadRequest {
        type_name: object.type_name,
        current: object.state,
        private: object.private,
        identity: object.identity,
    };
    match plugin.read(request).await {
        Ok(read) if read.state.is_null() => {
            let detail = format!(
                "While attempting to import an existing object with id {id:?}, the provider detected that no object exists with the \
                 given id."
            );
            let problem = Diagnostic::error("Cannot import non-existent remote object", detail).help(
                "Only objects that exist can be imported; check the id, and the region or account of the provider.",
            );
            failed(vec![problem])
        }
        Ok(read) => Answer {
            id: question,
            problems: diagnostics(&read.diagnostics),
            result: Some(Answered::Imported { state: read.state, private: read.private }),
        },
        Err(error) => failed(call_problems(&error)),
    }
}
