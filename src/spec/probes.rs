//! `vantage` and `probe` blocks: what serving means, and who looks from where.

use super::fields::{Evaluate, Fields};
use super::locations::{label, risk_list, unique, whole_seconds};
use super::model::Spec;
use crate::diag::{Diagnostic, Span};
use crate::lang::ast::{Block, Expr, ExprKind, StepKind};
use crate::lang::reference::traversals;
use crate::lang::suggest::nearest;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::value::{Kind, Str, Value};

/// What the spec leaves unsaid.
const DEFAULT_INTERVAL_S: u64 = 5;
const DEFAULT_TIMEOUT_S: u64 = 5;
const DEFAULT_CONFIRM: u32 = 2;
const DEFAULT_QUORUM: u32 = 2;
/// Most vantage points of one probe: beyond, which of them are independent could not be searched exactly.
const MOST_VANTAGES: usize = 16;
/// Most windows of one look.
const MOST_WINDOWS: u64 = 60;

/// How a vantage point is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reach {
    /// This machine looks itself.
    Local,
    /// A command that reads the question on its standard input and writes the answer to its standard output.
    Command(Vec<String>),
    /// An agent that is sent the question and answers it, both as JSON. The second part names the environment variable that holds its
    /// token.
    Agent(String, Option<String>),
}

/// A `vantage` block.
#[derive(Clone, PartialEq, Debug)]
pub struct VantageSpec {
    /// Its label.
    pub name: Str,
    /// How it is reached.
    pub reach: Reach,
    /// Risks it falls with (indices).
    pub shares: Vec<usize>,
    /// The header of the block.
    pub span: Span,
}

/// What a probe asks for.
#[derive(Clone, PartialEq, Debug)]
pub enum Asked {
    /// `url`: http or https.
    Http {
        /// Where.
        url: Expr,
    },
    /// `tcp`: host and port that take a connection.
    Tcp {
        /// Where.
        address: Expr,
    },
    /// `dns`: a name that resolves.
    Dns {
        /// The name.
        name: Expr,
        /// `A`, `AAAA`, `CNAME`, `MX`, `NS`, `TXT`.
        kind: String,
        /// The server to ask, host and port; the machine's own resolver when absent.
        server: Option<Expr>,
    },
}

/// What the answer must be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Expected {
    /// HTTP status codes; any from 200 to 299 when empty.
    pub status: Vec<u16>,
    /// A text the body holds.
    pub body: Option<String>,
    /// Records of which each must be among the answers.
    pub records: Vec<String>,
}

/// What one question is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Every replica is asked.
    Replica,
    /// Every location is asked.
    Location,
    /// The workload as a whole.
    FrontDoor,
}

/// A `probe` block.
#[derive(Clone, PartialEq, Debug)]
pub struct ProbeSpec {
    /// Its label.
    pub name: Str,
    /// What is asked.
    pub asked: Asked,
    /// What the answer must be.
    pub expected: Expected,
    /// What one question is about.
    pub scope: Scope,
    /// Indices of vantage points; empty: this machine looks.
    pub from: Vec<usize>,
    /// Seconds between windows.
    pub interval_s: u64,
    /// Seconds an answer may take.
    pub timeout_s: u64,
    /// Windows in a row that must fail.
    pub confirm: u32,
    /// Most windows of one look.
    pub windows: u32,
    /// Vantage points that must agree, no two sharing a risk.
    pub quorum: u32,
    /// Workloads whose replicas it asks.
    pub workloads: Vec<Str>,
    /// The header of the block.
    pub span: Span,
}

/// Reads all of them; workloads are read already.
pub fn lower(spec: &mut Spec, blocks: &[Block], evaluate: Evaluate<'_>, problems: &RefCell<Vec<Diagnostic>>) {
    let mut seen = BTreeMap::new();
    for block in blocks.iter().filter(|b| &*b.kind.name == "vantage") {
        if let Some(name) = label(block, "pangyo", problems)
            && unique(&mut seen, &name, block, problems)
        {
            let fields = Fields::of(block, evaluate, problems);
            let vantage = vantage(spec, name, &fields);
            fields.finish();
            spec.vantages.push(vantage);
        }
    }
    spec.vantages.sort_by(|a, b| a.name.cmp(&b.name));
    let mut seen = BTreeMap::new();
    for block in blocks.iter().filter(|b| &*b.kind.name == "probe") {
        if let Some(name) = label(block, "web", problems)
            && unique(&mut seen, &name, block, problems)
        {
            let fields = Fields::of(block, evaluate, problems);
            let probe = probe(spec, name, &fields);
            fields.finish();
            spec.probes.extend(probe);
        }
    }
    spec.probes.sort_by(|a, b| a.name.cmp(&b.name));
    undeclared(spec, blocks, problems);
}

/// Reports probes that templates ask for and nobody declares: only a replica that stands would notice otherwise.
fn undeclared(spec: &Spec, blocks: &[Block], problems: &RefCell<Vec<Diagnostic>>) {
    let labels = || blocks.iter().filter(|b| &*b.kind.name == "probe").filter_map(|b| b.labels.first());
    for expr in spec.workloads.iter().flat_map(|w| &w.templates).filter_map(|t| t.ready.as_ref()) {
        traversals(expr, &mut |t| {
            let Some(StepKind::Attr(name)) = t.steps.first().map(|s| &s.kind) else { return };
            if &*t.root.name != "probe" || labels().any(|l| l.text == *name) {
                return;
            }
            let problem = Diagnostic::error(
                "Reference to undeclared probe",
                format!("There is no probe block named \"{name}\"."),
            )
            .at(&expr.span);
            problems.borrow_mut().push(match nearest(name, labels().map(|l| &*l.text)) {
                Some(near) => problem.help(format!("Did you mean probe.{near}?")),
                None => problem.help(format!("Declare it: probe \"{name}\" {{ url = \"https://...\" }}")),
            });
        });
    }
}

fn vantage(spec: &Spec, name: Str, fields: &Fields<'_>) -> VantageSpec {
    let local = fields.flag("local").unwrap_or(false);
    let command = fields.strings("exec").map(|words| words.iter().map(Str::to_string).collect::<Vec<_>>());
    let url = fields.string("url");
    let token = fields.string("token_env").map(|t| t.to_string());
    let ways = usize::from(local) + usize::from(command.is_some()) + usize::from(url.is_some());
    if ways > 1 {
        fields.report(
            Diagnostic::error(
                "A vantage point is reached in one way",
                format!("vantage \"{name}\" says more than one of \"local\", \"exec\" and \"url\"."),
            )
            .at(fields.header())
            .help("Keep one of them. Without any, this machine looks."),
        );
    }
    if token.is_some() && url.is_none() {
        fields.report(
            Diagnostic::error("A token for nobody", "\"token_env\" goes with \"url\": only an agent is shown a token.")
                .at(&fields.span("token_env"))
                .help("Remove it, or add the agent's url."),
        );
    }
    let reach = match (command, url) {
        (Some(words), _) if words.first().is_none_or(String::is_empty) => {
            if let Some(expr) = fields.expr("exec") {
                fields.mismatch(
                    expr,
                    "exec",
                    "a program and its arguments",
                    "[\"ssh\", \"pangyo\", \"straddle\", \"probe\", \"-agent\"]",
                );
            }
            Reach::Local
        }
        (Some(words), _) => Reach::Command(words),
        (None, Some(url)) if url.starts_with("http://") || url.starts_with("https://") => {
            Reach::Agent(url.to_string(), token)
        }
        (None, Some(_)) => {
            if let Some(expr) = fields.expr("url") {
                fields.mismatch(
                    expr,
                    "url",
                    "an address that begins with https:// or http://",
                    "\"https://pangyo.example.kr/probe\"",
                );
            }
            Reach::Local
        }
        (None, None) => Reach::Local,
    };
    fields.string("owner");
    VantageSpec { name, reach, shares: risk_list(spec, fields, "shares"), span: fields.header().clone() }
}

fn probe(spec: &Spec, name: Str, fields: &Fields<'_>) -> Option<ProbeSpec> {
    let (asked, exprs) = asked(&name, fields)?;
    let mut roots = BTreeSet::new();
    exprs.iter().for_each(|expr| {
        traversals(expr, &mut |t| {
            roots.insert(t.root.name.clone());
        });
    });
    let has = |root: &str| roots.iter().any(|r| &**r == root);
    let scope = match (has("replica"), has("location")) {
        (true, _) => Scope::Replica,
        (false, true) => Scope::Location,
        (false, false) => Scope::FrontDoor,
    };
    let expected = expected(fields, &asked);
    let count = |name: &'static str, default: u32| -> u32 {
        match fields.count(name) {
            Some(n) if (1..=MOST_WINDOWS).contains(&n) => n as u32,
            Some(_) => {
                if let Some(expr) = fields.expr(name) {
                    fields.mismatch(expr, name, "a whole number from 1 to 60", "2");
                }
                default
            }
            None => default,
        }
    };
    let workloads = workloads(spec, &name, fields);
    let usual = spec.workloads.iter().filter(|w| workloads.iter().any(|n| **n == *w.rules.name));
    let confirm = count("confirm", usual.filter_map(|w| w.watching.confirm).max().unwrap_or(DEFAULT_CONFIRM));
    let windows = count("windows", confirm).max(confirm);
    let from = vantages(spec, fields);
    let quorum = count("quorum", DEFAULT_QUORUM);
    if scope != Scope::FrontDoor && workloads.is_empty() {
        fields.report(
            Diagnostic::error(
                "Nobody to ask",
                format!("probe \"{name}\" asks every {}, and no workload refers to it.", if scope == Scope::Replica { "replica" } else { "location" }),
            )
            .at(fields.header())
            .help(format!("Let a template's ready use it (ready = probe.{name}.healthy[replica.name]), or write: workload = workload.NAME")),
        );
    }
    let seconds = |name: &'static str, default: u64| fields.duration(name).map_or(default, whole_seconds).max(1);
    let span = fields.header().clone();
    let (interval_s, timeout_s) = (seconds("interval", DEFAULT_INTERVAL_S), seconds("timeout", DEFAULT_TIMEOUT_S));
    fields.string("owner");
    Some(ProbeSpec {
        name,
        asked,
        expected,
        scope,
        from,
        interval_s,
        timeout_s,
        confirm,
        windows,
        quorum,
        workloads,
        span,
    })
}

/// What is asked, and the expressions in it.
fn asked<'a>(name: &Str, fields: &Fields<'a>) -> Option<(Asked, Vec<&'a Expr>)> {
    let (url, tcp, dns) = (fields.expr("url"), fields.expr("tcp"), fields.expr("dns"));
    let (kind, server) = (fields.string("type"), fields.expr("server"));
    let asked = match (url, tcp, dns) {
        (Some(url), None, None) => (Asked::Http { url: url.clone() }, vec![url]),
        (None, Some(address), None) => (Asked::Tcp { address: address.clone() }, vec![address]),
        (None, None, Some(name)) => {
            let kind = kind.as_deref().unwrap_or("A").to_ascii_uppercase();
            if !["A", "AAAA", "CNAME", "MX", "NS", "TXT"].contains(&kind.as_str())
                && let Some(expr) = fields.expr("type")
            {
                fields.mismatch(expr, "type", "one of A, AAAA, CNAME, MX, NS, TXT", "\"A\"");
            }
            let exprs = [Some(name), server].into_iter().flatten().collect();
            (Asked::Dns { name: name.clone(), kind, server: server.cloned() }, exprs)
        }
        _ => {
            fields.report(
                Diagnostic::error(
                    "A probe asks for one thing",
                    format!("probe \"{name}\" needs exactly one of \"url\", \"tcp\" and \"dns\"."),
                )
                .at(fields.header())
                .help("For example: url = \"https://web.example.kr/healthz\""),
            );
            fields.finish_by_ref();
            return None;
        }
    };
    Some(asked)
}

/// `expect = 200`, `expect = { status = [200, 204], body = "ok" }`, of a name `expect = ["10.0.0.1"]`.
fn expected(fields: &Fields<'_>, asked: &Asked) -> Expected {
    let mut expected = Expected::default();
    let Some((value, expr)) = fields.value("expect") else { return expected };
    let right = match asked {
        Asked::Http { .. } => http_expected(&value, &mut expected),
        Asked::Dns { .. } => texts(&value).map(|records| expected.records = records),
        Asked::Tcp { .. } => None,
    };
    if right.is_none() {
        let (wanted, example) = match asked {
            Asked::Http { .. } => {
                ("a status code, several, or an object with status and body", "{ status = [200], body = \"ok\" }")
            }
            Asked::Dns { .. } => ("a list of records that must be among the answers", "[\"203.0.113.10\"]"),
            Asked::Tcp { .. } => ("left out of a TCP probe: a connection that opens is the answer", "null"),
        };
        fields.mismatch(expr, "expect", wanted, example);
    }
    expected
}

fn http_expected(value: &Value, expected: &mut Expected) -> Option<()> {
    if let Some(entries) = value.entries() {
        for (key, value) in entries {
            match &**key {
                "status" => expected.status = codes(value)?,
                "body" => expected.body = Some(value.as_str()?.to_string()),
                _ => return None,
            }
        }
        return Some(());
    }
    expected.status = codes(value)?;
    Some(())
}

fn codes(value: &Value) -> Option<Vec<u16>> {
    let code =
        |v: &Value| super::fields::whole(v).and_then(|n| u16::try_from(n).ok()).filter(|n| (100..=599).contains(n));
    match value.items() {
        Some(items) => items.iter().map(code).collect(),
        None => Some(vec![code(value)?]),
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value.kind() {
        Kind::String(s) => Some(vec![s.to_string()]),
        _ => value.items()?.iter().map(|v| v.as_str().map(str::to_string)).collect(),
    }
}

fn vantages(spec: &Spec, fields: &Fields<'_>) -> Vec<usize> {
    let mut list = Vec::new();
    for (reference, span) in fields.references("from", "vantage") {
        match spec.vantages.iter().position(|v| v.name == reference) {
            Some(i) if !list.contains(&i) => list.push(i),
            Some(_) => {}
            None => {
                let problem = Diagnostic::error(
                    "Reference to undeclared vantage",
                    format!("There is no vantage block named \"{reference}\"."),
                )
                .at(&span);
                fields.report(match nearest(&reference, spec.vantages.iter().map(|v| &*v.name)) {
                    Some(near) => problem.help(format!("Did you mean vantage.{near}?")),
                    None => problem.help(format!("Declare it: vantage \"{reference}\" {{ shares = [] }}")),
                });
            }
        }
    }
    if list.len() > MOST_VANTAGES {
        fields.report(
            Diagnostic::error(
                "Too many vantage points",
                format!("{} are named; the most of one probe is {MOST_VANTAGES}.", list.len()),
            )
            .at(&fields.span("from"))
            .help("A handful that share nothing with each other say more."),
        );
        list.truncate(MOST_VANTAGES);
    }
    list
}

/// The workloads a probe is about: the one it names, those whose `ready` uses it, or the only one there is.
fn workloads(spec: &Spec, name: &Str, fields: &Fields<'_>) -> Vec<Str> {
    if let Some(expr) = fields.expr("workload") {
        let named = match &expr.unparenthesised().kind {
            ExprKind::Traversal(t) if &*t.root.name == "workload" => match t.steps.as_slice() {
                [step] => match &step.kind {
                    StepKind::Attr(name) => Some(name.clone()),
                    StepKind::Index(literal) => literal.0.as_str().map(Str::new),
                },
                _ => None,
            },
            _ => fields.evaluate(expr).and_then(|v| v.as_str().map(Str::new)),
        };
        return match named.filter(|n| spec.workload(n).is_some()) {
            Some(named) => vec![named],
            None => {
                fields.mismatch(expr, "workload", "one of the workloads of this spec", "workload.web");
                Vec::new()
            }
        };
    }
    let mut list = Vec::new();
    for workload in &spec.workloads {
        let mut used = false;
        for expr in workload.templates.iter().filter_map(|t| t.ready.as_ref()) {
            traversals(expr, &mut |t| {
                let takes = |s: &crate::lang::ast::Step| matches!(&s.kind, StepKind::Attr(n) if n == name);
                used |= &*t.root.name == "probe" && t.steps.first().is_some_and(takes);
            });
        }
        if used {
            list.push(Str::new(&workload.rules.name));
        }
    }
    match (list.is_empty(), spec.workloads.as_slice()) {
        (true, [only]) => vec![Str::new(&only.rules.name)],
        _ => list,
    }
}

/// What is to be said of probes that can never prove a loss.
pub fn doubts(spec: &Spec) -> Vec<Diagnostic> {
    let mut said = Vec::new();
    for probe in spec.probes.iter().filter(|p| p.scope != Scope::FrontDoor) {
        let risks = |v: &VantageSpec| crate::spread::evidence::Vantage {
            machine: machine(v),
            shares: crate::spread::evidence::falls_with(&spec.topology, &v.shares),
        };
        let vantages: Vec<_> = probe.from.iter().map(|v| risks(&spec.vantages[*v])).collect();
        let all: Vec<usize> = (0..vantages.len()).collect();
        let independent = crate::spread::evidence::independent(&vantages, &all).max(1);
        if independent < probe.quorum as usize {
            said.push(
                Diagnostic::warning(
                    "Probe that can prove no loss",
                    format!(
                        "probe \"{}\" wants {} vantage points that share nothing with each other, and has {independent}: a location \
                         never becomes more than suspect by it.",
                        probe.name, probe.quorum
                    ),
                )
                .at(&probe.span)
                .help("Add a vantage on another machine, line and building; or, if one word is enough, quorum = 1. `straddle failover --lose` stands on yours."),
            );
        }
    }
    said
}

/// The machine a vantage point looks from, as far as the spec tells.
pub fn machine(vantage: &VantageSpec) -> String {
    match &vantage.reach {
        Reach::Local => "this machine".into(),
        Reach::Command(words) => words.join("\u{1f}"),
        Reach::Agent(url, _) => url.clone(),
    }
}
