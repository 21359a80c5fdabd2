//! The `runbook` block: for which losses plans are compiled ahead, where they are kept, what they need, how often they are rehearsed.

use super::fields::{Evaluate, Fields};
use super::locations::{label, risk_list, unique, whole_seconds};
use super::model::Spec;
use crate::diag::{Diagnostic, Span};
use crate::lang::ast::{Block, ExprKind, StepKind};
use std::cell::RefCell;
use std::collections::BTreeMap;
use straddle_sdk::value::Str;

/// The environment variable that holds the key where the spec names none.
pub const KEY_ENV: &str = "STRADDLE_RUNBOOK_KEY";

/// The `runbook` block of a directory.
#[derive(Clone, PartialEq, Debug)]
pub struct RunbookSpec {
    /// Losses by the names of machine formats; empty: every loss of order 1.
    pub scenarios: Vec<String>,
    /// Every two losses of order 1 at once, too.
    pub pairs: bool,
    /// Compiled anew at the end of every `apply`.
    pub at_apply: bool,
    /// A rehearsal older than this is drift, in seconds.
    pub rehearse_every_s: Option<u64>,
    /// Where the key that signs is found.
    pub key: Key,
    /// Where compiled plans are kept.
    pub stores: Vec<Place>,
    /// What carrying one out needs beside what straddle knows itself: Git, sign-on, VPN, registry.
    pub needs: Vec<Need>,
    /// The header of the block.
    pub span: Span,
}

/// Where a key is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Key {
    /// In an environment variable.
    Env(String),
    /// In a file.
    File(String),
}

/// A place that keeps runbooks.
#[derive(Clone, PartialEq, Debug)]
pub struct Place {
    /// Its label.
    pub name: Str,
    /// How it is reached.
    pub way: Way,
    /// What it stands on.
    pub ground: Ground,
    /// The header of the block.
    pub span: Span,
}

/// How a place is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Way {
    /// A directory.
    Directory(String),
    /// Commands; `{name}` is the runbook's name, `{file}` a file of this machine.
    Command {
        /// Puts `{file}` there.
        put: Vec<String>,
        /// Brings it back into `{file}`; without it the place is written and never read.
        get: Vec<String>,
    },
}

/// What something stands on.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Ground {
    /// Risks it falls with.
    pub shares: Vec<usize>,
    /// Risks needed to change or reach it.
    pub control: Vec<usize>,
    /// Domains it stands in, by level.
    pub domains: BTreeMap<String, String>,
}

/// Something a runbook cannot do without.
#[derive(Clone, PartialEq, Debug)]
pub struct Need {
    /// Its label.
    pub name: Str,
    /// What it stands on.
    pub ground: Ground,
    /// The header of the block.
    pub span: Span,
}

/// Reads the block.
pub fn lower(spec: &mut Spec, blocks: &[Block], evaluate: Evaluate<'_>, problems: &RefCell<Vec<Diagnostic>>) {
    let mut all = blocks.iter().filter(|b| &*b.kind.name == "runbook");
    let Some(first) = all.next() else { return };
    for more in all {
        problems.borrow_mut().push(
            Diagnostic::error("Duplicate block", "A directory has one \"runbook\" block at most.")
                .at(&more.header)
                .related(&first.header, "the first one")
                .help("Put both into one block: every loss gets a runbook of its own."),
        );
    }
    let fields = Fields::of(first, evaluate, problems);
    let scenarios = scenarios(spec, &fields);
    let pairs = fields.flag("pairs").unwrap_or(false);
    let at_apply = fields.word("build", &[("apply", true), ("command", false)]).unwrap_or(true);
    let rehearse_every_s = fields.duration("rehearse_every").map(whole_seconds);
    let key = match (fields.string("key_env"), fields.string("key_file")) {
        (Some(_), Some(_)) => {
            fields.report(
                Diagnostic::error("One key", "\"key_env\" and \"key_file\" both say where the key is.")
                    .at(&fields.span("key_file"))
                    .help("Keep one of them."),
            );
            Key::Env(KEY_ENV.into())
        }
        (Some(name), None) => Key::Env(name.to_string()),
        (None, Some(path)) => Key::File(path.to_string()),
        (None, None) => Key::Env(KEY_ENV.into()),
    };
    let stores = stores(spec, &fields, evaluate, problems);
    let needs = needs(spec, &fields, evaluate, problems);
    if stores.len() < 2 {
        fields.report(
            Diagnostic::error(
                "Too few places for runbooks",
                format!(
                    "{} named; a runbook is kept in at least two places that no one loss takes together.",
                    match stores.len() {
                        0 => "No place is".to_string(),
                        _ => "One place is".to_string(),
                    }
                ),
            )
            .at(fields.header())
            .help("Add for example: store \"laptop\" { path = \"/var/lib/straddle/runbooks\" }"),
        );
    }
    fields.string("owner");
    fields.finish();
    spec.runbooks = Some(RunbookSpec {
        scenarios,
        pairs,
        at_apply,
        rehearse_every_s,
        key,
        stores,
        needs,
        span: first.header.clone(),
    });
}

/// `scenarios = ["zone:a", shared_risk.x]`.
fn scenarios(spec: &Spec, fields: &Fields<'_>) -> Vec<String> {
    let Some(expr) = fields.expr("scenarios") else { return Vec::new() };
    let ExprKind::Tuple(items) = &expr.unparenthesised().kind else {
        fields.mismatch(expr, "scenarios", "a list of losses", "[\"zone:a\", shared_risk.kt_line]");
        return Vec::new();
    };
    let mut list: Vec<String> = Vec::new();
    for item in items {
        let named = match &item.kind {
            ExprKind::Traversal(t) if &*t.root.name == "shared_risk" => match t.steps.as_slice() {
                [step] => match &step.kind {
                    StepKind::Attr(name) => Some(format!("shared_risk:{name}")),
                    StepKind::Index(literal) => literal.0.as_str().map(|name| format!("shared_risk:{name}")),
                },
                _ => None,
            },
            _ => fields.evaluate(item).and_then(|v| v.as_str().map(str::to_string)),
        };
        match named.as_deref().and_then(|name| spec.event(name)) {
            Some(event) => {
                let name = event.label(&spec.topology);
                if !list.contains(&name) {
                    list.push(name);
                }
            }
            None => fields.report(
                Diagnostic::error(
                    "Unknown loss",
                    "No location stands in such a domain, and no shared risk has that name.",
                )
                .at(&item.span)
                .help("Write LEVEL:DOMAIN, for example \"zone:a\", or shared_risk.NAME."),
            ),
        }
    }
    list
}

fn stores<'a>(
    spec: &Spec,
    outer: &Fields<'a>,
    evaluate: Evaluate<'a>,
    problems: &'a RefCell<Vec<Diagnostic>>,
) -> Vec<Place> {
    let mut seen = BTreeMap::new();
    let mut list = Vec::new();
    for block in outer.blocks("store") {
        let Some(name) = label(block, "laptop", problems) else { continue };
        if !unique(&mut seen, &name, block, problems) {
            continue;
        }
        let fields = Fields::of(block, evaluate, problems);
        let words =
            |list: Option<Vec<Str>>| -> Vec<String> { list.unwrap_or_default().iter().map(Str::to_string).collect() };
        let (path, put, get) = (fields.string("path"), words(fields.strings("put")), words(fields.strings("get")));
        let way = match (path, put.is_empty()) {
            (Some(path), true) if get.is_empty() => Some(Way::Directory(path.to_string())),
            (None, false) => Some(Way::Command { put, get }),
            _ => {
                fields.report(
                    Diagnostic::error(
                        "A place is reached in one way",
                        format!(
                            "store \"{name}\" needs either \"path\", a directory, or \"put\" and \"get\", commands."
                        ),
                    )
                    .at(fields.header())
                    .help("For example: path = \"/mnt/tokyo/runbooks\""),
                );
                None
            }
        };
        let ground = ground(spec, &fields);
        fields.finish();
        list.extend(way.map(|way| Place { name, way, ground, span: block.header.clone() }));
    }
    list
}

fn needs<'a>(
    spec: &Spec,
    outer: &Fields<'a>,
    evaluate: Evaluate<'a>,
    problems: &'a RefCell<Vec<Diagnostic>>,
) -> Vec<Need> {
    let mut seen = BTreeMap::new();
    let mut list = Vec::new();
    for block in outer.blocks("need") {
        let Some(name) = label(block, "registry", problems) else { continue };
        if unique(&mut seen, &name, block, problems) {
            let fields = Fields::of(block, evaluate, problems);
            list.push(Need { name, ground: ground(spec, &fields), span: block.header.clone() });
            fields.finish();
        }
    }
    list
}

fn ground(spec: &Spec, fields: &Fields<'_>) -> Ground {
    let domains: Vec<(Str, Str)> = fields.string_map("domains").unwrap_or_default();
    for (level, _) in &domains {
        if !spec.topology.levels.iter().any(|l| **l == **level) {
            fields.report(
                Diagnostic::error(
                    "Unknown level",
                    format!("\"{level}\" is not one of the levels: {}.", spec.topology.levels.join(", ")),
                )
                .at(&fields.span("domains"))
                .help("Name the domains it stands in by the levels of this spec."),
            );
        }
    }
    Ground {
        shares: risk_list(spec, fields, "shares"),
        control: risk_list(spec, fields, "control"),
        domains: domains.into_iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
    }
}
