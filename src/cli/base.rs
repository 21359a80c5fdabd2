//! The base of a change: the code of another commit, held against the same state and the same reality.

use super::args::{DriftArgs, VarArgs};
use super::drift::{differences, planned};
use super::planning;
use super::print::Printer;
use super::session::Project;
use crate::diag::Diagnostic;
use crate::promise::change::{Approval, people};
use crate::report::drift::{Base as Before, rule_changes};
use crate::spec::Spec;
use crate::state::State;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The code of a commit, in a directory of its own that goes with it.
pub struct Base {
    reference: String,
    commit: String,
    project: Project,
    _kept: tempfile::TempDir,
}

type Problem = Box<Diagnostic>;

fn problem(detail: String) -> Problem {
    Box::new(
        Diagnostic::error("The base cannot be read", detail)
            .help("Name a commit or branch that is there: git fetch first."),
    )
}

/// Asks git. Nothing of the repository is written to.
fn git(words: &[&str]) -> Result<Vec<u8>, Problem> {
    let run = Command::new("git").args(words).stdin(Stdio::null()).output();
    let output = run.map_err(|e| problem(format!("git cannot be run: {e}.")))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(problem(format!("git {} says: {}.", words[0], said.trim().trim_end_matches('.'))))
}

fn line(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

/// Reads this directory's code as it is in a commit.
///
/// # Errors
/// There is no such commit, or this is no git repository.
pub fn read(reference: &str, vars: &VarArgs) -> Result<Base, Problem> {
    let commit = line(
        git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{reference}^{{commit}}")])
            .map_err(|_| problem(format!("There is no commit \"{reference}\" here.")))?,
    );
    let top = PathBuf::from(line(git(&["rev-parse", "--show-toplevel"])?));
    let prefix = line(git(&["rev-parse", "--show-prefix"])?);
    let kept = tempfile::tempdir().map_err(|e| problem(format!("No room for its files: {e}.")))?;
    // The whole tree: modules may lie beside the directory.
    let top_text = top.to_string_lossy().into_owned();
    let archive = git(&["-C", &top_text, "archive", "--format=tar", &commit])?;
    let mut archive = tar::Archive::new(archive.as_slice());
    archive.set_preserve_permissions(false);
    archive.unpack(kept.path()).map_err(|e| problem(format!("Its files cannot be unpacked: {e}.")))?;
    let texts = kept.path().join(prefix.trim_end_matches('/'));
    // Modules brought by `init` are in no commit: those that are here serve both.
    let data = super::workspace::data_dir();
    if texts.is_dir() && data.is_relative() && data.is_dir() && !texts.join(&data).exists() {
        let here = std::path::absolute(&data).map_err(|e| problem(e.to_string()))?;
        // Without it the base counts as failed, which is said.
        let _ = std::os::unix::fs::symlink(here, texts.join(&data));
    }
    let project = Project::in_place_of(Path::new("."), &texts, vars);
    Ok(Base { reference: reference.to_owned(), commit, project, _kept: kept })
}

impl Base {
    /// What the base's code makes of the same state. Where it cannot be planned at all, nothing is known of what was so before.
    pub async fn check(&self, state: &State, head: &Project, args: &DriftArgs, printer: &Printer) -> Before {
        let mut before = match self.differences(state, args.parallelism).await {
            Ok(before) => before,
            Err(problems) => {
                for problem in &problems {
                    printer.error(&format!("the base {}: {}. {}", self.reference, problem.summary, problem.detail));
                }
                Before::unknown(&self.reference, &self.commit)
            }
        };
        before.rules = self.rules(head, &args.approved_by);
        before
    }

    async fn differences(&self, state: &State, parallelism: usize) -> Result<Before, Vec<Diagnostic>> {
        if self.project.has_errors() {
            return Err(self.project.problems.iter().filter(|p| p.is_error()).cloned().collect());
        }
        let scene = planning::look_leniently(&self.project, state, parallelism).await?;
        let made = planned(&self.project, &scene, None).await;
        let before = match &made {
            Ok((plan, failed)) => {
                let found = differences(&self.project, &scene, plan);
                let mut before = Before::of(&self.reference, &self.commit, &found);
                before.failed = *failed;
                Ok(before)
            }
            Err(_) => Err(vec![Diagnostic::error("It cannot be planned", "Not even what stands can be told with it.")]),
        };
        scene.fleet.shutdown().await;
        before
    }

    fn rules(&self, head: &Project, approvals: &[Approval]) -> Vec<crate::report::drift::RuleChange> {
        let (was, is) = (&self.project.spec, &head.spec);
        let names: BTreeSet<&str> = was.workloads.iter().chain(&is.workloads).map(|w| w.rules.name.as_str()).collect();
        let nothing = BTreeMap::new();
        // As the code before the change has it: a change does not loosen what it must itself be approved by.
        let needed = was.promises.changes.iter().map(|rule| rule.weaken).max().unwrap_or(0).max(1);
        let approved = |rule: &str| people(approvals, rule) >= needed;
        let mut found = Vec::new();
        for name in names {
            let prints = |spec: &'_ Spec| spec.workload(name).map_or(nothing.clone(), |w| w.fingerprints.clone());
            found.extend(rule_changes(name, &prints(was), &prints(is), &approved));
        }
        found
    }
}
