//! Which accepted losses are in force on a day.

use super::model::{Accept, Spec};
use crate::diag::Diagnostic;
use crate::spread::model::{Accepted, Event};
use jiff::civil::Date;

impl Spec {
    /// Gives every workload the losses that its owner lives with on `today`, and tells of those whose day has passed. The clock is
    /// the caller's, so that the same day always means the same plan.
    pub fn accept(&mut self, today: Date) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        let epoch = jiff::civil::date(1970, 1, 1);
        self.promises.today = today.since(epoch).map_or(0, |span| i64::from(span.get_days()));
        let accepts = std::mem::take(&mut self.accepts);
        for workload in &mut self.workloads {
            workload.rules.accepted.clear();
        }
        for accept in &accepts {
            // A day that cannot be read has been reported, and accepts nothing.
            let Ok(until) = accept.until.parse::<Date>() else { continue };
            match until < today {
                true => problems.push(ended(accept)),
                false => self.take(accept, &mut problems),
            }
        }
        self.accepts = accepts;
        problems
    }

    fn take(&mut self, accept: &Accept, problems: &mut Vec<Diagnostic>) {
        let lose: Vec<Event> = accept.lose.iter().filter_map(|name| self.event(name)).collect();
        if lose.is_empty() || lose.len() != accept.lose.len() {
            return;
        }
        let site = self.site(accept.span.clone());
        let (name, until) = (accept.name.to_string(), accept.until.to_string());
        let accepted = Accepted { name, lose, until, site };
        let meant = |name: &str| accept.workload.as_ref().is_none_or(|only| **only == *name);
        let mut used = false;
        for workload in self.workloads.iter_mut().filter(|w| meant(&w.rules.name)) {
            workload.rules.accepted.push(accepted.clone());
            used = true;
        }
        if let (false, Some(only)) = (used, &accept.workload) {
            problems.push(
                Diagnostic::error(
                    "Unknown workload",
                    format!("accept \"{}\" speaks of workload \"{only}\".", accept.name),
                )
                .at(&accept.span)
                .help("Name a workload of this spec, or leave \"workload\" out: the loss is then accepted for all."),
            );
        }
    }
}

fn ended(accept: &Accept) -> Diagnostic {
    Diagnostic::warning(
        "An accepted loss has run out",
        format!("accept \"{}\" held until {}: what it silenced is told again.", accept.name, accept.until),
    )
    .at(&accept.span)
    .help("Mend what it was about, or give it a new day.")
}
