//! The plan for programs: Terraform's plan JSON 1.2, and the key `straddle`.

use super::resources::{self, Shown};
use super::straddle;
use crate::lang::address::{Address, Key, Mode};
use crate::plan::model::{Action, Change, Drift, Kind, OutputChange, Plan, Reason};
use crate::plan::relevant::Contribution;
use crate::plugin::{Deferral, ImportBy};
use crate::report::checks;
use crate::report::json::Json;
use crate::state::WRITER;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::value::codec::show::{known_part, sensitive_shape, unknown_shape};
use straddle_sdk::value::{Marks, Path, Step, Str, Type, Value};

/// The plan as one line of JSON. Sensitive values stand in it in clear, as in Terraform's, each told beside it: keep it where plans
/// are kept.
pub fn json(plan: &Plan) -> String {
    let mut json = Json::new();
    json.object(|j| {
        j.key("format_version").text("1.2");
        j.key("terraform_version").text(WRITER);
        variables(plan, j);
        planned_values(plan, j);
        if !plan.drift.is_empty() {
            j.key("resource_drift").array(&plan.drift, drifted);
        }
        let mut changes = plan.changes.iter().filter(|c| !c.aside).peekable();
        if changes.peek().is_some() {
            j.key("resource_changes").array(changes, resource_change);
        }
        if !plan.outputs.is_empty() {
            j.key("output_changes").object(|j| {
                plan.outputs.iter().for_each(|output| output_change(output, j.key(&output.name)));
            });
        }
        prior_state(plan, j);
        match &plan.configuration {
            Some(text) => j.key("configuration").raw(text),
            None => configuration(plan, j),
        }
        if !plan.relevant.is_empty() {
            j.key("relevant_attributes").array(&plan.relevant, contribution);
        }
        if !plan.checked.is_empty() {
            checks::of_plan(&plan.checked, j.key("checks"));
        }
        if let Some(time) = &plan.time {
            j.key("timestamp").text(time);
        }
        if !plan.deferred.is_empty() {
            j.key("deferred_changes").array(&plan.deferred, |j, put_off| {
                j.object(|j| {
                    j.key("reason").text(deferral_key(put_off.reason));
                    resource_change(j.key("resource_change"), &put_off.change);
                });
            });
        }
        j.key("applyable").plain(plan.has_changes() && !plan.is_broken());
        j.key("complete").plain(plan.unreadable.is_empty() && !plan.partial);
        j.key("errored").plain(false);
        straddle::write(plan, &digest(plan), j.key("straddle"));
    });
    json.finish()
}

/// The digest of what a plan would do, as `sha256:...`: equal for plans that would do the same, whatever the state's serial, the
/// time, or what else stands.
pub fn digest(plan: &Plan) -> String {
    let mut json = Json::new();
    json.array(plan.changes.iter().filter(|c| acts(c)), resource_promise);
    json.object(|j| {
        for output in plan.outputs.iter().filter(|o| o.differs()) {
            output_promise(output, j.key(&output.name));
        }
    });
    json.object(|j| {
        for (name, workload) in &plan.workloads {
            straddle::write_course(plan, workload, j.key(name));
        }
    });
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(json.finish().as_bytes())))
}

fn contribution(j: &mut Json, found: &Contribution) {
    j.object(|j| {
        j.key("resource").text(&found.resource);
        j.key("attribute").array(&found.attribute, |j, step| match step {
            Step::Index(n) => j.plain(n),
            Step::Attr(name) | Step::Key(name) => j.text(name),
        });
    });
}

fn acts(change: &Change) -> bool {
    change.action != Action::NoOp || change.previous_address.is_some()
}

fn variables(plan: &Plan, j: &mut Json) {
    // As in Terraform: what was given as it was given, and of ephemeral ones what stands in the texts.
    let mut stored: BTreeMap<&Str, &Value> = plan.variables.iter().collect();
    stored.retain(|_, value| !value.marks().contains(Marks::EPHEMERAL));
    stored.extend(&plan.given);
    if !stored.is_empty() {
        j.key("variables").object(|j| {
            for (name, value) in stored {
                j.key(name).object(|j| {
                    if let Some(text) = known_part(value) {
                        j.key("value").raw(&text);
                    }
                });
            }
        });
    }
}

/// Address, mode, type, name, index: what every format begins a resource with.
pub(super) fn head(address: &Address, j: &mut Json) {
    j.key("mode").text(if address.mode == Mode::Data { "data" } else { "managed" });
    j.key("type").text(&address.ty);
    j.key("name").text(&address.name);
    match &address.key {
        None => {}
        Some(Key::Int(n)) => j.key("index").plain(n),
        Some(Key::Str(s)) => j.key("index").text(s),
    }
}

/// The module or the workload a resource stands in, as in the state's JSON; empty in the root module itself.
pub(super) fn module_of(address: &Address) -> String {
    let module = address.module_text();
    match &address.workload {
        None => module,
        Some(workload) if module.is_empty() => format!("workload.{workload}"),
        Some(workload) => format!("{module}.workload.{workload}"),
    }
}

fn resource_change(j: &mut Json, change: &Change) {
    j.object(|j| {
        j.key("address").text(&change.address.to_string());
        if let Some(from) = &change.previous_address {
            j.key("previous_address").text(&from.to_string());
        }
        let module = module_of(&change.address);
        if !module.is_empty() {
            j.key("module_address").text(&module);
        }
        head(&change.address, j);
        j.key("provider_name").text(&change.provider.source);
        if let Some(key) = &change.deposed {
            j.key("deposed").text(key);
        }
        j.key("change").object(|j| {
            j.key("actions").texts(change.action.words());
            sides(change.remembered.as_ref().unwrap_or(&change.before), &change.after, j);
            if !change.replace_paths.is_empty() {
                j.key("replace_paths").array(&change.replace_paths, path);
            }
            if let Some(by) = &change.importing {
                j.key("importing").object(|j| match by {
                    ImportBy::Id(id) => j.key("id").text(id),
                    ImportBy::Identity(identity) => j.key("identity").raw(&shown_identity(identity)),
                });
            }
            let identities = [("before_identity", &change.before_identity), ("after_identity", &change.after_identity)];
            for (key, identity) in identities {
                if let Some(identity) = identity {
                    j.key(key).raw(&shown_identity(identity));
                }
            }
        });
        if let Some(reason) = change.reason {
            j.key("action_reason").text(reason_key(reason));
        }
    });
}

/// What a provider knows an object by, as far as it is known.
pub(super) fn shown_identity(identity: &Value) -> String {
    known_part(identity).unwrap_or_else(|| "{}".into())
}

fn drifted(j: &mut Json, drift: &Drift) {
    j.object(|j| {
        j.key("address").text(&drift.address.to_string());
        let module = module_of(&drift.address);
        if !module.is_empty() {
            j.key("module_address").text(&module);
        }
        head(&drift.address, j);
        j.key("provider_name").text(&drift.provider.source);
        j.key("change").object(|j| {
            j.key("actions").texts([if drift.live.is_null() { "delete" } else { "update" }]);
            sides(&drift.state, &drift.live, j);
        });
    });
}

/// Both sides of a resource with the shapes of what is unknown and what is sensitive.
fn sides(before: &Value, after: &Value, j: &mut Json) {
    let known = |v: &Value| known_part(v).unwrap_or_else(|| "{}".into());
    j.key("before").raw(&known(before));
    j.key("after").raw(&known(after));
    j.key("after_unknown").raw(&if after.is_wholly_known() { "{}".into() } else { unknown_shape(after) });
    j.key("before_sensitive").raw(&sensitive_shape(before));
    j.key("after_sensitive").raw(&sensitive_shape(after));
}

fn path(j: &mut Json, path: &Path) {
    j.array(&path.0, |j, step| match step {
        Step::Attr(name) | Step::Key(name) => j.text(name),
        Step::Index(n) => j.plain(n),
    });
}

fn deferral_key(reason: Deferral) -> &'static str {
    match reason {
        Deferral::Unknown => "unknown",
        Deferral::ConfigUnknown => "resource_config_unknown",
        Deferral::ProviderConfigUnknown => "provider_config_unknown",
        Deferral::AbsentPrereq => "absent_prereq",
        Deferral::DeferredPrereq => "deferred_prereq",
    }
}

fn reason_key(reason: Reason) -> &'static str {
    match reason {
        Reason::CannotUpdate => "replace_because_cannot_update",
        Reason::Tainted => "replace_because_tainted",
        Reason::ByRequest => "replace_by_request",
        Reason::ByTriggers => "replace_by_triggers",
        Reason::NoResourceConfig => "delete_because_no_resource_config",
        Reason::WrongRepetition => "delete_because_wrong_repetition",
        Reason::CountIndex => "delete_because_count_index",
        Reason::EachKey => "delete_because_each_key",
        Reason::ReplicaRemoved => "delete_because_replica_removed",
        Reason::SpareForUpdate => "create_temporary_spare",
        Reason::NoModule => "delete_because_no_module",
        Reason::NoMoveTarget => "delete_because_no_move_target",
        Reason::ReadConfigUnknown => "read_because_config_unknown",
        Reason::ReadDependencyPending => "read_because_dependency_pending",
        Reason::CheckNested => "read_because_check_nested",
    }
}

fn output_change(output: &OutputChange, j: &mut Json) {
    j.object(|j| {
        j.key("actions").texts([match (&output.before, &output.after) {
            _ if !output.differs() => "no-op",
            (None, _) => "create",
            (_, None) => "delete",
            _ => "update",
        }]);
        j.key("before").raw(&output.before.as_ref().and_then(known_part).unwrap_or_else(|| "null".into()));
        match &output.after {
            None => j.key("after").raw("null"),
            Some(after) => {
                if let Some(text) = known_part(after) {
                    j.key("after").raw(&text);
                }
            }
        }
        let unknown = output.after.as_ref().filter(|v| !v.is_wholly_known()).map(unknown_shape);
        j.key("after_unknown").raw(unknown.as_deref().unwrap_or("false"));
        j.key("before_sensitive").plain(output.sensitive);
        j.key("after_sensitive").plain(output.sensitive);
    });
}

/// What a change promises, for the digest.
fn resource_promise(j: &mut Json, change: &Change) {
    j.object(|j| {
        j.key("address").text(&change.address.to_string());
        if let Some(from) = &change.previous_address {
            j.key("from").text(&from.to_string());
        }
        if let Some(key) = &change.deposed {
            j.key("deposed").text(key);
        }
        j.key("provider").text(&change.provider.to_string());
        j.key("actions").texts(change.action.words());
        j.key("after").raw(&known_part(&change.after).unwrap_or_else(|| "{}".into()));
        j.key("unknown").raw(&unknown_shape(&change.after));
        j.key("sensitive").raw(&sensitive_shape(&change.after));
    });
}

fn output_promise(output: &OutputChange, j: &mut Json) {
    j.object(|j| {
        j.key("sensitive").plain(output.sensitive);
        if let Some(after) = &output.after {
            j.key("after").raw(&known_part(after).unwrap_or_else(|| "{}".into()));
            j.key("unknown").raw(&unknown_shape(after));
        }
    });
}

fn planned_values(plan: &Plan, j: &mut Json) {
    j.key("planned_values").object(|j| {
        let outputs: Vec<_> = plan.outputs.iter().filter_map(|o| Some((o, o.after.as_ref()?))).collect();
        if !outputs.is_empty() {
            j.key("outputs").object(|j| {
                for (output, value) in outputs {
                    j.key(&output.name).object(|j| {
                        j.key("sensitive").plain(output.sensitive);
                        match value.is_null() && output.before.as_ref().is_none_or(Value::is_null) {
                            // As in Terraform what stays nothing is of no type.
                            true => output_value(&Value::null(Type::Dynamic), j),
                            false if value.is_wholly_known() => output_value(value, j),
                            false => {}
                        }
                    });
                }
            });
        }
        // As in Terraform, one that is forgotten stands here without values.
        let there = |c: &Change| (!c.after.is_null() && c.action != Action::Spare) || c.action == Action::Forget;
        let kept = |c: &&Change| c.deposed.is_none() && !c.aside && there(c);
        let shown = plan.changes.iter().filter(kept).map(|change| Shown { change, value: &change.after, prior: false });
        resources::root(shown, j.key("root_module"));
    });
}

fn output_value(value: &Value, j: &mut Json) {
    j.key("type").raw(&value.ty().to_json());
    if let Some(text) = known_part(value) {
        j.key("value").raw(&text);
    }
}

fn prior_state(plan: &Plan, j: &mut Json) {
    let data: Vec<Change> = plan
        .data
        .iter()
        .map(|d| Change {
            before: d.value.clone(),
            schema_version: d.schema_version,
            ..Change::nothing(d.address.clone(), d.provider.clone())
        })
        .collect();
    // What a check looks at has been read, and is read once more.
    let looked_at = |c: &&Change| c.reason == Some(Reason::CheckNested) && c.after.is_wholly_known();
    let looked_at =
        plan.changes.iter().filter(looked_at).map(|change| Shown { change, value: &change.after, prior: true });
    let shown: Vec<Shown<'_>> = plan
        .changes
        .iter()
        .chain(&data)
        .filter(|c| !c.before.is_null() && c.action != Action::Read)
        .map(|change| Shown { change, value: &change.before, prior: true })
        .chain(looked_at)
        .collect();
    // As in Terraform, what is known already is a part of it: whoever plans looks first.
    let looked = |o: &OutputChange| match &o.after {
        Some(after) if plan.kind != Kind::Destroy && after.is_wholly_known() => {
            Some((o.name.clone(), o.declared.unwrap_or(o.sensitive), after.clone()))
                .filter(|(.., value)| !value.is_null())
        }
        _ => Some((o.name.clone(), o.was_sensitive, o.before.clone()?)),
    };
    let left = plan.left_outputs.iter().filter_map(|o| Some((o.name.clone(), o.was_sensitive, o.before.clone()?)));
    let mut outputs: Vec<(String, bool, Value)> = plan.outputs.iter().filter_map(looked).chain(left).collect();
    outputs.sort_by(|a, b| a.0.cmp(&b.0));
    if shown.is_empty() && outputs.is_empty() {
        return;
    }
    j.key("prior_state").object(|j| {
        j.key("format_version").text("1.0");
        j.key("terraform_version").text(WRITER);
        j.key("values").object(|j| {
            if !outputs.is_empty() {
                j.key("outputs").object(|j| {
                    for (name, sensitive, value) in &outputs {
                        j.key(name).object(|j| {
                            j.key("sensitive").plain(sensitive);
                            output_value(value, j);
                        });
                    }
                });
            }
            resources::root(shown.into_iter(), j.key("root_module"));
        });
    });
}

/// What a plan that was not saved knows of the configuration: providers, resources, variables and outputs by name.
fn configuration(plan: &Plan, j: &mut Json) {
    let mut providers: BTreeMap<String, (&str, Option<&str>)> = BTreeMap::new();
    let mut resources: BTreeMap<Address, (String, i64)> = BTreeMap::new();
    for change in &plan.changes {
        let provider = &change.provider;
        let name = provider.source.rsplit('/').next().unwrap_or(&provider.source);
        let key = provider.alias.as_ref().map_or_else(|| name.to_string(), |alias| format!("{name}.{alias}"));
        if !matches!(change.action, Action::Delete | Action::Forget) {
            resources.entry(change.address.without_key()).or_insert((key.clone(), change.schema_version));
        }
        providers.entry(key).or_insert((&provider.source, provider.alias.as_deref()));
    }
    j.key("configuration").object(|j| {
        j.key("provider_config").object(|j| {
            for (key, (source, alias)) in &providers {
                j.key(key).object(|j| {
                    j.key("name").text(source.rsplit('/').next().unwrap_or(source));
                    j.key("full_name").text(source);
                    if let Some(alias) = alias {
                        j.key("alias").text(alias);
                    }
                });
            }
        });
        j.key("root_module").object(|j| {
            let outputs: BTreeSet<(&str, bool)> =
                plan.outputs.iter().filter(|o| o.after.is_some()).map(|o| (o.name.as_str(), o.sensitive)).collect();
            if !outputs.is_empty() {
                j.key("outputs").object(|j| {
                    for (name, sensitive) in outputs {
                        j.key(name).object(|j| {
                            if sensitive {
                                j.key("sensitive").plain(true);
                            }
                        });
                    }
                });
            }
            if !resources.is_empty() {
                j.key("resources").array(&resources, |j, (address, (provider, version))| {
                    j.object(|j| {
                        j.key("address").text(&address.to_string());
                        head(address, j);
                        j.key("provider_config_key").text(provider);
                        j.key("schema_version").plain(version);
                    });
                });
            }
            if !plan.variables.is_empty() {
                j.key("variables").object(|j| {
                    for (name, value) in &plan.variables {
                        j.key(name).object(|j| {
                            if value.marks().is_sensitive() {
                                j.key("sensitive").plain(true);
                            }
                        });
                    }
                });
            }
        });
    });
}
