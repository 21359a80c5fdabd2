//! Checks any provider can be run through: in process, or as a process by whoever can talk to one.
//!
//! Give [`check`] a [`Subject`] and a few [`Sample`]s; it makes, changes, reads, imports and deletes real objects, so give it a
//! provider whose objects may come and go. What breaks a rule of the protocol, or would surprise a user, is a [`Finding`].
//!
//! ```no_run
//! # use straddle_sdk::{conformance::*, provider::prelude::*};
//! # async fn run<P: Provider>(provider: P) {
//! let server = Sample::new("acme_server", [("zone", Value::string("a")), ("size", Value::string("s"))])
//!     .change([("zone", Value::string("a")), ("size", Value::string("l"))])
//!     .import_by("id");
//! let report = check(&InProcess::new(provider, &[]).await, &[server]).await;
//! assert!(report.findings.is_empty(), "{report}");
//! # }
//! ```

mod life;
mod rules;
mod subject;

pub use subject::{InProcess, Object, Planned, Subject, SubjectSchemas};

use crate::value::{Str, Value};
use std::fmt;

/// A configuration to try, and changes of it.
#[derive(Clone, Debug)]
pub struct Sample {
    type_name: Str,
    config: Vec<(Str, Value)>,
    changes: Vec<Vec<(Str, Value)>>,
    import_by: Option<Str>,
}

impl Sample {
    /// A resource with these attributes and blocks written, the rest not.
    pub fn new<N: Into<Str>>(type_name: impl Into<Str>, config: impl IntoIterator<Item = (N, Value)>) -> Sample {
        let config = config.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Sample { type_name: type_name.into(), config, changes: Vec::new(), import_by: None }
    }

    /// What is written instead in a later step, one after the other.
    pub fn change<N: Into<Str>>(mut self, config: impl IntoIterator<Item = (N, Value)>) -> Sample {
        self.changes.push(config.into_iter().map(|(name, value)| (name.into(), value)).collect());
        self
    }

    /// The attribute whose value the object can be imported by.
    pub fn import_by(mut self, attribute: impl Into<Str>) -> Sample {
        self.import_by = Some(attribute.into());
        self
    }
}

/// A rule that the provider breaks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The type concerned.
    pub type_name: Str,
    /// The rule.
    pub rule: &'static str,
    /// How it is broken.
    pub what: String,
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Broken rules, in order of discovery.
    pub findings: Vec<Finding>,
    /// How many rules were looked at, broken or not.
    pub checked: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} rules checked, {} broken", self.checked, self.findings.len())?;
        for finding in &self.findings {
            writeln!(f, "  {}: {}: {}", finding.type_name, finding.rule, finding.what)?;
        }
        Ok(())
    }
}

impl Report {
    /// Looks at one rule. The words are asked for when it is broken.
    fn rule(&mut self, type_name: &Str, rule: &'static str, kept: bool, what: impl FnOnce() -> String) -> bool {
        self.checked += 1;
        if !kept {
            self.findings.push(Finding { type_name: type_name.clone(), rule, what: what() });
        }
        kept
    }
}

/// Runs a provider through everything: its schemas, and the life of each sample.
pub async fn check(subject: &impl Subject, samples: &[Sample]) -> Report {
    let mut report = Report::default();
    let schemas = subject.schemas();
    let provider = Str::from("provider");
    rules::schema(&mut report, &provider, &schemas.provider.block, false);
    for (name, schema) in schemas.resources.iter().chain(&schemas.data_sources) {
        rules::schema(&mut report, name, &schema.block, true);
    }
    for sample in samples {
        match schemas.resources.get(&sample.type_name) {
            Some(schema) => life::live(&mut report, subject, schema, sample).await,
            None => {
                report.rule(&sample.type_name, "the type is there", false, || "no such resource type".to_owned());
            }
        }
    }
    report
}
