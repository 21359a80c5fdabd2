//! What straddle answers for: the state, the journal it is folded from, the file both live in.
//!
//! * [`State`] and what is in it are plain data; [`fold`] is the only place where they change.
//! * [`Entry`] is what can happen. `Begin` is durable before a call leaves, `End` before a dependent starts.

mod batch;
mod cells;
pub mod clock;
pub mod edit;
mod error;
mod fold;
mod history;
mod journal;
mod json;
mod lock;
mod model;
mod page;
mod past;
mod paths;
mod place;
mod read;
mod rows;
pub mod seal;
mod sealing;
mod shared;
pub mod show;
mod store;
pub mod taint;
pub mod v4;
mod wal;
mod writer;

pub use clock::now;
pub use error::StateError;
pub use fold::{Change, Illegal, fold, replay};
pub use history::{History, Line, PastRun};
pub use journal::{
    ActionId, Bearings, Begin, End, Entry, How, Kind, Open, OpenActions, Outcome, Record, Run, RunBegin, RunEnd,
    RunOutcome, Tally, fingerprint,
};
pub use json::{Json, JsonError};
pub use lock::Holder;
pub use model::{
    Boot, DeposedKey, Displaced, Failover, Form, Identity, Loss, Note, NoteKey, Object, ObjectId, Output, ProviderRef,
    Rule, State, Stood, Time, WRITER, Word,
};
pub use place::{LEASE, Local, Place, PostgresServer, S3Server, Server, SharedPlace};
pub use read::{
    FILE, Loaded, Source, TERRAFORM_FILE, history, holder, image, load, oldest, remove, restore, version, workspaces,
};
pub use store::{LockRequest, Notice, Store, TerraformState, Ticket, Unlocked, WriteHook, WritePoint, force_unlock};

#[cfg(test)]
mod tests;
