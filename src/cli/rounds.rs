//! A plan carried out, and as many after it as it takes where that is wanted: elsewhere, or as reality has moved.

use super::Exit;
use super::apply::one_plan;
use super::args::ApplyArgs;
use super::print::Printer;
use super::session::Project;
use crate::plan::model::Kind;
use crate::state::Store;

/// How often the rest is planned anew at most: what moves more often than that is not to be chased by a machine.
const MOST_REPLANS: usize = 3;

/// Plans and carries out; with `-auto-replan` again, where reality has moved under the plan.
pub async fn plan_and_apply(
    project: &Project,
    store: &Store,
    kind: Kind,
    args: &ApplyArgs,
    operation: &str,
    printer: &Printer,
) -> Exit {
    // Each is large, and none lives beside another.
    let mut ended = Box::pin(one_plan(project, store, kind.clone(), args, operation, printer)).await;
    let mut tried = args.clone();
    for _ in 1..=MOST_REPLANS {
        let new = ended.elsewhere.iter().filter(|place| !tried.planning.avoid.contains(place)).count();
        if new == 0 {
            break;
        }
        tried.planning.avoid.append(&mut ended.elsewhere);
        let places: Vec<&str> = tried.planning.avoid.iter().map(|(_, place)| place.as_str()).collect();
        printer.error(&format!(
            "new replicas did not serve in {}; others are planned elsewhere, if ratio and rules allow it (alternate)",
            places.join(", ")
        ));
        // Whoever wrote it into the spec has agreed to what is planned next.
        tried.auto_approve = true;
        let before = ended.exit;
        ended = Box::pin(one_plan(project, store, kind.clone(), &tried, operation, printer)).await;
        if !matches!(ended.exit, Exit::Done | Exit::Partial) {
            // It could not be: what stands is what the first plan has left.
            return before.worse(ended.exit);
        }
    }
    for round in 1..=MOST_REPLANS {
        if !ended.moved || !args.auto_replan {
            break;
        }
        printer.error(&format!(
            "what is there has moved under the plan; the rest is planned anew ({round} of {MOST_REPLANS} times)"
        ));
        // Whoever gave the flag has agreed to what is planned next.
        let again = ApplyArgs { auto_approve: true, ..args.clone() };
        ended = Box::pin(one_plan(project, store, kind.clone(), &again, operation, printer)).await;
    }
    // What could not be reached is destroyed by nobody yet.
    if ended.leaves && ended.exit == Exit::Done { Exit::Partial } else { ended.exit }
}
