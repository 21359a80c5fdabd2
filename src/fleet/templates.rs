//! Observed templates: their data blocks are read in each of their places, and `ready` says how many serve there. Nothing of them is in
//! any state, and nothing of them is ever changed.

use super::Fleet;
use crate::diag::Diagnostic;
use crate::lang::body::PreparedBody;
use crate::lang::eval::eval;
use crate::lang::module::{Mode, Resource};
use crate::lang::scope::Overlay;
use crate::lang::tree::Tree;
use crate::plan::env::Env;
use crate::plan::observed::Observed;
use crate::plan::providers::Providers;
use crate::plan::questions::{Answered, Ask, Question};
use crate::spec::{LocationSpec, Spec, Template};
use crate::spread::model::Template as TemplateKind;
use straddle_sdk::value::{Kind, Str, Type, Value};

impl Fleet {
    /// Reads every observed template in every place of its workload.
    pub async fn observe_templates(
        &self,
        tree: &Tree<'_>,
        spec: &Spec,
        env: &Env<'_>,
        providers: &Providers,
        observed: &mut Observed,
        problems: &mut Vec<Diagnostic>,
    ) {
        for workload in &spec.workloads {
            for (place, template) in workload.rules.places.iter().zip(&workload.template_of) {
                if place.template != TemplateKind::Observed {
                    continue;
                }
                let template = &workload.templates[*template];
                let name = &spec.topology.locations[place.location].name;
                match self.serving_in(tree, &spec.locations[place.location], template, env, providers).await {
                    Ok(ready) => {
                        observed.templates.insert((Str::new(&workload.rules.name), name.clone()), ready);
                    }
                    Err(found) => problems.extend(found.into_iter().map(|mut problem| {
                        problem.detail.push_str(&format!(" (workload \"{}\" in {name})", workload.rules.name));
                        problem
                    })),
                }
            }
        }
    }

    /// How many replicas a template says serve in a location.
    async fn serving_in(
        &self,
        tree: &Tree<'_>,
        location: &LocationSpec,
        template: &Template,
        env: &Env<'_>,
        providers: &Providers,
    ) -> Result<u32, Vec<Diagnostic>> {
        let own = [("location", location.value.clone())];
        let mut values: Vec<Option<Value>> = vec![None; template.resources.len()];
        // A data block may be made from others: each round reads those that have become known.
        for _ in 0..template.resources.len() {
            for (i, resource) in template.resources.iter().enumerate() {
                if values[i].is_none() {
                    let siblings = siblings(template, &values);
                    let scope = Overlay { own: &own, resources: &siblings, ..Overlay::over(env) };
                    values[i] = self.read_block(tree, resource, location, &scope, providers).await?;
                }
            }
        }
        if let Some(i) = values.iter().position(Option::is_none) {
            return Err(vec![
                Diagnostic::error(
                    "Data block cannot be read yet",
                    "It depends on something whose value is known only after apply.",
                )
                .at(&template.resources[i].span)
                .help("An observed template may refer to variables, locals, its location and its own blocks."),
            ]);
        }
        let Some(expr) = &template.ready else { return Ok(1) };
        let siblings = siblings(template, &values);
        let (value, found) = eval(expr, &Overlay { own: &own, resources: &siblings, ..Overlay::over(env) });
        if found.iter().any(Diagnostic::is_error) {
            return Err(found);
        }
        let (value, _) = value.unmark();
        let ready = match value.kind() {
            Kind::Bool(ready) => Some(u32::from(*ready)),
            Kind::Number(n) => n.to_i64().and_then(|n| u32::try_from(n).ok()),
            _ => None,
        };
        ready.ok_or_else(|| {
            vec![
                Diagnostic::error("Wrong form of an argument", "\"ready\" must be a number, or true or false.")
                    .at(&expr.span)
                    .help("Of an observed template it says how many replicas serve in the location."),
            ]
        })
    }

    /// One data block; `None` while its arguments are not known.
    async fn read_block(
        &self,
        tree: &Tree<'_>,
        resource: &Resource,
        location: &LocationSpec,
        scope: &Overlay<'_>,
        providers: &Providers,
    ) -> Result<Option<Value>, Vec<Diagnostic>> {
        let Some(schema) = providers.schema(0, resource) else {
            return Err(vec![
                Diagnostic::error(
                    "No such data source",
                    format!("No provider has a data source {:?}.", &*resource.ty.text),
                )
                .at(&resource.span),
            ]);
        };
        let (config, found) = PreparedBody::new(&resource.body, &schema.block).eval(scope);
        if found.iter().any(Diagnostic::is_error) {
            return Err(found);
        }
        let (config, _) = config.unmark_deep();
        if !config.is_wholly_known() {
            return Ok(None);
        }
        let provider = providers.of_resource(tree, 0, resource, location.provider.as_ref());
        let question = Question {
            id: 0,
            type_name: resource.ty.text.clone(),
            meta: providers.metas_of_root(&provider.source),
            provider,
            ask: Ask::Data { config },
        };
        let Some(answer) = self.answer(vec![question]).await.pop() else { return Ok(None) };
        match answer.result {
            Some(Answered::Data { value, deferred: None }) => Ok(Some(value)),
            // Put off, it is not known.
            Some(Answered::Data { .. }) => Ok(None),
            _ => Err(answer.problems),
        }
    }
}

/// The blocks of a template by the names it refers to them with; what is not read yet is unknown.
fn siblings<'t>(template: &'t Template, values: &[Option<Value>]) -> Vec<((Mode, &'t str, &'t str), Value)> {
    let unknown = || Value::unknown(Type::Dynamic);
    let named = template.resources.iter().zip(values);
    named.map(|(r, v)| ((r.mode, &*r.ty.text, &*r.name.text), v.clone().unwrap_or_else(unknown))).collect()
}
