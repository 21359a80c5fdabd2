//! What a cloud says, as diagnostics.

use crate::error::{Refusal, StoreError};
use straddle_sdk::provider::{Diagnostic, Diagnostics};

/// A refusal for the user: what, why, and the way out.
pub(super) fn refused(refusal: &Refusal) -> Diagnostic {
    let (summary, attribute) = match refusal {
        Refusal::Down(_) => ("Down", None),
        Refusal::Unreachable(_) => ("No answer", None),
        Refusal::QuotaExceeded { .. } => ("Quota exceeded", None),
        Refusal::NotFound(..) => ("Not found", None),
        Refusal::Elsewhere { .. } => ("In another cloud", None),
        Refusal::Dangling { attribute, .. } => ("Dangling reference", Some(*attribute)),
        Refusal::InUse { .. } => ("In use", None),
        Refusal::Duplicate { .. } => ("Exists already", None),
        Refusal::TokenReused { .. } => ("Token used before", None),
        Refusal::Invalid { attribute, .. } => ("Invalid argument", Some(*attribute)),
        Refusal::Throttled { .. } => ("Throttled", None),
        Refusal::Injected(_) => ("Internal error", None),
        Refusal::ReplyLost(_) => ("Reply lost", None),
        Refusal::Partial(_) => ("Done in part", None),
        Refusal::Stale(_) => ("Stale read", None),
        Refusal::Hanging(_) => ("No answer", None),
    };
    let diagnostic = Diagnostic::error(summary, sentence(&refusal.to_string()));
    match attribute {
        Some(name) => diagnostic.attribute(name),
        None => diagnostic,
    }
}

/// A store that cannot be used.
pub(super) fn broken(error: &StoreError) -> Diagnostics {
    Diagnostic::error("Store of the simulated clouds", sentence(&error.to_string())).into()
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
