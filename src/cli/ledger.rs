//! The shared ledger's pages, one file a state in the directory that `straddle { ledger = "..." }` names.

use super::failover::person;
use super::session::Project;
use crate::diag::Diagnostic;
use crate::plan::ledger::{FORMAT, Foreign, Moment, Page, foreign, grows_in, page, risen, totals};
use crate::plan::model::Plan;
use crate::spread::model::Topology;
use crate::state::{Store, now};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A change that is not over by then has died, and holds what it holds.
const LONGEST_CHANGE_MS: i64 = 3_600_000;

fn directory(project: &Project) -> Option<PathBuf> {
    Some(project.directory.join(&*project.spec.ledger.as_ref()?.0))
}

/// Everybody's pages.
fn pages(directory: &Path) -> Result<Vec<Page>, String> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("{}: {error}", directory.display())),
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let page: Page = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        let fits = page.workloads.iter().all(|w| {
            let n = w.rules.places.len();
            [&w.existing, &w.ready, &w.most].iter().all(|counts| counts.len() == n)
        });
        match page.format == FORMAT && fits {
            true => Ok(page),
            false => Err(format!("{}: not a page of this version's form", path.display())),
        }
    };
    paths.iter().map(read).collect()
}

fn unusable(project: &Project, why: &str) -> Diagnostic {
    let problem = Diagnostic::error(
        "The shared ledger cannot be used",
        format!("{why}. Without it nobody knows how much room other states need."),
    )
    .help("See to the file or the directory, or take \"ledger\" out of the straddle block: this state then counts for itself alone.");
    match &project.spec.ledger {
        Some((_, span)) => problem.at(span),
        None => problem,
    }
}

/// Workloads of other states in locations of this one.
pub fn beside(project: &Project, lineage: &str, topology: &Topology, problems: &mut Vec<Diagnostic>) -> Vec<Foreign> {
    let Some(directory) = directory(project) else { return Vec::new() };
    match pages(&directory) {
        Ok(pages) => foreign(&pages, lineage, topology, now().0),
        Err(why) => {
            problems.push(unusable(project, &why));
            Vec::new()
        }
    }
}

/// Says what this state holds, or will hold at most; refused where others have taken room since the plan was made.
pub fn publish(project: &Project, store: &Store, plan: &Plan, moment: Moment) -> Result<(), Box<Diagnostic>> {
    let Some(directory) = directory(project) else { return Ok(()) };
    // A plan may have been made before there was a state.
    let lineage = store.with_state(|s| s.lineage.to_string());
    let told = |why: String| Box::new(unusable(project, &why));
    let io = |error: std::io::Error| told(format!("{}: {error}", directory.display()));
    std::fs::create_dir_all(&directory).map_err(io)?;
    // One at a time: looking and saying belong together.
    let lock = File::create(directory.join("lock")).map_err(io)?;
    lock.lock().map_err(io)?;
    if let Moment::During(_) = moment {
        let others = foreign(&pages(&directory).map_err(told)?, &lineage, &plan.topology, now().0);
        let more = risen(&plan.beside, &totals(&others, &plan.topology), &grows_in(plan));
        if !more.is_empty() {
            return Err(Box::new(
                Diagnostic::error(
                    "Other states have taken room since this was planned",
                    format!("{}. Each of the two plans may be safe, and both together are not.", more.join("; ")),
                )
                .help("Plan again: the new plan counts with what they hold now."),
            ));
        }
    }
    let text = serde_json::to_string(&page(plan, &lineage, moment, &name(project), now().0))
        .map_err(|e| told(e.to_string()))?;
    let file = directory.join(format!("{lineage}.json"));
    let new = directory.join(format!("{lineage}.new"));
    std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, &file)).map_err(io)
}

/// When a change that begins now is given up for dead.
pub fn during() -> Moment {
    Moment::During(now().0.saturating_add(LONGEST_CHANGE_MS))
}

/// The directory's own name tells people whose page it is.
fn name(project: &Project) -> String {
    let directory = project.directory.components().next_back();
    directory.map_or_else(|| person("ledger"), |c| c.as_os_str().to_string_lossy().into_owned())
}
