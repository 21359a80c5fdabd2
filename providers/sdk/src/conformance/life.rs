//! One object from its first validation to after its end.

use super::subject::{Object, Planned, Subject};
use super::{Report, Sample, rules};
use crate::schema::Prepared;
use crate::value::codec::json;
use crate::value::{Change, Path, Str, Value, same_unrefined};

/// What every step needs.
struct Life<'a, S> {
    subject: &'a S,
    schema: &'a Prepared,
    type_name: &'a Str,
}

/// Lives the life of a sample. A rule without which the rest makes no sense ends it early.
pub(super) async fn live(report: &mut Report, subject: &impl Subject, schema: &Prepared, sample: &Sample) {
    let life = Life { subject, schema, type_name: &sample.type_name };
    let config = schema.block.value_with(sample.config.clone());
    life.validation(report, &config).await;
    let nothing = Object { state: schema.null(), private: Vec::new() };
    let Some(mut object) = life.change(report, &nothing, &config).await else { return };
    for written in &sample.changes {
        let config = schema.block.value_with(written.clone());
        match life.change(report, &object, &config).await {
            Some(changed) => object = changed,
            None => break,
        }
    }
    if let Some(attribute) = &sample.import_by {
        life.import(report, attribute, &object).await;
    }
    life.end(report, &object).await;
}

impl<S: Subject> Life<'_, S> {
    /// A rule about a call: it must answer.
    fn answer<T>(&self, report: &mut Report, rule: &'static str, answer: Result<T, String>) -> Option<T> {
        let what = answer.as_ref().err().cloned().unwrap_or_default();
        report.rule(self.type_name, rule, answer.is_ok(), || what);
        answer.ok()
    }

    async fn validation(&self, report: &mut Report, config: &Value) {
        let valid = self.subject.validate(self.type_name, config).await;
        self.answer(report, "the sample is valid", valid);
        let unknown = config.map_parts(&mut |path, part| match (path.0.len(), part.is_null()) {
            (0, _) => Change::Descend,
            (_, true) => Change::Keep,
            // A block that is not known yet is unknown as a whole, like an attribute.
            (_, false) => Change::Replace(Value::unknown(part.ty())),
        });
        let valid = self.subject.validate(self.type_name, &unknown).await;
        self.answer(report, "what is not known yet is valid", valid);
        let plan = self.plan(&Object { state: self.schema.null(), private: Vec::new() }, &unknown).await;
        self.answer(report, "what is not known yet can be planned", plan);
    }

    async fn plan(&self, prior: &Object, config: &Value) -> Result<Planned, String> {
        let proposed = rules::proposed(&self.schema.block, &prior.state, config);
        self.subject.plan(self.type_name, prior, &proposed, config).await
    }

    /// Plans and makes a change (by replacement where the provider says so), and checks what came of it.
    async fn change(&self, report: &mut Report, prior: &Object, config: &Value) -> Option<Object> {
        let plan = self.answer(report, "a change can be planned", self.plan(prior, config).await)?;
        self.plan_is_sound(report, prior, config, &plan).await;
        let replaced = self.replacing(report, prior, &plan);
        let (before, plan) = match replaced {
            false => (prior.state.clone(), plan),
            true => {
                self.end(report, prior).await;
                let nothing = Object { state: self.schema.null(), private: plan.private };
                let plan = self.answer(report, "a replacement can be planned", self.plan(&nothing, config).await)?;
                (self.schema.null(), plan)
            }
        };
        let made = self.subject.apply(self.type_name, &before, &plan, config).await;
        let object = self.answer(report, "a change can be made", made)?;
        self.result_is_sound(report, &plan, &object).await;
        self.nothing_is_left_to_do(report, &object, config).await;
        Some(object)
    }

    async fn plan_is_sound(&self, report: &mut Report, prior: &Object, config: &Value, plan: &Planned) {
        let wrong = rules::disagreement(&self.schema.block, &prior.state, config, &plan.planned);
        report.rule(self.type_name, "a plan is what was asked for", wrong.is_none(), || wrong.unwrap_or_default());
        if let Some(again) = self.answer(report, "a change can be planned twice", self.plan(prior, config).await) {
            let same = same_unrefined(&again.planned, &plan.planned);
            report.rule(self.type_name, "the same question gets the same plan", same, || "two plans differ".to_owned());
        }
    }

    /// Whether the change replaces the object.
    fn replacing(&self, report: &mut Report, prior: &Object, plan: &Planned) -> bool {
        if prior.state.is_null() {
            return false;
        }
        let mut replaced = false;
        for path in &plan.requires_replace {
            let (old, new) = (prior.state.at(path), plan.planned.at(path));
            let leads = old.is_some() || new.is_some();
            report.rule(self.type_name, "a path that replaces leads somewhere", leads, || path.to_string());
            replaced |= match (old, new) {
                (Some(old), Some(new)) => new.is_unknown() || !same_unrefined(old, new),
                (None, None) => false,
                _ => true,
            };
        }
        replaced
    }

    async fn result_is_sound(&self, report: &mut Report, plan: &Planned, object: &Object) {
        let unknown = object.state.first_unknown();
        report.rule(self.type_name, "a result is known", unknown.is_none(), || format!("{:?}", unknown));
        let secret = self.schema.first_write_only(&object.state);
        report.rule(self.type_name, "a result holds no write-only value", secret.is_none(), || format!("{secret:?}"));
        let broken = rules::broken_promise(&plan.planned, &object.state, &Path::default());
        report.rule(self.type_name, "a result is what was planned", broken.is_none(), || {
            broken.map_or_else(String::new, |path| format!("it differs at {path}"))
        });
        let read = self.subject.read(self.type_name, object).await;
        if let Some(read) = self.answer(report, "what was made can be read", read) {
            let same = same_unrefined(&read.state, &object.state);
            report
                .rule(self.type_name, "what is read is what was made", same, || differing(&object.state, &read.state));
        }
        let Ok(text) = json::encode(&object.state, self.schema.ty()) else { return };
        let upgraded = self.subject.upgrade(self.type_name, self.schema.version, &text).await;
        if let Some(upgraded) = self.answer(report, "what was stored can be upgraded", upgraded) {
            let same = same_unrefined(&upgraded, &object.state);
            report.rule(self.type_name, "an upgrade from the current version changes nothing", same, || {
                differing(&object.state, &upgraded)
            });
        }
    }

    async fn nothing_is_left_to_do(&self, report: &mut Report, object: &Object, config: &Value) {
        let plan = self.plan(object, config).await;
        if let Some(plan) = self.answer(report, "a plan follows a change", plan) {
            let same = same_unrefined(&plan.planned, &object.state);
            report.rule(self.type_name, "after a change nothing is left to do", same, || {
                differing(&object.state, &plan.planned)
            });
        }
    }

    async fn import(&self, report: &mut Report, attribute: &Str, object: &Object) {
        let id = object.state.get(attribute).and_then(Value::as_str).unwrap_or_default().to_owned();
        let imported = self.subject.import(self.type_name, &id).await;
        let Some(imported) = self.answer(report, "what was made can be imported", imported) else { return };
        let read = self.subject.read(self.type_name, &imported).await;
        if let Some(read) = self.answer(report, "what was imported can be read", read) {
            let same = same_unrefined(&read.state, &object.state);
            report.rule(self.type_name, "what is imported is what is there", same, || {
                differing(&object.state, &read.state)
            });
        }
    }

    async fn end(&self, report: &mut Report, object: &Object) {
        let null = self.schema.null();
        let plan = self.subject.plan(self.type_name, object, &null, &null).await;
        let Some(plan) = self.answer(report, "a delete can be planned", plan) else { return };
        report.rule(self.type_name, "the plan of a delete is null", plan.planned.is_null(), || "it is not".to_owned());
        let plan = Planned { planned: null.clone(), ..plan };
        let deleted = self.subject.apply(self.type_name, &object.state, &plan, &null).await;
        let Some(deleted) = self.answer(report, "what was made can be deleted", deleted) else { return };
        let gone = deleted.state.is_null();
        report.rule(self.type_name, "the result of a delete is null", gone, || "an object is left".to_owned());
        let read = self.subject.read(self.type_name, object).await;
        if let Some(read) = self.answer(report, "what is gone can be asked for", read) {
            let gone = read.state.is_null();
            report.rule(self.type_name, "what is gone reads as null", gone, || "it still reads".to_owned());
        }
    }
}

/// The first place where two objects differ.
fn differing(a: &Value, b: &Value) -> String {
    match rules::broken_promise(a, b, &Path::default()) {
        Some(path) if !path.0.is_empty() => format!("they differ at {path}"),
        _ => "they differ".to_owned(),
    }
}
