//! A planner's questions, answered: all of one provider in one stream, providers side by side.

use super::Fleet;
use crate::diag::{Diagnostic, Severity};
use crate::plan::questions::{Answer, Answered, Ask, Question};
use crate::plugin::{CallError, Diagnostics, PlanRequest};
use crate::state::ProviderRef;
use futures_util::future::join_all;
use std::collections::BTreeMap;
use straddle_sdk::provider as sdk;

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
        let Some(plugin) = self.plugin(&reference) else {
            let problems = self.failure(&reference);
            return questions.iter().map(|q| Answer { id: q.id, problems: problems.clone(), result: None }).collect();
        };
        let mut answers = Vec::with_capacity(questions.len());
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
                    });
                }
                Ask::Data { config } => {
                    let result = match plugin.validate_data(&question.type_name, &config).await {
                        Ok(_) => plugin.read_data(&question.type_name, &config).await,
                        Err(error) => Err(error),
                    };
                    answers.push(match result {
                        Ok(data) => Answer {
                            id: question.id,
                            problems: diagnostics(&data.diagnostics),
                            result: Some(Answered::Data { value: data.state }),
                        },
                        Err(error) => Answer { id: question.id, problems: call_problems(&error), result: None },
                    });
                }
            }
        }
        let refused = self.refused_configs(plugin, &plans).await;
        for ((id, result), refusal) in ids.into_iter().zip(plugin.plan_many(plans).await).zip(refused) {
            answers.push(match (refusal, result) {
                (Some(problems), _) => Answer { id, problems, result: None },
                (None, Ok(plan)) => Answer {
                    id,
                    problems: diagnostics(&plan.diagnostics),
                    result: Some(Answered::Plan {
                        planned: plan.planned,
                        requires_replace: plan.requires_replace,
                        private: plan.planned_private,
                        legacy: plan.legacy,
                    }),
                },
                (None, Err(error)) => Answer { id, problems: call_problems(&error), result: None },
            });
        }
        answers
    }

    /// Configurations the provider does not accept. One that serves bulk calls judges them while planning.
    async fn refused_configs(
        &self,
        plugin: &crate::plugin::Plugin,
        plans: &[PlanRequest],
    ) -> Vec<Option<Vec<Diagnostic>>> {
        if plugin.extension().is_some() {
            return vec![None; plans.len()];
        }
        let mut out = Vec::with_capacity(plans.len());
        for plan in plans {
            if plan.config.is_null() {
                out.push(None);
                continue;
            }
            out.push(match plugin.validate_resource(&plan.type_name, &plan.config).await {
                Ok(_) => None,
                Err(error) => Some(call_problems(&error)),
            });
        }
        out
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
            let detail = if d.attribute.0.is_empty() {
                d.detail.clone()
            } else {
                format!("{} (attribute {})", d.detail, d.attribute)
            };
            Diagnostic { severity, ..Diagnostic::error(d.summary.clone(), detail) }
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
