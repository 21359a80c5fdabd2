//! Where the state is kept, what runs straddle, and what both stand on: the `state` and `pipeline` blocks in `straddle`, and
//! Terraform's `backend` and `cloud` blocks.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::fields::{Evaluate, Fields};
use super::locations::risk_list;
use super::model::Spec;
use crate::diag::{Diagnostic, Span};
use crate::lang::ast::Block;
use crate::spread::model::LossOf;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;
use straddle_sdk::value::Str;

/// Where a state is kept, as written.
#[derive(Clone, Debug)]
pub struct Keep {
    pub kind: KeepKind,
    /// How long a holder of the lock may be silent.
    pub lease: Option<Duration>,
    pub encryption: Option<Encryption>,
    pub span: Span,
}

/// The kinds of place.
#[derive(Clone, Debug)]
pub enum KeepKind {
    /// A directory of this machine; `None`: that of the configuration.
    Local { directory: Option<Str> },
    /// A PostgreSQL database.
    Postgres { connection: Option<Str>, schema: Str, name: Str },
    /// A bucket.
    S3(S3Keep),
    /// One that straddle does not have, by its name.
    Other { name: Str },
}

/// A bucket, as written.
#[derive(Clone, Debug)]
pub struct S3Keep {
    pub bucket: Str,
    pub key: Str,
    pub region: Option<Str>,
    pub endpoint: Option<Str>,
    pub path_style: bool,
    pub profile: Option<Str>,
    pub access_key: Option<Str>,
    pub secret_key: Option<Str>,
}

/// Where the key comes from, as written: one of the three.
#[derive(Clone, Debug)]
pub struct Encryption {
    pub env: Option<Str>,
    pub file: Option<Str>,
    pub command: Option<Vec<Str>>,
    /// A former key, by the environment variable that holds it.
    pub former_env: Option<Str>,
    pub span: Span,
}

/// Something that running straddle needs, and where it stands.
#[derive(Clone, Debug)]
pub struct Need {
    /// As in a message: `the state`, `the pipeline "github"`.
    pub title: String,
    /// Indices of shared risks.
    pub shares: Vec<usize>,
    /// Level and domain.
    pub domains: Vec<(Str, Str)>,
    pub span: Span,
}

/// Reads the `state` and `pipeline` blocks of the `straddle` block. Risks are known by now.
pub(super) fn lower(spec: &mut Spec, blocks: &[Block], evaluate: Evaluate<'_>, problems: &RefCell<Vec<Diagnostic>>) {
    let Some(own) = blocks.iter().find(|b| &*b.kind.name == "straddle") else { return };
    for block in &own.body.blocks {
        let fields = Fields::of(block, evaluate, problems);
        let label = match block.labels.as_slice() {
            [one] => one.text.clone(),
            _ => {
                let kind = &block.kind.name;
                let example = if &**kind == "state" { "s3" } else { "github" };
                let problem =
                    Diagnostic::error("Wrong number of labels", format!("A \"{kind}\" block has exactly one label."));
                fields.report(problem.at(&block.header).help(format!("For example: {kind} \"{example}\" {{")));
                continue;
            }
        };
        let title = match &*block.kind.name {
            "state" => {
                if let Some(first) = &spec.keep {
                    let problem = Diagnostic::error("Duplicate block", "There is one \"state\" block at most.");
                    fields.report(
                        problem.at(&block.header).related(&first.span, "the first one").help("Remove one of the two."),
                    );
                    continue;
                }
                spec.keep = state(&label, &fields);
                "the state and its lock".to_owned()
            }
            "pipeline" => format!("the pipeline \"{label}\""),
            // Told where the straddle block is read.
            _ => continue,
        };
        let shares = risk_list(spec, &fields, "shares");
        let domains = fields.string_map("domains").unwrap_or_default();
        for (level, _) in &domains {
            if !spec.topology.levels.iter().any(|known| **known == **level) {
                fields.report(
                    Diagnostic::error("Unknown level", format!("\"{level}\" is not one of the levels."))
                        .at(&fields.span("domains"))
                        .help(format!("The levels are {}.", spec.topology.levels.join(", "))),
                );
            }
        }
        fields.finish_by_ref();
        spec.needs.push(Need { title, shares, domains, span: block.header.clone() });
    }
}

fn required(fields: &Fields<'_>, name: &'static str, example: &str) -> Option<Str> {
    let value = fields.string(name);
    if value.is_none() {
        fields.missing(name, example);
    }
    value
}

fn state(label: &str, fields: &Fields<'_>) -> Option<Keep> {
    let kind = match label {
        "local" => KeepKind::Local { directory: fields.string("directory") },
        "postgres" | "pg" => KeepKind::Postgres {
            connection: fields.string("connection"),
            schema: fields.string("schema").unwrap_or_else(|| "straddle".into()),
            name: required(fields, "name", "\"prod/web\"")?,
        },
        "s3" => KeepKind::S3(S3Keep {
            bucket: required(fields, "bucket", "\"acme-states\"")?,
            key: required(fields, "key", "\"prod/web\"")?,
            region: fields.string("region"),
            endpoint: fields.string("endpoint"),
            path_style: fields.flag("path_style").unwrap_or(false),
            profile: fields.string("profile"),
            access_key: None,
            secret_key: None,
        }),
        other => {
            let problem = Diagnostic::error("No such place for a state", format!("\"{other}\" is none that is known."));
            fields.report(problem.at(fields.header()).help("There are local, postgres and s3."));
            return None;
        }
    };
    let lease = fields.duration("lease");
    if lease.is_some_and(|lease| lease < Duration::from_secs(1)) {
        let problem = Diagnostic::error("Lease too short", "A lease is renewed three times within its length.");
        fields.report(problem.at(&fields.span("lease")).help("Give it at least \"1s\"; \"60s\" is the default."));
    }
    let encryption = fields.block("encryption").and_then(|block| encryption(&fields.inside(block)));
    Some(Keep { kind, lease, encryption, span: fields.header().clone() })
}

fn encryption(fields: &Fields<'_>) -> Option<Encryption> {
    let found = Encryption {
        env: fields.string("key_env"),
        file: fields.string("key_file"),
        command: fields.strings("key_command"),
        former_env: fields.string("former_key_env"),
        span: fields.header().clone(),
    };
    let sources =
        usize::from(found.env.is_some()) + usize::from(found.file.is_some()) + usize::from(found.command.is_some());
    if sources != 1 || found.command.as_ref().is_some_and(Vec::is_empty) {
        let detail = "The key comes from exactly one of key_env, key_file and key_command.";
        fields.report(
            Diagnostic::error("Where the key comes from", detail)
                .at(fields.header())
                .help("For example: key_env = \"STRADDLE_STATE_KEY\""),
        );
        return None;
    }
    fields.finish_by_ref();
    Some(found)
}

/// Reads Terraform's `backend` block. What it asks for beyond what straddle does is refused by name.
pub fn backend(block: &Block, evaluate: Evaluate<'_>, problems: &RefCell<Vec<Diagnostic>>) -> Option<Keep> {
    let fields = Fields::of(block, evaluate, problems);
    let label = block.labels.first().map_or_else(|| Str::from(""), |l| l.text.clone());
    let kind = match &*label {
        "local" => {
            let directory = fields.string("path").map(|path| match path.rsplit_once('/') {
                Some((directory, _)) => directory.into(),
                None => Str::from("."),
            });
            fields.string("workspace_dir");
            KeepKind::Local { directory }
        }
        "pg" => {
            for ignored in ["skip_schema_creation", "skip_table_creation", "skip_index_creation"] {
                fields.flag(ignored);
            }
            KeepKind::Postgres {
                connection: fields.string("conn_str"),
                schema: fields.string("schema_name").unwrap_or_else(|| "terraform_remote_state".into()),
                name: "state".into(),
            }
        }
        "s3" => s3_backend(&fields)?,
        _ => {
            return Some(Keep {
                kind: KeepKind::Other { name: label },
                lease: None,
                encryption: None,
                span: block.header.clone(),
            });
        }
    };
    fields.finish_by_ref();
    Some(Keep { kind, lease: None, encryption: None, span: block.header.clone() })
}

fn s3_backend(fields: &Fields<'_>) -> Option<KeepKind> {
    // What only says how Terraform locks, or spares it a check.
    for ignored in [
        "use_lockfile",
        "encrypt",
        "skip_credentials_validation",
        "skip_region_validation",
        "skip_metadata_api_check",
        "skip_requesting_account_id",
        "skip_s3_checksum",
        "insecure",
    ] {
        fields.flag(ignored);
    }
    fields.string("dynamodb_table");
    let endpoint = fields.string("endpoint").or_else(|| {
        let endpoints = fields.string_map("endpoints").unwrap_or_default();
        endpoints.into_iter().find(|(name, _)| &**name == "s3").map(|(_, address)| address)
    });
    let old_style = fields.flag("force_path_style").unwrap_or(false);
    Some(KeepKind::S3(S3Keep {
        bucket: required(fields, "bucket", "\"acme-states\"")?,
        key: required(fields, "key", "\"prod/web\"")?,
        region: fields.string("region"),
        endpoint,
        path_style: fields.flag("use_path_style").unwrap_or(old_style),
        profile: fields.string("profile"),
        access_key: fields.string("access_key"),
        secret_key: fields.string("secret_key"),
    }))
}

impl Spec {
    /// What running straddle needs and a loss takes that a survive rule names: then the answer to the loss goes with it.
    pub fn stranded(&self) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for need in &self.needs {
            for (name, what) in self.named_losses(need) {
                let title = &need.title;
                let detail = format!(
                    "{what} takes {title} with it, and {name} is to survive that: whoever answers the loss could neither read \
                     nor write the state."
                );
                found.push(
                    Diagnostic::warning(format!("A loss takes {title}"), detail)
                        .at(&need.span)
                        .help("Keep it outside of every loss that a survive rule names, or accept the loss."),
                );
            }
        }
        found
    }

    /// Workload and loss, each once.
    fn named_losses(&self, need: &Need) -> BTreeSet<(String, String)> {
        let risks = &self.topology.risks;
        let mut all: BTreeSet<usize> = need.shares.iter().copied().collect();
        let mut more: Vec<usize> = need.shares.clone();
        while let Some(risk) = more.pop() {
            let deeper = risks.get(risk).map_or(&[][..], |risk| &risk.depends_on);
            more.extend(deeper.iter().filter(|d| all.insert(**d)));
        }
        let mut found = BTreeSet::new();
        for workload in &self.workloads {
            let name = format!("workload \"{}\"", workload.rules.name);
            for rule in &workload.rules.survive {
                match &rule.of {
                    LossOf::Level(level) => {
                        for (_, domain) in need.domains.iter().filter(|(l, _)| **l == **level) {
                            found.insert((name.clone(), format!("The loss of {level} \"{domain}\"")));
                        }
                    }
                    LossOf::Kind(kind) => {
                        for risk in all.iter().filter_map(|r| risks.get(*r)).filter(|risk| risk.kind == *kind) {
                            found.insert((name.clone(), format!("The loss of {kind} \"{}\"", risk.name)));
                        }
                    }
                }
            }
        }
        found
    }
}
