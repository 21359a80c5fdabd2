//! One instance of a resource while it is planned: its configuration, what its provider is asked, and the change that comes of it.

use super::conditions;
use super::env::overlay;
use super::marking::{self, marked};
use super::model::{Action, Change, DataRead, Reason};
use super::object;
use super::observed::Seen;
use super::questions::{Answer, Answered, Ask, Planned, Question, Taken};
use super::triggers;
use super::walk::{Walk, about};
use crate::diag::{Diagnostic, Severity};
use crate::lang::address::{Address, Mode};
use crate::lang::body::{PreparedBody, placed};
use crate::lang::eval::Scope;
use crate::lang::module::Resource;
use crate::lang::scope::Overlay;
use crate::plugin::{Deferral, ImportBy};
use crate::state::{ObjectId, ProviderRef};
use straddle_sdk::schema::Prepared as Schema;
use straddle_sdk::value::{Change as Visit, Kind as ValueKind, MarkedPath, Marks, Path, Type, Value, same};

/// An instance whose planning starts.
#[derive(Clone)]
pub(super) struct Started<'a> {
    pub block: usize,
    pub resource: &'a Resource,
    /// The instance of the module it stands in.
    pub module_instance: usize,
    pub address: Address,
    pub provider: ProviderRef,
    pub schema: Schema,
    /// By what an `import` block finds it.
    pub importing: Option<ImportBy>,
    /// It is put off already.
    pub deferred: Option<Deferral>,
}

/// One whose question is out.
pub(super) struct Instance<'a> {
    of: Started<'a>,
    prior: Value,
    config: Value,
    /// The configuration with `ignore_changes` applied: what was sent.
    sent: Value,
    private: Vec<u8>,
    /// What the provider knows the prior object by.
    identity: Option<Value>,
    reason: Option<Reason>,
    replaced: Option<Replacing>,
    /// Where the configuration was marked: marks stay here and never go to a provider.
    marked: Vec<MarkedPath>,
    /// Where the state marks the prior object.
    prior_marks: Vec<MarkedPath>,
}

/// What is kept beside an object.
#[derive(Default)]
struct Beside {
    private: Vec<u8>,
    identity: Option<Value>,
}

/// The second question of a replacement.
struct Replacing {
    before: Value,
    paths: Vec<Path>,
    prior_private: Vec<u8>,
    identity: Option<Value>,
}

impl<'a> Walk<'_, 'a> {
    /// Evaluates the configuration of an instance and asks about it.
    pub(super) fn start(
        &mut self,
        of: Started<'a>,
        prepared: &PreparedBody<'_>,
        scope: &dyn Scope,
        questions: &mut Vec<Question>,
    ) {
        let rules = &of.resource.lifecycle.preconditions;
        let judged = conditions::judge(rules, "Resource precondition failed", scope);
        let (config, found) = prepared.eval(scope);
        let found = found.into_iter().chain(judged).map(|p| about(p, &of.address));
        if self.report(found) {
            return;
        }
        let (config, marked) = config.unmark_deep();
        if of.resource.mode == Mode::Ephemeral {
            self.ephemeral(of, config, marked, questions);
            return;
        }
        let (marked, problems) = lasting_marks(&of, marked);
        if self.report(problems) {
            return;
        }
        if of.resource.mode == Mode::Data {
            self.data(of, config, marked, questions);
            return;
        }
        let seen = self.observed.objects.get(&ObjectId::current(of.address.clone()));
        let live = seen.and_then(Seen::current).cloned();
        if live.is_none()
            && let Some(by) = of.importing.clone()
        {
            let prior = of.schema.null();
            let sent = config.clone();
            let instance = Instance {
                prior_marks: Vec::new(),
                of,
                prior,
                config,
                sent,
                private: Vec::new(),
                identity: None,
                reason: None,
                replaced: None,
                marked,
            };
            self.ask(instance, Ask::Import { by }, questions);
            return;
        }
        let deferred = seen.and_then(|s| s.deferred);
        let of = Started { importing: None, deferred, ..of };
        let beside = Beside {
            private: seen.map(|s| s.private.clone()).unwrap_or_default(),
            identity: seen.and_then(|s| s.identity.clone()),
        };
        let tainted = seen.is_some_and(|s| s.tainted);
        let triggered = live.is_some() && self.triggered(&of, scope);
        let reason = match &live {
            Some(_) if tainted => Some(Reason::Tainted),
            Some(_) if self.wishes.replace.contains(&of.address) => Some(Reason::ByRequest),
            Some(_) if triggered => Some(Reason::ByTriggers),
            _ => None,
        };
        self.ask_plan(of, live, beside, reason, config, marked, questions);
    }

    /// Asks for the plan of a change from what there is to the configuration.
    #[expect(clippy::too_many_arguments, reason = "the parts of one question")]
    fn ask_plan(
        &mut self,
        of: Started<'a>,
        live: Option<Value>,
        beside: Beside,
        reason: Option<Reason>,
        config: Value,
        marked: Vec<MarkedPath>,
        questions: &mut Vec<Question>,
    ) {
        // A half-made object is planned as if there was none.
        let prior = live.filter(|_| reason != Some(Reason::Tainted)).unwrap_or_else(|| of.schema.null());
        let ignored = object::Ignore::of(&of.resource.lifecycle.ignore_changes);
        let sent = object::ignore_changes(&of.schema.block, &prior, &config, &ignored);
        let proposed = object::proposed_new(&of.schema.block, &prior, &sent);
        let Beside { private, identity } = if prior.is_null() { Beside::default() } else { beside };
        let ask = Ask::Plan {
            prior: prior.clone(),
            proposed,
            config: sent.clone(),
            private: private.clone(),
            identity: identity.clone(),
        };
        let seen = self.observed.objects.get(&ObjectId::current(of.address.clone()));
        let prior_marks = seen.map(Seen::marks).unwrap_or_default();
        let instance =
            Instance { of, prior, config, sent, private, identity, reason, replaced: None, marked, prior_marks };
        self.ask(instance, ask, questions);
    }

    /// Whether something in `replace_triggered_by` is to be changed or replaced.
    fn triggered(&mut self, of: &Started<'a>, scope: &dyn Scope) -> bool {
        let mut any = false;
        for expr in &of.resource.lifecycle.replace_triggered_by {
            let path = &self.env.instance(of.module_instance).path;
            match triggers::triggered(expr, scope, path, &self.changes, &self.at, self.observed) {
                Ok(triggered) => any |= triggered,
                Err(problem) => {
                    self.report([about(*problem, &of.address)]);
                }
            }
        }
        any
    }

    /// Opens an ephemeral resource. As long as its configuration is not known, neither is its result.
    fn ephemeral(&mut self, of: Started<'a>, config: Value, marked: Vec<MarkedPath>, questions: &mut Vec<Question>) {
        if !config.is_wholly_known() {
            self.env.set_instance(&of.address, marking::unopened(&of.schema, &config, &marked));
            return;
        }
        let ask = Ask::Open { address: of.address.clone(), config: config.clone() };
        let instance = Instance {
            prior_marks: Vec::new(),
            prior: of.schema.null(),
            of,
            sent: config.clone(),
            config,
            private: Vec::new(),
            identity: None,
            reason: None,
            replaced: None,
            marked,
        };
        self.ask(instance, ask, questions);
    }

    fn data(&mut self, of: Started<'a>, config: Value, marked: Vec<MarkedPath>, questions: &mut Vec<Question>) {
        let nested = self.checked.contains(&of.block);
        let pending = self.blocks.list[of.block].explicit.iter().any(|i| self.changed.contains(i));
        if config.is_wholly_known() && !pending {
            let prior = of.schema.null();
            let sent = config.clone();
            let ask = Ask::Data { config: config.clone() };
            let instance = Instance {
                prior_marks: Vec::new(),
                of,
                prior,
                sent,
                config,
                private: Vec::new(),
                identity: None,
                reason: None,
                replaced: None,
                marked,
            };
            self.ask(instance, ask, questions);
            return;
        }
        let reason = if nested {
            Reason::CheckNested
        } else if pending {
            Reason::ReadDependencyPending
        } else {
            Reason::ReadConfigUnknown
        };
        self.defer(&of, &config, &marked, reason);
    }

    /// Notes a change, or that it is put off.
    fn settle(&mut self, of: &Started<'a>, change: Change) {
        let prerequisite = self.made_late.contains(&of.block).then_some(Deferral::DeferredPrereq);
        match of.deferred.or(prerequisite) {
            Some(reason) => self.put_off(of.block, reason, change),
            None => self.keep_change(of.block, change),
        }
    }

    /// Notes that a data source is put off by its provider.
    fn defer_data(&mut self, of: &Started<'a>, config: &Value, marked: &[MarkedPath], reason: Deferral) {
        let unknown = Value::unknown(of.schema.ty().clone());
        let after = marking::marked(&of.schema, object::proposed_new(&of.schema.block, &unknown, config), marked);
        self.env.set_instance(&of.address, after.clone());
        let mut change = self.change(of, Action::Read);
        (change.after, change.config_known) = (after, false);
        self.put_off(of.block, reason, change);
    }

    /// Leaves a data source to be read while the plan is carried out.
    fn defer(&mut self, of: &Started<'a>, config: &Value, marked: &[MarkedPath], reason: Reason) {
        let unknown = Value::unknown(of.schema.ty().clone());
        let read = self.env.result(&of.address).filter(|v| reason == Reason::CheckNested && !v.is_unknown());
        let after = match read {
            Some(value) => value,
            None => marking::marked(&of.schema, object::proposed_new(&of.schema.block, &unknown, config), marked),
        };
        self.env.set_instance(&of.address, after.clone());
        let mut change = self.change(of, Action::Read);
        (change.after, change.reason, change.config_known) = (after, Some(reason), false);
        self.settle(of, change);
    }

    fn ask(&mut self, instance: Instance<'a>, ask: Ask, questions: &mut Vec<Question>) {
        let id = self.next_id;
        self.next_id += 1;
        let of = &instance.of;
        let meta = self.providers.meta(&of.address, &of.provider.source);
        let (provider, type_name) = (of.provider.clone(), of.resource.ty.text.clone());
        questions.push(Question { id, provider, type_name, meta, ask });
        self.asked.insert(id, instance);
    }

    /// Takes an answer.
    pub(super) fn answer(&mut self, answer: Answer, questions: &mut Vec<Question>) {
        let Some(instance) = self.asked.remove(&answer.id) else { return };
        let block = instance.of.block;
        let address = instance.of.address.clone();
        // What a check looks at may be missing: the check says so.
        let remembered = self.observed.remembered.get(&address).filter(|_| answer.result.is_none()).cloned();
        let lenient = self.checked.contains(&block) || remembered.is_some();
        if self.checked.contains(&block) && answer.result.is_none() {
            self.env.note_unread(&address, &answer.problems);
        }
        self.report(answer.problems.into_iter().map(|p| {
            let severity = if lenient { Severity::Warning } else { p.severity };
            placed(about(Diagnostic { severity, ..p }, &address), &instance.of.resource.body)
        }));
        let before = questions.len();
        match answer.result {
            Some(Answered::Plan(planned)) => self.planned(instance, planned, questions),
            Some(Answered::Data { deferred: Some(reason), .. }) => {
                self.defer_data(&instance.of, &instance.config, &instance.marked, reason);
            }
            Some(Answered::Data { value, .. }) => {
                let value = marked(&instance.of.schema, value, &instance.marked);
                self.env.set_instance(&address, value.clone());
                self.postconditions(&instance.of, &value);
                if !self.checked.contains(&block) {
                    let Started { provider, schema, .. } = &instance.of;
                    let (provider, schema_version) = (provider.clone(), schema.version);
                    self.data.push(DataRead { address, provider, schema_version, value });
                } else {
                    self.defer(&instance.of, &instance.config, &instance.marked, Reason::CheckNested);
                }
            }
            Some(Answered::Opened { value }) => {
                let value = marking::opened(&instance.of.schema, value, &instance.marked);
                self.env.set_instance(&address, value.clone());
                self.postconditions(&instance.of, &value);
            }
            Some(Answered::Imported(Taken { state, private, identity, deferred })) => {
                let Instance { mut of, config, marked, .. } = instance;
                // As much of an identity as was written is not yet the whole.
                if let (Some(ImportBy::Identity(by)), Some(whole)) = (&mut of.importing, &identity) {
                    *by = whole.clone();
                }
                of.deferred = deferred;
                let state = (!state.is_null()).then_some(state);
                self.ask_plan(of, state, Beside { private, identity }, None, config, marked, questions);
            }
            // Its provider is lost with what it served: what it last said must do.
            None if remembered.is_some() => {
                let value = remembered.unwrap_or_else(|| instance.of.schema.null());
                let value = marked(&instance.of.schema, value, &instance.marked);
                self.env.set_instance(&address, value.clone());
                let Started { provider, schema, .. } = &instance.of;
                let (provider, schema_version) = (provider.clone(), schema.version);
                self.data.push(DataRead { address, provider, schema_version, value });
            }
            None if self.checked.contains(&block) => {
                self.env.set_instance(&address, Value::unknown(Type::Dynamic));
                self.defer(&instance.of, &instance.config, &instance.marked, Reason::CheckNested);
                // What is kept of it is what was asked.
                let Started { provider, schema, .. } = &instance.of;
                let (provider, schema_version) = (provider.clone(), schema.version);
                if let Some(value) = self.env.result(&address) {
                    let value = value.map_parts(&mut |_, part| match part.kind() {
                        ValueKind::Unknown(unknown) => Visit::Replace(Value::null(unknown.ty.clone())),
                        _ => Visit::Descend,
                    });
                    self.data.push(DataRead { address, provider, schema_version, value });
                }
            }
            None => {
                self.failed.insert(block);
            }
        }
        if questions.len() > before {
            return;
        }
        if let Some(outstanding) = self.outstanding.get_mut(&block) {
            *outstanding -= 1;
            if *outstanding == 0 {
                self.outstanding.remove(&block);
                self.done(block);
            }
        }
    }

    /// A provider's plan of one instance: checked, and either kept or asked again as a creation.
    fn planned(&mut self, instance: Instance<'a>, answer: Planned, questions: &mut Vec<Question>) {
        let Planned { planned, requires_replace, private, identity, legacy, deferred } = answer;
        let mut instance = instance;
        instance.of.deferred = instance.of.deferred.or(deferred);
        let after = Beside { private, identity };
        let schema = instance.of.schema.clone();
        let prior = instance.prior.clone();
        if !legacy && deferred.is_none() {
            let faults = object::assert_plan_valid(&schema.block, &prior, &instance.sent, &planned);
            if !faults.is_empty() {
                self.broken_promise(&instance, "planned an invalid change", faults.iter().map(ToString::to_string));
                return;
            }
        }
        if let Some(replacing) = instance.replaced.take() {
            self.replacement(instance, planned, after, replacing);
            return;
        }
        let paths = match object::replace_paths(&schema.block, &requires_replace, &prior, &planned) {
            Ok(paths) => paths,
            Err(fault) => {
                self.broken_promise(
                    &instance,
                    "named a path to replace that does not exist",
                    std::iter::once(fault.to_string()),
                );
                return;
            }
        };
        if instance.reason == Some(Reason::Tainted) {
            let seen = self.observed.objects.get(&ObjectId::current(instance.of.address.clone()));
            let before = seen.and_then(Seen::current).cloned().unwrap_or_else(|| prior.clone());
            let prior_private = seen.map(|s| s.private.clone()).unwrap_or_default();
            let replacing = Replacing { before, paths: Vec::new(), prior_private, identity: None };
            self.replacement(instance, planned, after, replacing);
        } else if prior.is_null() {
            self.keep_plan(instance, Action::Create, planned, after);
        } else if !paths.is_empty() || matches!(instance.reason, Some(Reason::ByRequest | Reason::ByTriggers)) {
            self.ask_replacement(instance, paths, after, questions);
        } else if after.identity.as_ref().is_some_and(|i| !i.is_wholly_known()) {
            self.broken_promise(
                &instance,
                "planned an invalid change",
                std::iter::once("it returned an identity with unknown values for an object that stays".to_owned()),
            );
        } else {
            let equal = same(&planned, &prior);
            self.keep_plan(instance, if equal { Action::NoOp } else { Action::Update }, planned, after);
        }
    }

    fn ask_replacement(
        &mut self,
        instance: Instance<'a>,
        paths: Vec<Path>,
        first: Beside,
        questions: &mut Vec<Question>,
    ) {
        let reason = if paths.is_empty() { instance.reason } else { Some(Reason::CannotUpdate) };
        let schema = &instance.of.schema;
        let none = schema.null();
        let proposed = object::proposed_new(&schema.block, &none, &instance.config);
        let Beside { private, identity } = first;
        let ask = Ask::Plan {
            prior: none.clone(),
            proposed,
            config: instance.config.clone(),
            private: private.clone(),
            identity: identity.clone(),
        };
        let replaced = Some(Replacing {
            before: instance.prior,
            paths,
            prior_private: instance.private,
            identity: instance.identity,
        });
        let sent = instance.config.clone();
        let second = Instance { prior: none, sent, private, identity, reason, replaced, ..instance };
        self.ask(second, ask, questions);
    }

    fn replacement(&mut self, instance: Instance<'a>, planned: Value, new: Beside, replacing: Replacing) {
        let Instance { of, config, marked: marks, reason, prior_marks, .. } = instance;
        let planned = marked(&of.schema, planned, &marks);
        self.env.set_instance(&of.address, planned.clone());
        self.postconditions(&of, &planned);
        let mut change = self.change(&of, Action::DeleteCreate);
        change.config_known = config.is_wholly_known();
        change.before = marked(&of.schema, replacing.before, &prior_marks);
        change.after = planned;
        change.replace_paths = replacing.paths;
        change.prior_private = replacing.prior_private;
        change.before_identity = replacing.identity;
        (change.planned_private, change.after_identity) = (new.private, new.identity);
        change.reason = reason;
        if of.resource.lifecycle.prevent_destroy {
            self.report([prevented(of.resource, &of.address)]);
        }
        self.settle(&of, change);
    }

    fn keep_plan(&mut self, instance: Instance<'a>, action: Action, planned: Value, new: Beside) {
        let Instance { of, prior, config, private: prior_private, identity, marked: marks, prior_marks, .. } = instance;
        let before = marked(&of.schema, prior, &prior_marks);
        let planned = marked(&of.schema, planned, &marks);
        // What must not be printed is a part of what the state remembers.
        let action = if action == Action::NoOp && !same(&before, &planned) { Action::Update } else { action };
        self.env.set_instance(&of.address, planned.clone());
        self.postconditions(&of, &planned);
        let mut change = self.change(&of, action);
        change.config_known = config.is_wholly_known();
        change.before = before;
        change.after = planned;
        (change.prior_private, change.before_identity) = (prior_private, identity);
        (change.planned_private, change.after_identity) = (new.private, new.identity);
        self.settle(&of, change);
    }

    /// Judges what must hold of a result, as far as it is known.
    fn postconditions(&mut self, of: &Started<'a>, value: &Value) {
        let rules = &of.resource.lifecycle.postconditions;
        if rules.is_empty() {
            return;
        }
        let base = Address { key: None, ..of.address.clone() };
        let each = match self.env.expand(of.module_instance, of.resource, &base) {
            Ok(expansion) if of.address.workload.is_none() => expansion.keys.get(&of.address.key).cloned().flatten(),
            _ => None,
        };
        let scope = self.env.scope(of.module_instance);
        let inner = overlay(&scope, of.address.key.as_ref(), each.as_ref());
        let found = conditions::judge(rules, "Resource postcondition failed", &Overlay { this: Some(value), ..inner });
        self.report(found.into_iter().map(|p| about(p, &of.address)));
    }

    fn change(&self, of: &Started<'a>, action: Action) -> Change {
        Change {
            action,
            schema_version: of.schema.version,
            dependencies: self.blocks.addresses(&self.blocks.list[of.block].made_from),
            importing: of.importing.clone(),
            site: Some(of.resource.span.clone()),
            ..Change::nothing(of.address.clone(), of.provider.clone())
        }
    }

    fn broken_promise(&mut self, instance: &Instance<'a>, what: &str, faults: impl Iterator<Item = String>) {
        let of = &instance.of;
        let faults: Vec<String> = faults.collect();
        self.report([Diagnostic::error(
            "Provider produced invalid plan",
            format!("Provider {} {what} for {}: {}.", of.provider, of.address, faults.join("; ")),
        )
        .at(&of.resource.span)
        .help("This is a fault of the provider; report it to its authors. Nothing was changed.")]);
        self.failed.insert(of.block);
    }
}

/// The refusal to end an object that must not be.
pub(super) fn prevented(resource: &Resource, address: &Address) -> Diagnostic {
    Diagnostic::error(
        "Instance cannot be destroyed",
        format!(
            "Resource {address} has lifecycle.prevent_destroy set, but the plan calls for this resource to be destroyed."
        ),
    )
    .at(&resource.span)
    .help("Disable lifecycle.prevent_destroy, or reduce the scope of the plan with -target.")
}

/// The marks of a configuration that its object keeps. What is ephemeral may only stand where nothing is kept.
fn lasting_marks(of: &Started<'_>, marked: Vec<MarkedPath>) -> (Vec<MarkedPath>, Vec<Diagnostic>) {
    let mut kept = Vec::with_capacity(marked.len());
    let mut problems = Vec::new();
    for (path, marks) in marked {
        let write_only = of.schema.block.find(&path).is_some_and(|place| place.write_only);
        if write_only {
            continue;
        }
        if marks.contains(Marks::EPHEMERAL) {
            let detail = format!(
                "Ephemeral values are not valid for {path:?}, because it is not a write-only attribute and must be persisted to state.",
                path = path.to_string().trim_start_matches('.')
            );
            let problem = Diagnostic::error("Invalid use of ephemeral value", detail);
            let problem = Diagnostic { attribute: Some(path.clone()), ..problem };
            problems.push(placed(about(problem, &of.address), &of.resource.body));
        }
        kept.push((path, marks.without(Marks::EPHEMERAL)));
    }
    (kept, problems)
}
