//! straddle's own blocks: `straddle`, `location`, `shared_risk`, `workload` and what stands in them.
//!
//! [`lower`] turns blocks into a [`Spec`]: plain data of the spread engine plus templates. Rules are constants of the module: their
//! expressions may use variables, locals and functions, nothing that only apply knows.

mod accept;
mod amounts;
mod fields;
mod groups;
mod keep;
mod locations;
mod model;
pub mod probes;
mod promises;
mod rollout;
pub mod runbooks;
mod templates;
mod workload;

pub use fields::{Evaluate, parse_duration};
pub use keep::{Encryption, Keep, KeepKind, Need, S3Keep, backend};
pub use model::{Accept, FailoverMode, LocationSpec, Spec, Template, Watching, WorkloadSpec};

use crate::diag::Diagnostic;
use crate::lang::ast::Block;
use std::cell::RefCell;

/// Lowers all own blocks of a module. Every mistake found is in the second part; with an error among them the spec is incomplete
/// and good for nothing but further checks.
pub fn lower(blocks: &[Block], evaluate: Evaluate<'_>) -> (Spec, Vec<Diagnostic>) {
    let problems = RefCell::new(Vec::new());
    let mut spec = Spec::default();
    locations::lower(&mut spec, blocks, evaluate, &problems);
    keep::lower(&mut spec, blocks, evaluate, &problems);
    workload::lower(&mut spec, blocks, evaluate, &problems);
    promises::lower(&mut spec, blocks, evaluate, &problems);
    probes::lower(&mut spec, blocks, evaluate, &problems);
    runbooks::lower(&mut spec, blocks, evaluate, &problems);
    for block in blocks {
        let kind = &*block.kind.name;
        if matches!(kind, "standby" | "overflow") {
            problems.borrow_mut().push(
                Diagnostic::error("Block in the wrong place", format!("A \"{kind}\" block stands inside a workload."))
                    .at(&block.header)
                    .help(format!("Move it: workload \"web\" {{ {kind} {{ ... }} }}")),
            );
        }
    }
    (spec, problems.into_inner())
}
