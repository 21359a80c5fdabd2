//! The actions in Terraform's manner. Replicas alike are folded: the first in full, the others by name, and in which attributes they
//! differ.

use super::Page;
use crate::lang::address::Address;
use crate::plan::import::identity_text;
use crate::plan::model::{Action, Change, Reason};
use crate::plugin::{Deferral, ImportBy};
use crate::report::diff::{self, Sign, brief, object};
use crate::report::style::{Ink, clean, wrap};
use crate::report::words::{keys, objects};
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::value::{Path, Str, Value, same};

/// Objects that are told together: of one resource, with the same thing happening to the same attributes for the same reason.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Like<'p> {
    resource: Address,
    action: Action,
    reason: u8,
    replace: &'p [Path],
    deposed: bool,
    moved: bool,
    /// Distinguishes what is never folded.
    alone: usize,
    shape: Vec<(&'p Str, Sign)>,
}

impl<'p> Page<'p> {
    pub(super) fn actions(&mut self) {
        let groups = self.groups();
        let unchanged = self.plan.changes.iter().filter(|c| c.action == Action::NoOp && !c.acts()).count();
        if groups.is_empty() {
            return;
        }
        self.heading(&self.tell("act.title", &[]));
        for (_, members) in groups {
            self.group(&members);
        }
        if unchanged > 0 {
            let text =
                self.style.faint(&self.tell("act.unchanged", &[("objects", &objects(unchanged).say(self.style.lang))]));
            self.line(&text);
        }
    }

    /// Groups in the order of their first members.
    fn groups(&self) -> Vec<(Like<'p>, Vec<&'p Change>)> {
        let mut groups: BTreeMap<Like<'p>, (usize, Vec<&'p Change>)> = BTreeMap::new();
        for (i, change) in self.plan.changes.iter().enumerate() {
            if change.action == Action::NoOp && !change.acts() {
                continue;
            }
            let alone = if self.style.verbose || change.address.key.is_none() { i + 1 } else { 0 };
            let like = Like {
                resource: change.address.without_key(),
                action: change.action,
                reason: change.reason.map_or(0, |r| r as u8 + 1),
                replace: &change.replace_paths,
                deposed: change.deposed.is_some(),
                moved: change.previous_address.is_some(),
                alone,
                shape: shape(change),
            };
            groups.entry(like).or_insert_with(|| (i, Vec::new())).1.push(change);
        }
        let mut groups: Vec<(usize, Like<'p>, Vec<&'p Change>)> =
            groups.into_iter().map(|(like, (first, members))| (first, like, members)).collect();
        groups.sort_by_key(|(first, ..)| *first);
        groups.into_iter().map(|(_, like, members)| (like, members)).collect()
    }

    fn group(&mut self, members: &[&'p Change]) {
        let Some((first, others)) = members.split_first() else { return };
        self.one(first);
        if others.is_empty() {
            return;
        }
        let all = keys(others.iter().filter_map(|c| c.address.key.as_ref()), 6);
        let mut text = self.tell("act.alike", &[("n", &others.len().to_string()), ("all", &all)]);
        let own = differing(first, others);
        if !own.is_empty() {
            text.push_str(&self.tell("act.own", &[("list", &own.join(", "))]));
        }
        let text = wrap(&text, self.style.width, 10);
        self.line(&text);
    }

    /// Why, for people.
    fn reason(&self, reason: Reason) -> String {
        let key = match reason {
            Reason::ByTriggers => return "replace_triggered_by".into(),
            Reason::CannotUpdate => "act.why.cannot",
            Reason::Tainted => "act.why.tainted",
            Reason::ByRequest => "act.why.asked",
            Reason::NoResourceConfig => "act.why.no_config",
            Reason::WrongRepetition => "act.why.repetition",
            Reason::CountIndex => "act.why.beyond",
            Reason::EachKey => "act.why.key",
            Reason::ReplicaRemoved => "act.why.fewer",
            Reason::SpareForUpdate => "act.why.spare",
            Reason::NoModule => "act.why.no_module",
            Reason::NoMoveTarget => "act.why.no_target",
            Reason::ReadConfigUnknown => "act.why.unknown",
            Reason::ReadDependencyPending => "act.why.pending",
            Reason::CheckNested => "act.why.check",
        };
        self.tell(key, &[])
    }

    fn one(&mut self, change: &Change) {
        let (sign, ink, word) = kind(change);
        let mut head =
            format!("  {} {}", self.style.ink(ink, sign), self.style.strong(&clean(&change.address.to_string())));
        if let Some(key) = &change.deposed {
            head.push_str(&format!(" (deposed {})", clean(key)));
        }
        if let Some(from) = &change.previous_address {
            head.push_str(&format!(" (moved from {})", clean(&from.to_string())));
        }
        if let Some(by) = &change.importing {
            let from = match by {
                ImportBy::Id(id) => id.clone(),
                ImportBy::Identity(identity) => identity_text(identity),
            };
            head.push_str(&format!(" (imported from {})", clean(&from)));
        }
        let mut words: Vec<String> = Vec::new();
        words.extend((!word.is_empty()).then(|| self.tell(word, &[])));
        words.extend(change.reason.map(|why| self.reason(why)));
        let at = change.site.as_ref().and_then(|site| self.places.of(&self.plan.sources, site));
        words.extend(at.map(|(file, line)| self.style.faint(&format!("{}:{line}", clean(file)))));
        if !words.is_empty() {
            head.push_str(&format!("  # {}", words.join(", ")));
        }
        self.line(&head);
        match change.action {
            Action::NoOp | Action::Forget => {}
            _ => {
                let body = object(&change.before, &change.after, &change.replace_paths, 6, self.style);
                self.out.push_str(&body);
            }
        }
    }

    /// What providers put off.
    pub(super) fn deferred(&mut self) {
        if self.plan.deferred.is_empty() {
            return;
        }
        self.heading("Put off to a later plan");
        for put_off in &self.plan.deferred {
            let why = match put_off.reason {
                Deferral::Unknown => "its provider does not say why",
                Deferral::ConfigUnknown => "its arguments are not known yet",
                Deferral::ProviderConfigUnknown => "the configuration of its provider is not known yet",
                Deferral::AbsentPrereq => "something it needs is not there yet",
                Deferral::DeferredPrereq => "it is made from what is put off",
            };
            let (_, _, word) = kind(&put_off.change);
            let address = put_off.change.address.to_string();
            let word = if word.is_empty() { String::new() } else { format!("{word}, ") };
            let text =
                format!("  {} {}  # {word}{why}", self.style.ink(Ink::Warn, "…"), self.style.strong(&clean(&address)));
            self.line(&text);
        }
    }

    pub(super) fn outputs(&mut self) {
        let changed: Vec<_> = self.plan.outputs.iter().filter(|o| o.differs()).collect();
        if changed.is_empty() {
            return;
        }
        self.heading("Outputs");
        let width = changed.iter().map(|o| crate::report::style::columns(&o.name)).max().unwrap_or(0);
        for output in changed {
            let (sign, ink) = match (&output.before, &output.after) {
                (None, _) => ("+", Ink::Good),
                (_, None) => ("-", Ink::Bad),
                _ => ("~", Ink::Warn),
            };
            let value = match output.sensitive {
                true => diff::SENSITIVE.to_string(),
                false => diff::value(output.before.as_ref(), output.after.as_ref(), 2, self.style),
            };
            let name = crate::report::style::pad(&clean(&output.name), width);
            let line = format!("  {} {name} = {value}", self.style.ink(ink, sign));
            self.line(&line);
        }
    }
}

/// What happens to each attribute of the object itself.
fn shape(change: &Change) -> Vec<(&Str, Sign)> {
    let (before, after) = (change.before.entries().unwrap_or_default(), change.after.entries().unwrap_or_default());
    let entries = diff::union(before, after);
    entries.into_iter().filter_map(|(name, b, a)| Sign::of(b, a).map(|sign| (name, sign))).collect()
}

fn kind(change: &Change) -> (&'static str, Ink, &'static str) {
    match change.action {
        Action::NoOp => (">", Ink::Faint, ""),
        Action::Create => ("+", Ink::Good, ""),
        Action::Read => ("<=", Ink::Info, "act.read"),
        Action::Update => ("~", Ink::Warn, "act.in_place"),
        Action::DeleteCreate => ("-/+", Ink::Bad, "act.delete_create"),
        Action::CreateDelete => ("+/-", Ink::Bad, "act.create_delete"),
        Action::Delete => ("-", Ink::Bad, "act.removed"),
        Action::Spare => ("+/-", Ink::Warn, "act.spare"),
        Action::Forget => (".", Ink::Warn, "act.forgotten"),
    }
}

/// The attributes in which others are not as the first, with their values where these are few.
fn differing(first: &Change, others: &[&Change]) -> Vec<String> {
    let mut names: BTreeSet<&Str> = BTreeSet::new();
    let side = |change: &'_ Change, name: &str| -> (Option<Value>, Option<Value>) {
        (change.before.get(name).cloned(), change.after.get(name).cloned())
    };
    let all: Vec<&Str> = shape(first).into_iter().map(|(name, _)| name).collect();
    for other in others {
        for name in &all {
            if !names.contains(name) && !alike(&side(first, name), &side(other, name)) {
                names.insert(name);
            }
        }
    }
    names.into_iter().map(|name| own(name, std::iter::once(first).chain(others.iter().copied()))).collect()
}

fn alike(a: &(Option<Value>, Option<Value>), b: &(Option<Value>, Option<Value>)) -> bool {
    let one = |x: &Option<Value>, y: &Option<Value>| match (x, y) {
        (Some(x), Some(y)) => (x.is_unknown() && y.is_unknown()) || same(x, y),
        (None, None) => true,
        _ => false,
    };
    one(&a.0, &b.0) && one(&a.1, &b.1)
}

/// An attribute with its values and how many have each, while there are at most three.
fn own<'c>(name: &Str, all: impl Iterator<Item = &'c Change>) -> String {
    let mut values: BTreeMap<String, usize> = BTreeMap::new();
    for change in all {
        let part = |object: &Value| object.get(name).map_or_else(|| "null".to_string(), brief);
        let text = match (change.before.is_null(), change.after.is_null()) {
            (true, _) => part(&change.after),
            (_, true) => part(&change.before),
            _ => match (part(&change.before), part(&change.after)) {
                (b, a) if a == b => a,
                (b, a) => format!("{b} -> {a}"),
            },
        };
        *values.entry(text).or_default() += 1;
        if values.len() > 3 {
            return clean(name).into_owned();
        }
    }
    let opaque = |text: &String| text == diff::SENSITIVE || text.ends_with("entries") || text.ends_with("elements");
    if values.len() < 2 || values.keys().any(opaque) {
        return clean(name).into_owned();
    }
    let list: Vec<String> = values.into_iter().map(|(text, n)| format!("{text} ({n})")).collect();
    format!("{} = {}", clean(name), list.join(" or "))
}
