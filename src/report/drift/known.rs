//! What a team knows of its drift: differences that somebody lives with until a day, and how grave others are. The file is
//! `straddle-drift.hcl`, beside the spec.

use super::{Drift, Kind, Resource};
use crate::diag::{Diagnostic, FileId, Sources, Span};
use crate::lang::ast::Block;
use crate::lang::eval::{NoScope, eval};
use crate::lang::syntax::{Text, parse_body};
use jiff::civil::Date;
use std::fmt;

/// The file's name.
pub const FILE: &str = "straddle-drift.hcl";

/// How grave a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// A tag, a description.
    Low,
    /// What is not known to be worse.
    Medium,
    /// Something is gone, nobody can tell, or the door stands open.
    High,
    /// A rule is broken.
    Critical,
}

impl Severity {
    /// The word of the machine formats.
    pub fn key(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Severity> {
        [Severity::Low, Severity::Medium, Severity::High, Severity::Critical].into_iter().find(|s| s.key() == word)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// Parts of attributes' names that guard something.
const GUARDS: &[&str] = &[
    "ingress",
    "egress",
    "cidr",
    "policy",
    "acl",
    "public",
    "role",
    "iam",
    "principal",
    "permission",
    "kms",
    "encrypt",
    "password",
    "secret",
    "firewall",
    "security_group",
    "allow",
    "deny",
    "tls",
    "certificate",
    "ssl",
];
/// Attributes that only people read.
const WORDS: &[&str] = &["tags", "tags_all", "labels", "description", "comment", "annotations"];

/// One entry.
#[derive(Clone, Debug)]
struct Entry {
    pattern: String,
    /// Empty: whatever differs.
    paths: Vec<String>,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Ignore { owner: String, until: Date, reason: String },
    Severity(Severity),
}

/// The file, read.
#[derive(Clone, Debug, Default)]
pub struct Known {
    entries: Vec<Entry>,
}

impl Known {
    /// Reads the file's text. `today`: entries whose day has passed hold no more, and are told.
    pub fn read(file: FileId, sources: &Sources, today: Date) -> (Known, Vec<Diagnostic>) {
        let Some(source) = sources.files.get(file.0 as usize) else { return (Known::default(), Vec::new()) };
        let (body, mut problems) = parse_body(Text { file, name: &source.name, text: &source.text });
        let mut known = Known::default();
        for attribute in &body.attributes {
            problems.push(unknown(&attribute.name.name, &attribute.span));
        }
        for block in &body.blocks {
            match &*block.kind.name {
                "ignore" | "severity" => known.entries.extend(entry(block, today, &mut problems)),
                other => problems.push(unknown(other, &block.header)),
            }
        }
        (known, problems)
    }

    /// Puts what is known to a check: differences that somebody lives with are ignored, all have their severity.
    pub fn apply(&self, drift: &mut Drift<'_>) {
        for resource in &mut drift.resources {
            // That nobody could read it can be no matter of taste.
            if resource.kind != Kind::Unreadable {
                self.ignore(resource);
            }
            resource.severity = self.severity(resource);
        }
    }

    fn ignore(&self, resource: &mut Resource) {
        for entry in self.entries.iter().filter(|e| matches(&e.pattern, &resource.address)) {
            let What::Ignore { owner, until, reason } = &entry.what else { continue };
            let meant = |path: &str| entry.paths.iter().any(|p| starts(path, p));
            if entry.paths.is_empty() || (!resource.paths.is_empty() && resource.paths.iter().all(|p| meant(&p.path))) {
                resource.kind = Kind::Ignored;
                let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
                resource.words = format!("{owner} lives with it until {until}{reason}");
                return;
            }
            resource.paths.retain(|p| !meant(&p.path));
        }
    }

    fn severity(&self, resource: &Resource) -> Severity {
        let said = self.entries.iter().filter(|e| matches(&e.pattern, &resource.address)).filter_map(|entry| {
            let What::Severity(severity) = &entry.what else { return None };
            let touched = resource.paths.iter().any(|path| entry.paths.iter().any(|p| starts(&path.path, p)));
            (entry.paths.is_empty() || touched).then_some(*severity)
        });
        said.max().unwrap_or_else(|| severity_of(resource))
    }
}

/// How grave a difference is when nobody has said so.
pub(super) fn severity_of(resource: &Resource) -> Severity {
    match resource.kind {
        Kind::Unreadable | Kind::Missing => Severity::High,
        Kind::Unmanaged => Severity::Medium,
        Kind::Ignored => Severity::Low,
        Kind::Changed => {
            let of = |path: &str| {
                let root = path.split(['.', '[']).next().unwrap_or_default().to_ascii_lowercase();
                if WORDS.contains(&root.as_str()) {
                    Severity::Low
                } else if GUARDS.iter().any(|guard| path.to_ascii_lowercase().contains(guard)) {
                    Severity::High
                } else {
                    Severity::Medium
                }
            };
            resource.paths.iter().map(|p| of(&p.path)).max().unwrap_or(Severity::Medium)
        }
    }
}

fn starts(path: &str, with: &str) -> bool {
    path.strip_prefix(with).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Whether a text matches a pattern in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn unknown(name: &str, span: &Span) -> Diagnostic {
    let detail = format!("{FILE} has no \"{name}\".");
    Diagnostic::error("Unsupported block type", detail).at(span).help("It has blocks \"ignore\" and \"severity\".")
}

fn entry(block: &Block, today: Date, problems: &mut Vec<Diagnostic>) -> Option<Entry> {
    let kind = &block.kind.name;
    let [label] = block.labels.as_slice() else {
        let detail = format!("\"{kind}\" has one label: the address, in which * stands for anything.");
        problems.push(Diagnostic::error("Wrong number of labels", detail).at(&block.header));
        return None;
    };
    let known: &[&str] = if &**kind == "ignore" { &["paths", "owner", "until", "reason"] } else { &["paths", "level"] };
    for attribute in block.body.attributes.iter().filter(|a| !known.contains(&&*a.name.name)) {
        let detail = format!("\"{kind}\" has no argument \"{}\".", attribute.name.name);
        let help = format!("It may have: {}.", known.join(", "));
        problems.push(Diagnostic::error("Unsupported argument", detail).at(&attribute.span).help(help));
    }
    let mut value = |name: &str| {
        let attribute = block.body.attribute(name)?;
        let (value, found) = eval(&attribute.expr, &NoScope);
        problems.extend(found);
        Some(value)
    };
    let paths = value("paths").and_then(|v| {
        v.items().map(|items| items.iter().filter_map(|i| i.as_str().map(str::to_owned)).collect::<Vec<_>>())
    });
    let mut text = |name: &str| value(name).and_then(|v| v.as_str().map(str::to_owned));
    let (owner, until, reason, level) = (text("owner"), text("until"), text("reason"), text("level"));
    let pattern = label.text.to_string();
    let paths = paths.unwrap_or_default();
    if &**kind == "severity" {
        let Some(level) = level.as_deref().and_then(Severity::parse) else {
            let problem = Diagnostic::error("Missing level", "\"level\" is one of low, medium, high, critical.");
            problems.push(problem.at(&block.header));
            return None;
        };
        return Some(Entry { pattern, paths, what: What::Severity(level) });
    }
    let until = until.and_then(|text| text.parse::<Date>().ok());
    let (Some(owner), Some(until)) = (owner.filter(|o| !o.is_empty()), until) else {
        let detail = "A difference that is ignored has an owner and a day on which that ends.";
        let help = "For example: owner = \"kim\" and until = \"2027-03-31\"";
        problems.push(Diagnostic::error("Nobody answers for it", detail).at(&block.header).help(help));
        return None;
    };
    if until < today {
        let detail = format!("{owner} lived with it until {until}: it is told again.");
        let problem = Diagnostic::warning(format!("ignore \"{pattern}\" has run out"), detail).at(&block.header);
        problems.push(problem.help("Mend what it is about, or give it a new day."));
        return None;
    }
    Some(Entry { pattern, paths, what: What::Ignore { owner, until, reason: reason.unwrap_or_default() } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, fits) in [
            ("a.b", "a.b", true),
            ("a.b", "a.bc", false),
            ("a.*", "a.b[0]", true),
            ("*", "", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abde", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
