//! What of which resources went into the changes of a plan, directly or by way of locals, inputs and outputs. Tools read from it which
//! drift explains a change. Of a resource on the way what stands in its texts is followed, what its provider computes is not.

use super::env::Env;
use super::model::{Action, Change, Kind, OutputChange};
use crate::lang::address::{Address, Key, Mode};
use crate::lang::ast::{Expr, Step, StepKind, Traversal};
use crate::lang::body::body_traversals;
use crate::lang::module::{ModuleCall, Resource};
use crate::lang::reference::{Reference, Subject, traversals};
use crate::lang::tree::Tree;
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::value::{self, Str};

/// An attribute of a resource that went into a change.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Contribution {
    /// The resource, with keys where they were named.
    pub resource: String,
    /// What of it, as far as it was named.
    pub attribute: Vec<value::Step>,
}

/// All that went into the changes of objects and outputs. `whole`: no `-target` leaves anything out.
pub(super) fn contributions(
    env: &Env<'_>,
    kind: &Kind,
    changes: &[Change],
    outputs: &[OutputChange],
    whole: bool,
) -> Vec<Contribution> {
    let mut search = Search { tree: &env.tree, seen: BTreeSet::new(), found: BTreeMap::new(), open: Vec::new() };
    for change in changes.iter().filter(|c| c.action != Action::NoOp && !c.aside && c.address.workload.is_none()) {
        search.resource(&change.address);
    }
    for output in outputs.iter().filter(|o| o.differs()) {
        search.open.push((Vec::new(), 0, Named::Output(&output.name)));
    }
    // Terraform remembers no outputs of called modules: each that has a value is new to it.
    if *kind == Kind::Normal && whole {
        for (number, node) in env.tree.nodes.iter().enumerate().skip(1) {
            for instance in env.instances_of(number) {
                let place = env.instance(instance).path.clone();
                let names = node.module.outputs.keys();
                for name in names.filter(|name| env.output(instance, name).is_ok_and(|value| !value.is_null())) {
                    search.open.push((place.clone(), number, Named::Output(name)));
                }
            }
        }
    }
    search.run();
    search.found.into_values().collect()
}

/// An instance of a module; a key that is not named is left out.
type Place = Vec<(Str, Option<Key>)>;

/// What is to be looked into.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Named<'a> {
    Local(&'a str),
    Input(&'a str),
    Output(&'a str),
    /// All outputs.
    All,
    /// The configuration of a resource, or of one of its arguments or blocks.
    Resource(Mode, &'a str, &'a str, Option<&'a str>),
}

struct Search<'s, 'a> {
    tree: &'s Tree<'a>,
    seen: BTreeSet<(Place, Named<'s>)>,
    found: BTreeMap<(String, String), Contribution>,
    open: Vec<(Place, usize, Named<'s>)>,
}

/// Who stands around an expression: whose `each` and `count` are meant.
#[derive(Clone, Copy)]
enum Owner<'a> {
    None,
    Resource(&'a Resource),
    Call(&'a ModuleCall),
}

impl<'s, 'a: 's> Search<'s, 'a> {
    fn resource(&mut self, address: &Address) {
        let Some(number) = self.tree.find(address.module.iter().map(|(name, _)| name)) else { return };
        let Some(resource) = self.tree.nodes[number].module.resource(address.mode, &address.ty, &address.name) else {
            return;
        };
        let mut all: Vec<&'s Traversal> = Vec::new();
        body_traversals(&resource.body, &mut |traversal| all.push(traversal));
        for traversal in all {
            self.named(traversal, &address.module, number, Owner::Resource(resource));
        }
    }

    fn run(&mut self) {
        while let Some((place, number, named)) = self.open.pop() {
            if !self.seen.insert((place.clone(), named.clone())) {
                continue;
            }
            let node = &self.tree.nodes[number];
            match named {
                Named::Local(name) => {
                    if let Some(local) = node.module.locals.get(name) {
                        self.expr(&local.expr, &place, number, Owner::None);
                    }
                }
                Named::Output(name) => {
                    if let Some(value) = node.module.outputs.get(name).and_then(|output| output.value.as_ref()) {
                        self.expr(value, &place, number, Owner::None);
                    }
                }
                Named::Resource(mode, ty, name, part) => self.part(&place, number, (mode, ty, name), part),
                Named::All => {
                    for name in node.module.outputs.keys() {
                        self.open.push((place.clone(), number, Named::Output(name)));
                    }
                }
                Named::Input(name) => {
                    let Some((caller, call)) = node.call else { continue };
                    let around = place[..place.len().saturating_sub(1)].to_vec();
                    if let Some(attribute) = call.body.attribute(name) {
                        self.expr(&attribute.expr, &around, caller, Owner::Call(call));
                    }
                }
            }
        }
    }

    fn expr(&mut self, expr: &'s Expr, place: &Place, number: usize, owner: Owner<'s>) {
        let mut all: Vec<&'s Traversal> = Vec::new();
        traversals(expr, &mut |traversal| all.push(traversal));
        for traversal in all {
            self.named(traversal, place, number, owner);
        }
    }

    fn named(&mut self, traversal: &'s Traversal, place: &Place, number: usize, owner: Owner<'s>) {
        let Ok(reference) = Reference::parse(traversal) else { return };
        match reference.subject {
            Subject::Local(name) => self.open.push((place.clone(), number, Named::Local(name))),
            Subject::Variable(name) => self.open.push((place.clone(), number, Named::Input(name))),
            Subject::Module(name) => self.call(name, reference.steps, place, number),
            Subject::Resource(mode, ty, name) => self.contribution((mode, ty, name), reference.steps, place, number),
            Subject::Each(_) => self.repetition(owner, |o| o.1, place, number),
            Subject::Count(_) => self.repetition(owner, |o| o.0, place, number),
            _ => {}
        }
    }

    /// What `each` or `count` of the owner is made from.
    fn repetition(
        &mut self,
        owner: Owner<'s>,
        which: impl Fn((Option<&'s Expr>, Option<&'s Expr>)) -> Option<&'s Expr>,
        place: &Place,
        number: usize,
    ) {
        let both = match owner {
            Owner::None => (None, None),
            Owner::Resource(resource) => (resource.count.as_ref(), resource.for_each.as_ref()),
            Owner::Call(call) => (call.count.as_ref(), call.for_each.as_ref()),
        };
        if let Some(expr) = which(both) {
            self.expr(expr, place, number, Owner::None);
        }
    }

    fn call(&mut self, name: &'s str, steps: &'s [Step], place: &Place, number: usize) {
        let Some((name, child)) = self.tree.nodes[number].children.get_key_value(name) else { return };
        let (key, steps) = keyed(steps);
        let mut inside = place.clone();
        inside.push((name.clone(), key));
        let what = match steps.first().map(|step| &step.kind) {
            Some(StepKind::Attr(output)) => Named::Output(output),
            _ => Named::All,
        };
        self.open.push((inside, *child, what));
    }

    /// What an argument of a resource is made from. What only the provider computes is made from nothing that is written.
    fn part(&mut self, place: &Place, number: usize, (mode, ty, name): (Mode, &str, &str), part: Option<&str>) {
        let Some(resource) = self.tree.nodes[number].module.resource(mode, ty, name) else { return };
        let mut all: Vec<&'s Traversal> = Vec::new();
        match part {
            None => body_traversals(&resource.body, &mut |traversal| all.push(traversal)),
            Some(part) => {
                if let Some(attribute) = resource.body.attribute(part) {
                    traversals(&attribute.expr, &mut |traversal| all.push(traversal));
                }
                for block in resource.body.blocks.iter().filter(|block| &*block.kind.name == part) {
                    body_traversals(&block.body, &mut |traversal| all.push(traversal));
                }
            }
        }
        for traversal in all {
            self.named(traversal, place, number, Owner::Resource(resource));
        }
    }

    fn contribution(
        &mut self,
        (mode, ty, name): (Mode, &'s str, &'s str),
        steps: &'s [Step],
        place: &Place,
        number: usize,
    ) {
        let (key, steps) = keyed(steps);
        let part = steps.first().and_then(|step| match &step.kind {
            StepKind::Attr(name) => Some(&**name),
            StepKind::Index(_) => None,
        });
        self.open.push((place.clone(), number, Named::Resource(mode, ty, name, part)));
        let address =
            Address { module: place.clone(), workload: None, mode, ty: Str::new(ty), name: Str::new(name), key };
        let attribute: Vec<value::Step> = steps.iter().map_while(taken).collect();
        let resource = address.to_string();
        let path = format!("{attribute:?}");
        self.found.insert((resource.clone(), path), Contribution { resource, attribute });
    }
}

/// The instance key that comes first, if it does, and the other steps.
fn keyed(steps: &[Step]) -> (Option<Key>, &[Step]) {
    match steps.split_first() {
        Some((first, others)) if matches!(first.kind, StepKind::Index(_)) => match path_step(first) {
            Some(key) => (Some(key), others),
            None => (None, steps),
        },
        _ => (None, steps),
    }
}

/// The instance key a step is, if it is one.
fn path_step(step: &Step) -> Option<Key> {
    match taken(step)? {
        value::Step::Attr(name) | value::Step::Key(name) => Some(Key::Str(name)),
        value::Step::Index(n) => Some(Key::Int(n)),
    }
}

/// What a step takes of a value.
fn taken(step: &Step) -> Option<value::Step> {
    match &step.kind {
        StepKind::Attr(name) => Some(value::Step::Attr(name.clone())),
        StepKind::Index(literal) => match literal.0.kind() {
            value::Kind::Number(n) => n.to_u64().map(value::Step::Index),
            value::Kind::String(text) => Some(value::Step::Key(text.clone())),
            _ => None,
        },
    }
}
