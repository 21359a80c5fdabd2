//! How every condition of the configuration fared, as Terraform's plans and states tell it: `check` blocks, validations of variables,
//! conditions of resources and outputs.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::conditions;
use super::env::{Env, overlay};
use super::model::{Action, Plan};
use crate::lang::address::{Address, Mode};
use crate::lang::eval::Scope;
use crate::lang::judge::{Verdict, judge};
use crate::lang::module::{Check, CheckRule, Resource};
use crate::lang::scope::Overlay;
use std::collections::BTreeSet;
use straddle_sdk::value::{Str, Type, Value};

/// What a condition belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum CheckKind {
    Check,
    Output,
    Resource,
    Variable,
}

/// How it fared. The worse is the greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
pub enum Status {
    Pass,
    Unknown,
    Fail,
    /// The condition itself is wrong.
    Error,
}

impl Status {
    /// Terraform's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Status::Pass => "pass",
            Status::Unknown => "unknown",
            Status::Fail => "fail",
            Status::Error => "error",
        }
    }
}

/// Everything of the configuration that conditions belong to, with all its instances.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Checked {
    pub kind: CheckKind,
    /// Without instance keys. What is no resource has its kind's word in the place of a type: `module.m.check.name`.
    pub address: Address,
    pub status: Status,
    /// Sorted by the text of their addresses.
    pub instances: Vec<CheckedInstance>,
}

/// One instance.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct CheckedInstance {
    pub address: Address,
    pub status: Status,
    /// Of the conditions that do not hold, sorted as Terraform sorts them.
    pub messages: Vec<String>,
}

/// Judges all conditions with what is known, sorted by the text of addresses. Nothing was looked at (`blind`): nothing is known.
pub fn collect(env: &Env<'_>, blind: bool) -> Vec<Checked> {
    let mut all = Collected { env, blind, list: Vec::new() };
    for number in 0..env.tree.nodes.len() {
        all.module(number);
    }
    let mut list = all.list;
    for instance in list.iter_mut().flat_map(|one| &mut one.instances) {
        instance.messages.sort_unstable();
    }
    list.sort_by_cached_key(|one| one.address.to_string());
    list
}

/// How conditions fare where a plan was carried out: those of data sources that were read while planning are, as in Terraform, not known
/// any more.
pub fn as_applied(found: &[Checked], plan: &Plan) -> Vec<Checked> {
    let read_now: BTreeSet<&Address> =
        plan.changes.iter().filter(|c| c.action == Action::Read).map(|c| &c.address).collect();
    let mut all = found.to_vec();
    for one in all.iter_mut().filter(|one| one.kind == CheckKind::Resource && one.address.mode == Mode::Data) {
        for instance in one.instances.iter_mut().filter(|i| !read_now.contains(&i.address)) {
            (instance.status, instance.messages) = (Status::Unknown, Vec::new());
        }
        one.status = one.instances.iter().map(|i| i.status).max().unwrap_or(one.status);
    }
    all
}

struct Collected<'e, 'a> {
    env: &'e Env<'a>,
    blind: bool,
    list: Vec<Checked>,
}

impl<'a> Collected<'_, 'a> {
    fn module(&mut self, number: usize) {
        let module = self.env.tree.nodes[number].module;
        for check in module.checks.values() {
            self.named(number, CheckKind::Check, &check.name, &check.asserts, Some(check));
        }
        for output in module.outputs.values() {
            self.named(number, CheckKind::Output, &output.name, &output.preconditions, None);
        }
        for variable in module.variables.values() {
            self.named(number, CheckKind::Variable, &variable.name, &variable.validations, None);
        }
        for (key, resource) in module.all_resources() {
            let rules = &resource.lifecycle;
            if !rules.preconditions.is_empty() || !rules.postconditions.is_empty() {
                let address = Address { mode: key.0, ..Address::managed(key.1.clone(), key.2.clone(), None) };
                self.resource(number, address, resource);
            }
        }
    }

    fn instances(&self, number: usize) -> Vec<usize> {
        if self.blind { Vec::new() } else { self.env.instances_of(number) }
    }

    /// What is there once in each instance of its module.
    fn named(&mut self, number: usize, kind: CheckKind, name: &Str, rules: &[CheckRule], check: Option<&Check>) {
        if rules.is_empty() {
            return;
        }
        let word = match kind {
            CheckKind::Output => "output",
            CheckKind::Variable => "var",
            CheckKind::Check | CheckKind::Resource => "check",
        };
        let address = Address::managed(word, name.clone(), None);
        let mut instances = Vec::new();
        if self.blind && kind == CheckKind::Output && number == 0 {
            // As in Terraform, outputs of the root module are there to the end, whatever else is known of them.
            instances.push(CheckedInstance { address: address.clone(), status: Status::Unknown, messages: Vec::new() });
        }
        for instance in self.instances(number) {
            let module = self.env.instance(instance).path.clone();
            let scope = self.env.scope(instance);
            let own = check.map(|check| conditions::nested(self.env, instance, check)).unwrap_or_default();
            let (mut status, mut messages) = judged(rules, &Overlay { resources: &own, ..Overlay::over(&scope) });
            let looked_at = check.and_then(|check| conditions::looked_at(self.env, instance, check));
            if let Some(why) = looked_at.and_then(|address| self.env.unread(&address)) {
                (status, messages) = (Status::Fail, vec![why]);
            }
            instances.push(CheckedInstance { address: Address { module, ..address.clone() }, status, messages });
        }
        self.push(number, kind, address, instances);
    }

    fn resource(&mut self, number: usize, address: Address, resource: &'a Resource) {
        let mut instances = Vec::new();
        for instance in self.instances(number) {
            let base = Address { module: self.env.instance(instance).path.clone(), ..address.clone() };
            let Ok(expansion) = self.env.expand(instance, resource, &base) else { continue };
            for (key, each) in &expansion.keys {
                let address = Address { key: key.clone(), ..base.clone() };
                let outer = self.env.scope(instance);
                let scope = overlay(&outer, key.as_ref(), each.as_ref());
                let this = self.env.result(&address).unwrap_or_else(|| Value::unknown(Type::Dynamic));
                let (before, mut messages) = judged(&resource.lifecycle.preconditions, &scope);
                let (after, more) = judged(&resource.lifecycle.postconditions, &Overlay { this: Some(&this), ..scope });
                messages.extend(more);
                instances.push(CheckedInstance { address, status: before.max(after), messages });
            }
        }
        self.push(number, CheckKind::Resource, address, instances);
    }

    fn push(&mut self, number: usize, kind: CheckKind, address: Address, mut instances: Vec<CheckedInstance>) {
        let module = self.env.tree.nodes[number].path.iter().map(|name| (name.clone(), None)).collect();
        instances.sort_by_cached_key(|one| one.address.to_string());
        let worst = instances.iter().map(|one| one.status).max();
        let status = if self.blind { Status::Unknown } else { worst.unwrap_or(Status::Pass) };
        self.list.push(Checked { kind, address: Address { module, ..address }, status, instances });
    }
}

fn judged(rules: &[CheckRule], scope: &dyn Scope) -> (Status, Vec<String>) {
    let (mut worst, mut messages) = (Status::Pass, Vec::new());
    for rule in rules {
        worst = worst.max(match judge(rule, scope).verdict {
            Verdict::Pass => Status::Pass,
            Verdict::Unknown => Status::Unknown,
            Verdict::Invalid => Status::Error,
            Verdict::Fail(message) => {
                messages.push(message);
                Status::Fail
            }
        });
    }
    (worst, messages)
}
