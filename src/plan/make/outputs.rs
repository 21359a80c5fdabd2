//! What a plan says beside objects: output values, and how checks fare.

use super::Maker;
use crate::lang::address::{Address, Mode};
use crate::lang::evaluate::check_outputs;
use crate::lang::reference::Subject;
use crate::plan::blocks::BlockKind;
use crate::plan::checks::{self, Checked};
use crate::plan::conditions;
use crate::plan::model::{DataRead, Kind, OutputChange};
use std::collections::BTreeMap;
use straddle_sdk::value::codec::json;
use straddle_sdk::value::{Marks, Str, Type, Value};

impl Maker<'_, '_> {
    /// What becomes of outputs; and those that `-target` leaves as they are.
    pub(super) fn outputs(&mut self) -> (Vec<OutputChange>, Vec<OutputChange>) {
        let mut list: BTreeMap<Str, OutputChange> = BTreeMap::new();
        for (name, output) in &self.input.state.outputs {
            let before = Type::from_json(output.ty.as_str().as_bytes())
                .ok()
                .and_then(|ty| json::decode(output.value.as_str().as_bytes(), &ty).ok());
            let change = OutputChange {
                name: name.clone(),
                before,
                after: None,
                sensitive: output.sensitive,
                was_sensitive: output.sensitive,
                declared: None,
            };
            list.insert(Str::new(name), change);
        }
        match self.input.kind {
            // What is left stands, and so does what was said of it.
            Kind::Destroy if self.input.wishes.only.is_some() => {
                return (Vec::new(), list.into_values().collect());
            }
            Kind::Destroy => {}
            _ => {
                let left = self.planned_outputs(&mut list);
                return (list.into_values().collect(), left);
            }
        }
        (list.into_values().collect(), Vec::new())
    }

    fn planned_outputs(&mut self, list: &mut BTreeMap<Str, OutputChange>) -> Vec<OutputChange> {
        let mut left = Vec::new();
        let module = &self.input.config.module;
        let mut values = BTreeMap::new();
        for (name, output) in &module.outputs {
            if self.is_left_out(name) {
                left.extend(list.remove(name));
                continue;
            }
            let entry = list.entry(name.clone()).or_insert_with(|| OutputChange {
                name: name.to_string(),
                before: None,
                after: None,
                sensitive: output.sensitive,
                was_sensitive: false,
                declared: None,
            });
            entry.declared = Some(output.sensitive);
            // As in Terraform, what was a secret is not shown in the plan that makes it none.
            entry.sensitive |= output.sensitive;
            match self.env.output(0, name) {
                Ok(value) => {
                    values.insert(name.clone(), value.clone());
                    // What a module calls a secret is none for Terraform, and is not shown all the same.
                    if value.deep_marks().contains(Marks::DECLARED) {
                        (entry.sensitive, entry.declared) = (true, Some(true));
                    }
                    let value = if output.sensitive { value.unmark().0 } else { value };
                    entry.after = Some(value);
                }
                Err(found) => self.problems.extend(found),
            }
        }
        self.problems.extend(check_outputs(module, true, &values));
        left
    }

    /// What was never made is not known yet, and of a type that is known: a refresh makes nothing.
    pub(super) fn leave_unmade(&self) {
        for block in &self.blocks.list {
            let BlockKind::Resource { resource, address } = &block.kind else { continue };
            let Some(schema) = self.input.providers.schema(block.module, resource) else { continue };
            if resource.mode != Mode::Managed {
                continue;
            }
            for instance in self.env.instances_of(block.module) {
                let base = Address { module: self.env.instance(instance).path.clone(), ..address.clone() };
                let Ok(expansion) = self.env.expand(instance, resource, &base) else { continue };
                for key in expansion.keys.keys() {
                    let address = Address { key: key.clone(), ..base.clone() };
                    if self.env.result(&address).is_none() {
                        self.env.set_instance(&address, Value::unknown(schema.ty().clone()));
                    }
                }
            }
        }
    }

    /// Whether `-target` leaves an output as it is.
    fn is_left_out(&self, output: &Str) -> bool {
        let Some(only) = &self.input.wishes.only else { return false };
        let block = self.blocks.of_name(0, Subject::OwnNamed("output", output));
        block.is_none_or(|b| only.leaves_out(&self.blocks.list[b]))
    }

    /// What checks say; they are warnings, and what is not known yet is judged after apply.
    pub(super) fn checks(&mut self) {
        if matches!(self.input.kind, Kind::Destroy | Kind::RefreshOnly) {
            return;
        }
        self.problems.extend(conditions::judge_checks(&self.env, true));
    }

    /// How every condition fares.
    pub(super) fn checked(&self) -> Vec<Checked> {
        checks::collect(&self.env, self.input.kind == Kind::Destroy)
    }

    /// What data sources said when something was last applied.
    pub(super) fn remembered_data(&self) -> Vec<DataRead> {
        let all = self.input.state.current().filter(|(address, _)| address.mode == Mode::Data);
        all.filter_map(|(address, object)| {
            let schema = self.input.providers.schema_of(&object.provider.source, address.mode, &address.ty)?;
            let value = json::decode_dropping(object.attributes.as_str().as_bytes(), schema.ty()).ok()?;
            let marks: Vec<_> = object.sensitive.iter().map(|path| (path.clone(), Marks::SENSITIVE)).collect();
            let (address, provider) = (address.clone(), object.provider.clone());
            Some(DataRead { address, provider, schema_version: schema.version, value: value.mark_at(&marks) })
        })
        .collect()
    }
}
