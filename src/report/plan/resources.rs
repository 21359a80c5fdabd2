//! Resources by module, as in `planned_values` and `prior_state`. A workload stands like a child module.

use super::json::{head, shown_identity};
use crate::lang::address::{Address, Key};
use crate::plan::model::Change;
use crate::report::json::Json;
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::value::codec::show::{known_part, sensitive_shape};
use straddle_sdk::value::{Str, Value};

/// One side of a change.
#[derive(Clone, Copy)]
pub(super) struct Shown<'p> {
    pub(super) change: &'p Change,
    pub(super) value: &'p Value,
    /// It is the side before: deposed objects say so.
    pub(super) prior: bool,
}

#[derive(Default)]
struct Module<'p> {
    resources: Vec<Shown<'p>>,
    /// Modules before workloads, by name and key.
    children: BTreeMap<(bool, Str, Option<Key>), Module<'p>>,
}

/// The root module with everything in it.
pub(super) fn root<'p>(all: impl Iterator<Item = Shown<'p>>, j: &mut Json) {
    let mut root = Module::default();
    for shown in all {
        let Address { module, workload, .. } = &shown.change.address;
        let mut at = &mut root;
        for (name, key) in module {
            at = at.children.entry((false, name.clone(), key.clone())).or_default();
        }
        if let Some(workload) = workload {
            at = at.children.entry((true, workload.clone(), None)).or_default();
        }
        at.resources.push(shown);
    }
    root.write("", j);
}

impl Module<'_> {
    /// Modules nest as deep as the spec calls them.
    fn write(&self, address: &str, j: &mut Json) {
        j.object(|j| {
            if !self.resources.is_empty() {
                j.key("resources").array(&self.resources, |j, shown| resource(*shown, j));
            }
            if !address.is_empty() {
                j.key("address").text(address);
            }
            if !self.children.is_empty() {
                j.key("child_modules").array(&self.children, |j, ((workload, name, key), child)| {
                    let within = if address.is_empty() { String::new() } else { format!("{address}.") };
                    let kind = if *workload { "workload" } else { "module" };
                    let key = key.as_ref().map_or_else(String::new, Key::to_string);
                    child.write(&format!("{within}{kind}.{name}{key}"), j);
                });
            }
        });
    }
}

fn resource(shown: Shown<'_>, j: &mut Json) {
    let Shown { change, value, prior } = shown;
    j.object(|j| {
        j.key("address").text(&change.address.to_string());
        head(&change.address, j);
        j.key("provider_name").text(&change.provider.source);
        j.key("schema_version").plain(change.schema_version);
        let known = known_part(value).filter(|text| text != "{}" && text != "null");
        known.iter().for_each(|text| j.key("values").raw(text));
        j.key("sensitive_values").raw(&sensitive_shape(value));
        let identity = if prior { &change.before_identity } else { &change.after_identity };
        if let Some(identity) = identity {
            j.key("identity_schema_version").plain(change.identity_version);
            j.key("identity").raw(&shown_identity(identity));
        }
        if !prior {
            return;
        }
        if !change.prior_dependencies.is_empty() {
            let foreign = |address: &Address| crate::state::v4::foreign_address(address).to_string();
            let all: BTreeSet<String> = change.prior_dependencies.iter().map(foreign).collect();
            j.key("depends_on").texts(all);
        }
        if change.prior_tainted {
            j.key("tainted").plain(true);
        }
        if let Some(key) = &change.deposed {
            j.key("deposed_key").text(key);
        }
    });
}
