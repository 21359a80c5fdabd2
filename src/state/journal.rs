//! The journal: what was done, in order. The state is the fold of it.
//!
//! The rule that everything rests on: a `Begin` is durable before the call it announces leaves, and its `End` is durable before
//! anything that depends on it starts. A `Begin` without an `End` is in doubt. It is resolved by asking (by token, by ownership
//! tag, by reading), never by doing it again blindly.

use super::json::Json;
use super::model::{
    DeposedKey, Failover, Loss, Note, NoteKey, Object, ObjectId, Output, ProviderRef, Rule, State, Time,
};
use crate::lang::address::Address;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use straddle_sdk::value::Path;

/// One line of the journal.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// Counts from 1, without gaps. Folding a record whose number was folded before changes nothing.
    pub number: u64,
    /// When it was written, by the machine's clock.
    pub at: Time,
    /// What happened.
    pub entry: Entry,
}

/// What can happen to a state.
#[derive(Clone, PartialEq, Debug)]
pub enum Entry {
    /// A command that may change something starts. A run still open was cut short.
    RunBegin(RunBegin),
    /// It ended by itself.
    RunEnd(RunEnd),
    /// A call that changes an object is about to leave.
    Begin(Begin),
    /// What became of it.
    End(End),
    /// Every action of a workload's step is done and its replicas are ready.
    StepDone {
        /// The workload.
        workload: String,
        /// Index of the step in the plan.
        step: u64,
    },
    /// An object is now known to be like this, or (`None`) not to be any more, without straddle having changed it.
    Known {
        /// Which.
        id: ObjectId,
        /// What is known.
        object: Option<Arc<Object>>,
        /// How.
        how: How,
    },
    /// An object has another address now: `moved`, `state mv`, or the current object becoming deposed.
    Moved {
        /// Until now.
        from: ObjectId,
        /// From now on. Must be free.
        to: ObjectId,
    },
    /// A failover is in effect, or its record has changed.
    Failover {
        /// What was lost.
        loss: Loss,
        /// The record.
        failover: Failover,
    },
    /// A failover is over.
    Failback {
        /// What had been lost.
        loss: Loss,
    },
    /// The rules of a workload as just applied; empty when the workload is gone.
    Rules {
        /// The workload.
        workload: String,
        /// All its rules by id.
        rules: BTreeMap<String, Rule>,
    },
    /// Something was measured; `None` forgets it.
    Note {
        /// What about.
        key: NoteKey,
        /// The measurement.
        note: Option<Note>,
    },
    /// An output has this value now, or (`None`) is gone.
    Output {
        /// Its name.
        name: String,
        /// Its value.
        output: Option<Output>,
    },
    /// The results of `check` blocks, in the form of Terraform's state format.
    Checks(Option<Json>),
    /// `state push`: everything a reader of Terraform's format sees is replaced, lineage and serial with it.
    Pushed(Arc<State>),
}

/// How something came to be known of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The provider was asked.
    Read,
    /// An existing object was taken over.
    Imported,
    /// A person edited the state (`state rm`, `state replace-provider`, `removed` blocks).
    Edited,
    /// The configuration says something else about it now; the object itself is as it was.
    Configured,
    /// All its provisioners have run well.
    Provisioned,
}

/// A command starts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RunBegin {
    /// Who, for example `kim@deploy-1`.
    pub who: String,
    /// The command, for example `apply`.
    pub command: String,
    /// Digest of the plan that is carried out, if there is one.
    pub plan: Option<String>,
}

/// A command ended by itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RunEnd {
    /// How.
    pub outcome: RunOutcome,
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Everything done.
    Done,
    /// Some steps failed or are in doubt.
    Partial,
    /// Stopped by a signal, gently.
    Stopped,
    /// The program did not live to say: found out by the next run.
    CutShort,
}

/// A run in the state and in the history.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Run {
    /// Counts from 1.
    pub number: u64,
    /// When it began.
    pub at: Time,
    /// Who, what, which plan.
    #[serde(flatten)]
    pub begin: RunBegin,
    /// The state's serial before it.
    pub serial: u64,
    /// What it did so far.
    pub tally: Tally,
}

/// Actions of a run, counted as they end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Objects created.
    pub created: u64,
    /// Objects changed in place.
    pub changed: u64,
    /// Objects deleted.
    pub deleted: u64,
    /// Actions that failed.
    pub failed: u64,
}

/// An action's name: the run that began it and its number therein. Printed `12.3`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ActionId {
    /// The run.
    pub run: u64,
    /// The action's number in the run, chosen by the driver.
    pub index: u64,
}

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.run, self.index)
    }
}

impl ActionId {
    /// Reads what [`fmt::Display`] prints.
    pub fn parse(text: &str) -> Option<ActionId> {
        let (run, index) = text.split_once('.')?;
        Some(ActionId { run: run.parse().ok()?, index: index.parse().ok()? })
    }
}

/// What a call does to an object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Makes it. No object may be known at the address.
    Create,
    /// Changes it in place.
    Update,
    /// Ends it.
    Delete,
}

/// A call is about to leave.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Begin {
    /// Its name.
    #[serde(with = "as_text")]
    pub action: ActionId,
    /// The object.
    #[serde(with = "as_text")]
    pub object: ObjectId,
    /// What is done to it.
    pub kind: Kind,
    /// Who is called: for a create nothing else in the state says so.
    #[serde(with = "as_text")]
    pub provider: ProviderRef,
    /// Makes the call recognisable where the provider can tell (idempotency token, ownership tag).
    pub token: String,
    /// [`fingerprint`] of the object before, if there was one.
    pub prior: Option<String>,
    /// Digest of the arguments sent.
    pub planned: Option<String>,
    /// The plan's step it belongs to, for people: `web step 3 of 7`.
    pub step: String,
    /// What the state is to remember beside the attributes, should only a later run learn that the object was made.
    #[serde(default, skip_serializing_if = "Bearings::is_nothing")]
    pub bearings: Box<Bearings>,
}

/// What a state remembers of an object and no provider can tell.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Bearings {
    /// What it was made from.
    #[serde(default, with = "address_texts")]
    pub dependencies: Vec<Address>,
    /// Attributes whose values came from sensitive ones.
    #[serde(default, with = "path_texts")]
    pub sensitive: Vec<Path>,
    /// A replacement is made before it is deleted.
    #[serde(default)]
    pub create_before_destroy: bool,
}

impl Bearings {
    fn is_nothing(&self) -> bool {
        *self == Bearings::default()
    }
}

/// A `Begin` without its `End`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Open {
    /// When it began.
    pub at: Time,
    /// What began.
    #[serde(flatten)]
    pub begin: Begin,
    /// Why it is in doubt, where that is known: the driver saw the call fail without an answer. `None`: in flight, or the
    /// program died.
    pub doubt: Option<String>,
}

/// The open actions, by name and by object: at most one for each object.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OpenActions {
    by_action: BTreeMap<ActionId, Open>,
    by_object: BTreeMap<ObjectId, ActionId>,
}

impl OpenActions {
    /// An open action.
    pub fn get(&self, action: ActionId) -> Option<&Open> {
        self.by_action.get(&action)
    }

    /// The open action that concerns an object.
    pub fn on(&self, object: &ObjectId) -> Option<&Open> {
        self.by_action.get(self.by_object.get(object)?)
    }

    /// All, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Open> {
        self.by_action.values()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.by_action.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.by_action.is_empty()
    }

    pub(super) fn insert(&mut self, open: Open) {
        self.by_object.insert(open.begin.object.clone(), open.begin.action);
        self.by_action.insert(open.begin.action, open);
    }

    pub(super) fn remove(&mut self, action: ActionId) -> Option<Open> {
        let open = self.by_action.remove(&action)?;
        self.by_object.remove(&open.begin.object);
        Some(open)
    }

    /// Notes why an action is in doubt.
    pub(super) fn doubt(&mut self, action: ActionId, why: &str) -> Option<&Open> {
        let open = self.by_action.get_mut(&action)?;
        open.doubt = Some(why.to_string());
        Some(open)
    }
}

/// What became of an action.
#[derive(Clone, PartialEq, Debug)]
pub struct End {
    /// Which.
    pub action: ActionId,
    /// What.
    pub outcome: Outcome,
}

/// How an action ended.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// The object is now like this.
    Object(Arc<Object>),
    /// There is no object now.
    Gone,
    /// The provider refused or failed, and said so.
    Failed {
        /// What the provider says is left (tainted, after a failed create); `None`: the state keeps what it has.
        object: Option<Arc<Object>>,
        /// In the provider's words.
        message: String,
    },
    /// Nobody knows. The action stays open.
    InDoubt {
        /// What was seen.
        why: String,
    },
}

/// A digest that changes whenever an object's stored form does.
pub fn fingerprint(object: &Object) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(object.provider.to_string().as_bytes());
    part(&object.schema_version.to_le_bytes());
    part(object.attributes.as_str().as_bytes());
    part(&object.private);
    part(&[u8::from(object.tainted)]);
    if let Some(identity) = &object.identity {
        part(identity.value.as_str().as_bytes());
    }
    format!("sha256:{}", HEXLOWER.encode(&hash.finalize()))
}

/// Types that are stored as the text they print.
pub(super) trait Text: fmt::Display + Sized {
    /// Reads the printed text.
    fn read(text: &str) -> Option<Self>;
}

impl Text for ActionId {
    fn read(text: &str) -> Option<ActionId> {
        ActionId::parse(text)
    }
}

impl Text for ProviderRef {
    fn read(text: &str) -> Option<ProviderRef> {
        ProviderRef::parse(text)
    }
}

impl Text for ObjectId {
    fn read(text: &str) -> Option<ObjectId> {
        let plain = |text: &str| text.parse::<Address>().ok();
        if let Some(address) = plain(text) {
            return Some(ObjectId::current(address));
        }
        let (address, key) = text.strip_suffix(')')?.rsplit_once(" (deposed ")?;
        Some(ObjectId::deposed(plain(address)?, DeposedKey::parse(key)?))
    }
}

impl Text for Address {
    fn read(text: &str) -> Option<Address> {
        text.parse().ok()
    }
}

mod address_texts {
    use super::{Address, Text};

    pub fn serialize<S: serde::Serializer>(list: &[Address], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(ToString::to_string))
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Address>, D::Error> {
        let texts = <Vec<String> as serde::Deserialize>::deserialize(deserializer)?;
        let read = texts.iter().map(|text| Address::read(text)).collect::<Option<_>>();
        read.ok_or_else(|| serde::de::Error::custom("text of another form"))
    }
}

mod path_texts {
    use super::Path;
    use crate::state::paths;

    pub fn serialize<S: serde::Serializer>(list: &[Path], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&paths::write(list))
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Path>, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        paths::read(&text).ok_or_else(|| serde::de::Error::custom("text of another form"))
    }
}

mod as_text {
    use super::Text;
    use std::borrow::Cow;

    pub fn serialize<T: Text, S: serde::Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, T: Text, D: serde::Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        let text = <Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
        T::read(&text).ok_or_else(|| serde::de::Error::custom("text of another form"))
    }
}
