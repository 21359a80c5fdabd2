//! `show -json` of a state: Terraform's state output, format 1.0.
//!
//! Resources of a workload stand in a child module with the address `workload.web`. Dynamic attributes are shown plain; what is
//! sensitive is told beside the values, in a shape of its own.

use super::json::{Json, JsonError, literal};
use super::model::{Object, ObjectId, ProviderRef, State};
use crate::lang::address::{Address, Key, Mode};
use serde_json::{Map, Value as Tree};
use std::collections::BTreeMap;
use straddle_sdk::schema::{Attribute, AttributeType, Block, NestedBlock, Nesting, Schema};
use straddle_sdk::value::{Path, Step, Str, Type};

/// The text printed for what must not be.
pub const SENSITIVE: &str = "(sensitive value)";

/// Finds the schema of a resource type; `None` shows attributes as they are stored.
pub type Schemas<'a> = dyn Fn(&Address, &ProviderRef) -> Option<&'a Schema> + 'a;

/// The state as one line of JSON. `extra` is the text of the member `straddle`.
///
/// # Errors
/// When an object's attributes are not JSON a tree can hold.
pub fn show_json(state: &State, schemas: &Schemas<'_>, extra: Option<&str>) -> Result<String, JsonError> {
    let mut out = String::from("{\"format_version\":\"1.0\"");
    if !state.objects.is_empty() || !state.outputs.is_empty() {
        out.push_str(&format!(",\"terraform_version\":{},\"values\":{{", literal(&state.writer)));
        if !state.outputs.is_empty() {
            let outputs = state.outputs.iter().map(|(name, output)| {
                let (value, ty) = (output.value.as_str(), output.ty.as_str());
                format!("{}:{{\"sensitive\":{},\"value\":{value},\"type\":{ty}}}", literal(name), output.sensitive)
            });
            out.push_str(&format!("\"outputs\":{{{}}},", outputs.collect::<Vec<_>>().join(",")));
        }
        out.push_str("\"root_module\":");
        modules(state).write(None, schemas, &mut out)?;
        out.push('}');
        if let Some(checks) = &state.checks {
            out.push_str(&format!(",\"checks\":{}", show_checks(&checks.tree()?)));
        }
    }
    if let Some(extra) = extra {
        out.push_str(&format!(",\"straddle\":{extra}"));
    }
    out.push('}');
    Ok(Json::new(&out)?.as_str().to_string())
}

/// A module or a workload, and what is in it.
#[derive(Default)]
struct Module<'a> {
    resources: Vec<(&'a ObjectId, &'a Object)>,
    /// By name and key, in their order; workloads after modules.
    children: BTreeMap<(bool, Str, Option<Key>), Module<'a>>,
}

fn modules(state: &State) -> Module<'_> {
    let mut root = Module::default();
    for (id, object) in &state.objects {
        let mut module = &mut root;
        for (name, key) in &id.address.module {
            module = module.children.entry((false, name.clone(), key.clone())).or_default();
        }
        if let Some(workload) = &id.address.workload {
            module = module.children.entry((true, workload.clone(), None)).or_default();
        }
        module.resources.push((id, object));
    }
    root
}

impl Module<'_> {
    fn write(&self, address: Option<&str>, schemas: &Schemas<'_>, out: &mut String) -> Result<(), JsonError> {
        let mut members = Vec::new();
        if !self.resources.is_empty() {
            let mut resources = self.resources.clone();
            // Texts among keys by their bytes, as Terraform has them.
            let rank = |id: &ObjectId| match &id.address.key {
                None => (0, 0, None),
                Some(Key::Int(n)) => (1, *n, None),
                Some(Key::Str(s)) => (2, 0, Some(s.clone())),
            };
            resources.sort_by(|(a, _), (b, _)| {
                let head = |id: &ObjectId| (id.address.mode, id.address.ty.clone(), id.address.name.clone());
                head(a).cmp(&head(b)).then_with(|| rank(a).cmp(&rank(b))).then(a.deposed.cmp(&b.deposed))
            });
            let texts: Result<Vec<String>, JsonError> =
                resources.iter().map(|(id, object)| show_resource(id, object, schemas)).collect();
            members.push(format!("\"resources\":[{}]", texts?.join(",")));
        }
        if let Some(address) = address {
            members.push(format!("\"address\":{}", literal(address)));
        }
        if !self.children.is_empty() {
            let mut texts = Vec::new();
            for ((workload, name, key), child) in &self.children {
                let kind = if *workload { "workload" } else { "module" };
                let key = key.as_ref().map_or_else(String::new, Key::to_string);
                let within = address.map_or_else(String::new, |address| format!("{address}."));
                let mut text = String::new();
                child.write(Some(&format!("{within}{kind}.{name}{key}")), schemas, &mut text)?;
                texts.push(text);
            }
            members.push(format!("\"child_modules\":[{}]", texts.join(",")));
        }
        out.push_str(&format!("{{{}}}", members.join(",")));
        Ok(())
    }
}

fn show_resource(id: &ObjectId, object: &Object, schemas: &Schemas<'_>) -> Result<String, JsonError> {
    let Address { mode, ty, name, key, .. } = &id.address;
    let shown = shown(object, schemas(&id.address, &object.provider))?;
    let mode = if *mode == Mode::Data { "data" } else { "managed" };
    let mut members = vec![
        format!("\"address\":{}", literal(&id.address.to_string())),
        format!("\"mode\":\"{mode}\""),
        format!("\"type\":{}", literal(ty)),
        format!("\"name\":{}", literal(name)),
    ];
    match key {
        None => {}
        Some(Key::Int(n)) => members.push(format!("\"index\":{n}")),
        Some(Key::Str(s)) => members.push(format!("\"index\":{}", literal(s))),
    }
    members.push(format!("\"provider_name\":{}", literal(&object.provider.source)));
    members.push(format!("\"schema_version\":{}", object.schema_version));
    members.push(format!("\"values\":{}", shown.values));
    members.push(format!("\"sensitive_values\":{}", shown.sensitive_values));
    if !object.dependencies.is_empty() {
        let mut names: Vec<String> = object.dependencies.iter().map(Address::to_string).collect();
        names.sort();
        let names: Vec<String> = names.iter().map(|name| literal(name)).collect();
        members.push(format!("\"depends_on\":[{}]", names.join(",")));
    }
    if object.tainted {
        members.push("\"tainted\":true".into());
    }
    if let Some(key) = id.deposed {
        members.push(format!("\"deposed_key\":\"{key}\""));
    }
    if let Some(identity) = &object.identity {
        members.push(format!("\"identity_schema_version\":{}", identity.schema_version));
        members.push(format!("\"identity\":{}", identity.value.as_str()));
    }
    Ok(format!("{{{}}}", members.join(",")))
}

/// An object's attributes for people and programs.
#[derive(Clone, PartialEq, Debug)]
pub struct Shown {
    /// Dynamic attributes plain. Holds the secrets: print it only where asked for by name.
    pub values: Tree,
    /// `true` where a value is sensitive; members that are not are left out, elements that are not are `false`.
    pub sensitive_values: Tree,
}

/// Takes an object's attributes apart.
///
/// # Errors
/// When they are not JSON a tree can hold.
pub fn shown(object: &Object, schema: Option<&Schema>) -> Result<Shown, JsonError> {
    let mut values = object.attributes.tree()?;
    let mut paths: Vec<Vec<Step>> = object.sensitive.iter().map(|path| path.0.clone()).collect();
    if let Some(schema) = schema {
        plain_block(&mut values, &schema.block);
        sensitive_block(&values, &schema.block, &mut Vec::new(), &mut paths);
    }
    let slices: Vec<&[Step]> = paths.iter().map(Vec::as_slice).collect();
    let sensitive_values = sensitivity(&values, &slices);
    Ok(Shown { values, sensitive_values })
}

impl Shown {
    /// The values with [`SENSITIVE`] in the place of each that must not be printed (INV-8).
    pub fn redacted(&self) -> Tree {
        let mut values = self.values.clone();
        redact(&mut values, &self.sensitive_values);
        values
    }
}

fn redact(value: &mut Tree, sensitive: &Tree) {
    match (value, sensitive) {
        (value, Tree::Bool(true)) => *value = Tree::String(SENSITIVE.into()),
        (Tree::Object(members), Tree::Object(shape)) => {
            for (name, shape) in shape {
                if let Some(member) = members.get_mut(name) {
                    redact(member, shape);
                }
            }
        }
        (Tree::Array(items), Tree::Array(shape)) => {
            items.iter_mut().zip(shape).for_each(|(item, shape)| redact(item, shape));
        }
        _ => {}
    }
}

/// The shape of what is sensitive, given the steps that lead there.
fn sensitivity(value: &Tree, paths: &[&[Step]]) -> Tree {
    if paths.iter().any(|path| path.is_empty()) {
        return Tree::Bool(true);
    }
    let into = |here: &dyn Fn(&Step) -> bool| -> Vec<&[Step]> {
        paths
            .iter()
            .filter_map(|path| path.split_first())
            .filter(|(step, _)| here(step))
            .map(|(_, rest)| rest)
            .collect()
    };
    match value {
        Tree::Array(items) => {
            let item = |(i, item): (usize, &Tree)| sensitivity(item, &into(&|step| *step == Step::Index(i as u64)));
            Tree::Array(items.iter().enumerate().map(item).collect())
        }
        Tree::Object(members) => {
            let mut shape = Map::new();
            for (name, member) in members {
                let named = |step: &Step| matches!(step, Step::Attr(s) | Step::Key(s) if **s == **name);
                let inner = sensitivity(member, &into(&named));
                if inner != Tree::Bool(false) {
                    shape.insert(name.clone(), inner);
                }
            }
            Tree::Object(shape)
        }
        _ => Tree::Bool(false),
    }
}

/// Takes dynamic values out of the wrapping that tells their type.
fn plain_block(value: &mut Tree, block: &Block) {
    let Tree::Object(members) = value else { return };
    for (name, member) in members {
        if let Some(attribute) = block.attributes.get(name.as_str()) {
            plain_attribute(member, attribute);
        } else if let Some(NestedBlock { block, nesting, .. }) = block.blocks.get(name.as_str()) {
            each(member, *nesting, &mut |_, item| plain_block(item, block));
        }
    }
}

fn plain_attribute(value: &mut Tree, attribute: &Attribute) {
    match &attribute.ty {
        AttributeType::Plain(ty) => plain(value, ty),
        AttributeType::Nested { attributes, nesting } => each(value, *nesting, &mut |_, item| {
            let Tree::Object(members) = item else { return };
            for (name, member) in members {
                if let Some(attribute) = attributes.get(name.as_str()) {
                    plain_attribute(member, attribute);
                }
            }
        }),
    }
}

/// The objects of a nested block or attribute, with the step that leads to each where there is one.
fn each(value: &mut Tree, nesting: Nesting, visit: &mut dyn FnMut(Option<Step>, &mut Tree)) {
    match (nesting, value) {
        (Nesting::Single | Nesting::Group, value) => visit(None, value),
        (Nesting::List | Nesting::Set, Tree::Array(items)) => {
            items.iter_mut().enumerate().for_each(|(i, item)| visit(Some(Step::Index(i as u64)), item));
        }
        (Nesting::Map, Tree::Object(members)) => {
            members.iter_mut().for_each(|(key, item)| visit(Some(Step::Key(key.into())), item));
        }
        _ => {}
    }
}

fn plain(value: &mut Tree, ty: &Type) {
    match (ty, value) {
        (Type::Dynamic, value) => {
            let inner = match value {
                Tree::Object(members) if members.len() == 2 && members.contains_key("type") => members.remove("value"),
                _ => None,
            };
            if let Some(inner) = inner {
                *value = inner;
            }
        }
        (Type::List(of) | Type::Set(of), Tree::Array(items)) if of.has_dynamic() => {
            items.iter_mut().for_each(|item| plain(item, of));
        }
        (Type::Map(of), Tree::Object(members)) if of.has_dynamic() => {
            members.values_mut().for_each(|member| plain(member, of));
        }
        (Type::Tuple(types), Tree::Array(items)) => {
            items.iter_mut().zip(types.iter()).for_each(|(item, ty)| plain(item, ty))
        }
        (Type::Object(object), Tree::Object(members)) => {
            for (name, member) in members {
                if let Some(ty) = object.get(name) {
                    plain(member, ty);
                }
            }
        }
        _ => {}
    }
}

/// Collects the paths of what the schema calls sensitive.
fn sensitive_block(value: &Tree, block: &Block, at: &mut Vec<Step>, paths: &mut Vec<Vec<Step>>) {
    for (name, attribute) in &block.attributes {
        within(value, name, at, |member, at| sensitive_attribute(member, attribute, at, paths));
    }
    for (name, nested) in &block.blocks {
        within(value, name, at, |member, at| {
            items(member, nested.nesting, at, &mut |item, at| sensitive_block(item, &nested.block, at, paths));
        });
    }
}

fn sensitive_attribute(value: &Tree, attribute: &Attribute, at: &mut Vec<Step>, paths: &mut Vec<Vec<Step>>) {
    if attribute.sensitive {
        paths.push(at.clone());
    } else if let AttributeType::Nested { attributes, nesting } = &attribute.ty {
        items(value, *nesting, at, &mut |item, at| {
            for (name, attribute) in attributes {
                within(item, name, at, |member, at| sensitive_attribute(member, attribute, at, paths));
            }
        });
    }
}

fn within(value: &Tree, name: &Str, at: &mut Vec<Step>, visit: impl FnOnce(&Tree, &mut Vec<Step>)) {
    if let Some(member) = value.get(&**name) {
        at.push(Step::Attr(name.clone()));
        visit(member, at);
        at.pop();
    }
}

fn items(value: &Tree, nesting: Nesting, at: &mut Vec<Step>, visit: &mut dyn FnMut(&Tree, &mut Vec<Step>)) {
    let mut step = |step: Step, item: &Tree, at: &mut Vec<Step>| {
        at.push(step);
        visit(item, at);
        at.pop();
    };
    match (nesting, value) {
        (Nesting::Single | Nesting::Group, value) => visit(value, at),
        (Nesting::List | Nesting::Set, Tree::Array(items)) => {
            items.iter().enumerate().for_each(|(i, item)| step(Step::Index(i as u64), item, at));
        }
        (Nesting::Map, Tree::Object(members)) => {
            members.iter().for_each(|(key, item)| step(Step::Key(key.into()), item, at));
        }
        _ => {}
    }
}

/// The results of checks as `show -json` has them, from those of the state file. Sorted by what they display.
fn show_checks(stored: &Tree) -> String {
    let text = |value: &Tree, name: &str| value.get(name).and_then(Tree::as_str).unwrap_or_default().to_string();
    let mut checks: Vec<(String, String)> = Vec::new();
    for check in stored.as_array().map_or(&[][..], Vec::as_slice) {
        let (display, kind) = (text(check, "config_addr"), text(check, "object_kind"));
        let mut instances: Vec<(String, String)> = Vec::new();
        for object in check.get("objects").and_then(Tree::as_array).map_or(&[][..], Vec::as_slice) {
            instances.push((text(object, "object_addr"), show_check_instance(object, &kind)));
        }
        instances.sort_by(|(a, _), (b, _)| a.cmp(b));
        let (address, status) = (check_address(&display, &kind), literal(&text(check, "status")));
        let mut shown = format!("{{\"address\":{address},\"status\":{status}");
        if !instances.is_empty() {
            shown.push_str(&format!(",\"instances\":{}", list(instances)));
        }
        shown.push('}');
        checks.push((display, shown));
    }
    checks.sort_by(|(a, _), (b, _)| a.cmp(b));
    list(checks)
}

/// The texts of sorted things as an array.
fn list(sorted: Vec<(String, String)>) -> String {
    format!("[{}]", sorted.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(","))
}

/// The address of a checked thing and the module it is in: for what is not a resource the last two words are kind and name.
fn check_place(display: &str, kind: &str) -> Option<(String, Address)> {
    let address: Address = display.parse().ok()?;
    let kind = match kind {
        "output" => "output_value",
        kind => kind,
    };
    Some((kind.to_string(), address))
}

fn check_address(display: &str, kind: &str) -> Tree {
    let mut members = Map::new();
    members.insert("to_display".into(), display.into());
    if let Some((kind, address)) = check_place(display, kind) {
        if kind == "resource" {
            members.insert("mode".into(), if address.mode == Mode::Data { "data" } else { "managed" }.into());
            members.insert("type".into(), address.ty.to_string().into());
        }
        members.insert("kind".into(), kind.into());
        members.insert("name".into(), address.name.to_string().into());
        if !address.module.is_empty() {
            members.insert("module".into(), address.module_text().into());
        }
    }
    Tree::Object(members)
}

fn show_check_instance(object: &Tree, kind: &str) -> String {
    let text = |name: &str| object.get(name).and_then(Tree::as_str).unwrap_or_default();
    let display = text("object_addr");
    let mut address = Map::new();
    address.insert("to_display".into(), display.into());
    if let Some((_, place)) = check_place(display, kind) {
        match &place.key {
            None => {}
            Some(Key::Int(n)) => drop(address.insert("instance_key".into(), (*n).into())),
            Some(Key::Str(s)) => drop(address.insert("instance_key".into(), s.to_string().into())),
        }
        if !place.module.is_empty() {
            address.insert("module".into(), place.module_text().into());
        }
    }
    let mut instance = format!("{{\"address\":{},\"status\":{}", Tree::Object(address), literal(text("status")));
    if let Some(messages) = object.get("failure_messages").and_then(Tree::as_array) {
        let problems = messages.iter().map(|message| (String::new(), format!("{{\"message\":{message}}}"))).collect();
        instance.push_str(&format!(",\"problems\":{}", list(problems)));
    }
    instance.push('}');
    instance
}

/// Whether a path is sensitive in an object by what the state says.
pub fn is_sensitive(object: &Object, path: &Path) -> bool {
    object.sensitive.iter().any(|sensitive| path.0.starts_with(&sensitive.0))
}
