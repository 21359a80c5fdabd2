//! The member `configuration` of a plan: what stands in the texts, with every expression as the constant it is or the references it
//! makes. Policy and cost tools look here for what belongs together.

use super::json::head;
use crate::diag::Sources;
use crate::lang::address::Address;
use crate::lang::ast::{Body, Expr, Step, StepKind, Traversal};
use crate::lang::eval::{NoScope, eval};
use crate::lang::module::{Module, Resource};
use crate::lang::reference::{Reference, Subject, traversals};
use crate::lang::syntax::json::is_json;
use crate::lang::tree::Tree;
use crate::plan::providers::{Providers, local_of};
use crate::report::json::Json;
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::schema::{Block, Nesting};
use straddle_sdk::value::codec::json::decode_plain;
use straddle_sdk::value::codec::show::known_part;
use straddle_sdk::value::{Kind, Str};

/// Writes the configuration of a tree of modules.
pub fn json(tree: &Tree<'_>, providers: &Providers, sources: &Sources) -> String {
    let mut json = Json::new();
    let writer = Writer { tree, providers, texts: Texts(sources) };
    json.object(|j| {
        let configs = writer.all_configs();
        if !configs.is_empty() {
            j.key("provider_config").object(|j| writer.provider_configs(configs, j));
        }
        writer.module(0, j.key("root_module"));
    });
    json.finish()
}

struct Writer<'w, 'a> {
    tree: &'w Tree<'a>,
    providers: &'w Providers,
    texts: Texts<'w>,
}

/// The files that expressions stand in.
#[derive(Clone, Copy)]
struct Texts<'w>(&'w Sources);

/// A provider configuration as the format names it, and what of it is told.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Config {
    key: String,
    local: Str,
    alias: Option<Str>,
    module: usize,
}

impl Writer<'_, '_> {
    fn config(&self, module: usize, local: &str, alias: Option<&Str>) -> Config {
        let (at, local, alias) = match self.providers.configured_at(self.tree, module, local, alias) {
            // One that is written nowhere is named where it is needed first.
            (0, _, None) if module != 0 && !self.is_written(local) => {
                let at = self.first_to_need(module, local);
                (at, Str::new(local), None)
            }
            found => found,
        };
        let within = self.tree.nodes[at].text();
        let name = alias.as_ref().map_or_else(|| local.to_string(), |alias| format!("{local}.{alias}"));
        let key = if within.is_empty() { name } else { format!("{within}:{name}") };
        Config { key, local, alias, module: at }
    }

    fn config_of(&self, module: usize, resource: &Resource) -> Config {
        let alias = resource.provider.as_ref().and_then(|written| written.alias.as_ref());
        self.config(module, local_of(resource), alias)
    }

    /// Whether the root module configures a provider of this name without an alias.
    fn is_written(&self, local: &str) -> bool {
        self.tree.nodes[0].module.providers.iter().any(|p| &*p.name == local && p.alias.is_none())
    }

    /// The outermost module, from this one outwards, of those in a row that need a provider.
    fn first_to_need(&self, module: usize, local: &str) -> usize {
        let source = self.providers.source_in(module, local);
        let mut at = module;
        while let Some((caller, _)) = self.tree.nodes[at].call {
            let node = self.tree.nodes[caller].module;
            let of_source = |name: &str| self.providers.source_in(caller, name) == source;
            let needs = node.required_providers.keys().any(|name| of_source(name))
                || node.all_resources().any(|(_, resource)| of_source(local_of(resource)));
            if !needs {
                break;
            }
            at = caller;
        }
        at
    }

    fn all_configs(&self) -> BTreeSet<Config> {
        let mut all: BTreeSet<Config> = BTreeSet::new();
        for (number, node) in self.tree.nodes.iter().enumerate() {
            all.extend(node.module.providers.iter().map(|p| self.config(number, &p.name, p.alias.as_ref())));
            all.extend(node.module.all_resources().map(|(_, resource)| self.config_of(number, resource)));
        }
        let required = self.tree.nodes[0].module.required_providers.keys();
        all.extend(required.map(|local| self.config(0, local, None)));
        all
    }

    fn provider_configs(&self, all: BTreeSet<Config>, j: &mut Json) {
        for config in all {
            let module = self.tree.nodes[config.module].module;
            let source = self.providers.source_in(config.module, &config.local);
            j.key(&config.key).object(|j| {
                j.key("name").text(&config.local);
                j.key("full_name").text(&source);
                if let Some(alias) = &config.alias {
                    j.key("alias").text(alias);
                }
                let required = module.required_providers.get(&config.local);
                if let Some((version, _)) = required.and_then(|r| r.version.as_ref()) {
                    j.key("version_constraint").text(version);
                }
                let within = self.tree.nodes[config.module].text();
                if !within.is_empty() {
                    j.key("module_address").text(&within);
                }
                let written = module.providers.iter().find(|p| p.name == config.local && p.alias == config.alias);
                let schema = self.providers.schemas.get(&source);
                if let (Some(written), Some(schema)) = (written, schema)
                    && (!written.body.attributes.is_empty() || !written.body.blocks.is_empty())
                {
                    self.texts.body(&written.body, &schema.provider.block, j.key("expressions"));
                }
            });
        }
    }

    fn module(&self, number: usize, j: &mut Json) {
        let module = self.tree.nodes[number].module;
        j.object(|j| {
            outputs(module, self.texts, j);
            let all: Vec<&Resource> = module.resources.values().collect();
            if !all.is_empty() {
                // Managed ones come first, as in Terraform.
                let data = |r: &&&Resource| r.mode == crate::lang::address::Mode::Data;
                let managed = all.iter().filter(|r| !data(r));
                j.key("resources")
                    .array(managed.chain(all.iter().filter(data)), |j, one| self.resource(number, one, j));
            }
            if !module.modules.is_empty() {
                j.key("module_calls").object(|j| self.calls(number, j));
            }
            variables(module, j);
        });
    }

    fn resource(&self, module: usize, resource: &Resource, j: &mut Json) {
        let address = Address {
            mode: resource.mode,
            ..Address::managed(resource.ty.text.clone(), resource.name.text.clone(), None)
        };
        j.object(|j| {
            j.key("address").text(&address.to_string());
            head(&address, j);
            j.key("provider_config_key").text(&self.config_of(module, resource).key);
            if !resource.provisioners.is_empty() {
                j.key("provisioners").array(&resource.provisioners, |j, provisioner| {
                    j.object(|j| {
                        j.key("type").text(provisioner.labels.first().map_or("", |label| &label.text));
                        let own = provisioner.body.attributes.iter();
                        let own = own.filter(|a| !matches!(&*a.name.name, "when" | "on_failure"));
                        j.key("expressions")
                            .object(|j| own.for_each(|a| self.texts.expression(&a.expr, j.key(&a.name.name))));
                    });
                });
            }
            if let Some(schema) = self.providers.schema(module, resource) {
                if !resource.body.attributes.is_empty() || !resource.body.blocks.is_empty() {
                    self.texts.body(&resource.body, &schema.block, j.key("expressions"));
                }
                j.key("schema_version").plain(schema.version);
            }
            self.texts.repetition(resource.count.as_ref(), resource.for_each.as_ref(), j);
            depends_on(&resource.depends_on, j);
        });
    }

    fn calls(&self, number: usize, j: &mut Json) {
        let node = &self.tree.nodes[number];
        for (name, call) in &node.module.modules {
            let Some(child) = node.children.get(name) else { continue };
            j.key(name).object(|j| {
                if let Some((source, _)) = &call.source {
                    j.key("source").text(source);
                }
                if !call.body.attributes.is_empty() {
                    let all = call.body.attributes.iter();
                    j.key("expressions")
                        .object(|j| all.for_each(|a| self.texts.expression(&a.expr, j.key(&a.name.name))));
                }
                self.texts.repetition(call.count.as_ref(), call.for_each.as_ref(), j);
                self.module(*child, j.key("module"));
                if let Some((version, _)) = &call.version {
                    j.key("version_constraint").text(version);
                }
                depends_on(&call.depends_on, j);
            });
        }
    }
}

fn outputs(module: &Module, texts: Texts<'_>, j: &mut Json) {
    if module.outputs.is_empty() {
        return;
    }
    j.key("outputs").object(|j| {
        for (name, output) in &module.outputs {
            j.key(name).object(|j| {
                if output.sensitive {
                    j.key("sensitive").plain(true);
                }
                if let Some(value) = &output.value {
                    texts.expression(value, j.key("expression"));
                }
                depends_on(&output.depends_on, j);
                if let Some(text) = output.description.as_ref().filter(|text| !text.is_empty()) {
                    j.key("description").text(text);
                }
            });
        }
    });
}

fn variables(module: &Module, j: &mut Json) {
    if module.variables.is_empty() {
        return;
    }
    j.key("variables").object(|j| {
        for (name, variable) in &module.variables {
            j.key(name).object(|j| {
                if let Some(default) = variable.default.as_ref().and_then(known_part) {
                    j.key("default").raw(&default);
                }
                if let Some(text) = variable.description.as_ref().filter(|text| !text.is_empty()) {
                    j.key("description").text(text);
                }
                if variable.sensitive {
                    j.key("sensitive").plain(true);
                }
            });
        }
    });
}

fn depends_on(all: &[Traversal], j: &mut Json) {
    if !all.is_empty() {
        j.key("depends_on").texts(all.iter().map(text));
    }
}

impl<'w> Texts<'w> {
    /// `count` or `for_each`, where there is anything to say of it.
    fn repetition(self, count: Option<&Expr>, for_each: Option<&Expr>, j: &mut Json) {
        for (name, expr) in [("count_expression", count), ("for_each_expression", for_each)] {
            if let Some(expr) = expr.filter(|expr| self.constant(expr).is_some() || !references(expr).is_empty()) {
                self.expression(expr, j.key(name));
            }
        }
    }

    /// What is written of a body: arguments as expressions, blocks as their schema collects them. What `dynamic` blocks come to is not in
    /// the text.
    fn body(self, written: &Body, schema: &Block, j: &mut Json) {
        j.object(|j| {
            let mut attributes: BTreeMap<&str, &Expr> = BTreeMap::new();
            attributes.extend(written.attributes.iter().map(|a| (&*a.name.name, &a.expr)));
            for (name, expr) in attributes.into_iter().filter(|(name, _)| schema.attributes.contains_key(*name)) {
                self.expression(expr, j.key(name));
            }
            for (name, nested) in &schema.blocks {
                let all: Vec<_> = written.blocks_of(name).collect();
                let Some(first) = all.first() else { continue };
                match nested.nesting {
                    Nesting::Single | Nesting::Group => self.body(&first.body, &nested.block, j.key(name)),
                    Nesting::List | Nesting::Set => {
                        j.key(name).array(all, |j, one| self.body(&one.body, &nested.block, j))
                    }
                    Nesting::Map => j.key(name).object(|j| {
                        for one in all {
                            let label = one.labels.first().map_or("", |label| &label.text);
                            self.body(&one.body, &nested.block, j.key(label));
                        }
                    }),
                }
            }
        });
    }

    fn expression(self, expr: &Expr, j: &mut Json) {
        j.object(|j| {
            if let Some(constant) = self.constant(expr) {
                j.key("constant_value").raw(&constant);
            }
            let all = references(expr);
            if !all.is_empty() {
                j.key("references").texts(all);
            }
        });
    }

    /// What stands in a file in JSON syntax.
    fn json_text(self, expr: &Expr) -> Option<&'w str> {
        let source = self.0.files.get(expr.span.file.0 as usize).filter(|source| is_json(&source.name))?;
        source.text.get(expr.span.range.clone())
    }

    /// The value of an expression that needs nothing: no names, no functions. In JSON syntax it is what is written, as Terraform tells it:
    /// texts are not looked into.
    fn constant(self, expr: &Expr) -> Option<String> {
        if let Some(written) = self.json_text(expr) {
            return decode_plain(written.as_bytes()).ok().and_then(|value| known_part(&value));
        }
        let (value, problems) = eval(expr, &NoScope);
        let failed = !problems.is_empty() || !value.is_wholly_known();
        if failed { None } else { known_part(&value) }
    }
}

/// Each reference with all it takes, then with less and less of it.
fn references(expr: &Expr) -> Vec<String> {
    let mut all = Vec::new();
    traversals(expr, &mut |traversal| {
        let Ok(reference) = Reference::parse(traversal) else { return };
        let taken = reference.steps.len();
        let subject = traversal.steps.len() - taken;
        // A key belongs to the instance of a module it leads to, and so does the output behind it.
        let least = match reference.subject {
            Subject::Module(_) => subject + usize::from(reference.instance_key().is_some()),
            _ => subject,
        };
        for end in (least..=traversal.steps.len()).rev() {
            all.push(steps_text(traversal, end));
        }
    });
    all
}

fn text(traversal: &Traversal) -> String {
    steps_text(traversal, traversal.steps.len())
}

/// A traversal with so many of its steps.
fn steps_text(traversal: &Traversal, end: usize) -> String {
    let mut text = traversal.root.name.to_string();
    traversal.steps[..end].iter().for_each(|step| text.push_str(&step_text(step)));
    text
}

fn step_text(step: &Step) -> String {
    match &step.kind {
        StepKind::Attr(name) => format!(".{name}"),
        StepKind::Index(literal) => match literal.0.kind() {
            Kind::String(key) => {
                let mut quoted = String::new();
                crate::report::json::quote(key, &mut quoted);
                format!("[{quoted}]")
            }
            _ => format!("[{}]", known_part(&literal.0).unwrap_or_default()),
        },
    }
}
