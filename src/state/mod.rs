//! What straddle answers for: the state, the journal it is folded from, the file both live in.
//!
//! * [`State`] and what is in it are plain data; [`fold`] is the only place where they change.
//! * [`Entry`] is what can happen. `Begin` is durable before a call leaves, `End` before a dependent starts.

mod fold;
mod journal;
mod json;
mod model;

pub use fold::{Change, Illegal, fold, replay};
pub use journal::{
    ActionId, Begin, End, Entry, How, Kind, Open, OpenActions, Outcome, Record, Run, RunBegin, RunEnd, RunOutcome,
    Tally, fingerprint,
};
pub use json::{Json, JsonError};
pub use model::{
    Boot, DeposedKey, Displaced, Failover, Identity, Loss, Note, NoteKey, Object, ObjectId, Output, ProviderRef, Rule,
    State, Time, WRITER, Word,
};
