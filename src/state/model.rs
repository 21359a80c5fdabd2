//! The state: which objects straddle answers for, and what it must remember between runs.
//!
//! Plain data. An object's attributes are the provider's own JSON, kept as text and decoded only by who needs them, so that a
//! hundred thousand objects load in a fraction of a second and nothing is lost in translation.

use super::journal::{OpenActions, Run};
use super::json::Json;
use crate::lang::address::Address;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use straddle_sdk::value::Path;

/// The version of the Terraform language that new states are written for. Other readers take it for information.
pub const WRITER: &str = "1.11.4";

/// Everything remembered between runs. Cloning shares the objects.
#[derive(Clone, PartialEq, Debug)]
pub struct State {
    /// Names this state among all others (a UUID); empty as long as nothing was ever written.
    pub lineage: Arc<str>,
    /// Grows by one with each journal entry that changes what `state pull` shows. A saved plan names the serial it was made
    /// from, so nothing can change, not even in the middle of another run, without the plan going stale.
    pub serial: u64,
    /// Version of the program that wrote it last, in the sense of Terraform's `terraform_version`.
    pub writer: Arc<str>,
    /// The root module's output values.
    pub outputs: BTreeMap<String, Output>,
    /// Every object, current and deposed, in the order of addresses.
    pub objects: BTreeMap<ObjectId, Arc<Object>>,
    /// Results of `check` blocks as Terraform's format has them; kept as they came.
    pub checks: Option<Json>,
    /// Failovers in effect.
    pub failovers: BTreeMap<Loss, Failover>,
    /// For each workload the rules last applied: id to fingerprint. A rule that is gone or weaker now is a finding.
    pub rules: BTreeMap<String, BTreeMap<String, Rule>>,
    /// What was measured.
    pub notes: BTreeMap<NoteKey, Note>,
    /// Actions begun and not ended: in flight, or in doubt after a crash.
    pub open: OpenActions,
    /// The run in progress, or the one that was cut short.
    pub run: Option<Run>,
    /// The last run's number; 0 when there was none.
    pub runs: u64,
    /// Number of the last journal record folded in; 0 when there is none.
    pub journal: u64,
}

impl Default for State {
    fn default() -> State {
        State {
            lineage: "".into(),
            serial: 0,
            writer: WRITER.into(),
            outputs: BTreeMap::new(),
            objects: BTreeMap::new(),
            checks: None,
            failovers: BTreeMap::new(),
            rules: BTreeMap::new(),
            notes: BTreeMap::new(),
            open: OpenActions::default(),
            run: None,
            runs: 0,
            journal: 0,
        }
    }
}

impl State {
    /// The current object at an address.
    pub fn get(&self, address: &Address) -> Option<&Arc<Object>> {
        self.objects.get(&ObjectId::current(address.clone()))
    }

    /// The current objects, in order.
    pub fn current(&self) -> impl Iterator<Item = (&Address, &Arc<Object>)> {
        self.objects.iter().filter(|(id, _)| id.deposed.is_none()).map(|(id, object)| (&id.address, object))
    }

    /// Objects replaced by a newer one at the same address and not yet deleted, in order.
    pub fn deposed(&self) -> impl Iterator<Item = (&Address, DeposedKey, &Arc<Object>)> {
        self.objects.iter().filter_map(|(id, object)| id.deposed.map(|key| (&id.address, key, object)))
    }

    /// Nothing in it that a reader of Terraform's format would see.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.outputs.is_empty() && self.checks.is_none()
    }

    /// A deposed key that no object of the address has. The lowest free one, so that equal runs give equal states.
    pub fn free_deposed_key(&self, address: &Address) -> DeposedKey {
        let mut key = 1u32;
        let first = ObjectId { address: address.clone(), deposed: Some(DeposedKey(0)) };
        for id in self.objects.range(first..).map(|(id, _)| id).take_while(|id| id.address == *address) {
            match id.deposed {
                Some(taken) if taken.0 == key => key = key.wrapping_add(1),
                Some(taken) if taken.0 > key => break,
                _ => {}
            }
        }
        DeposedKey(key)
    }
}

/// Which object: an address and, for one that was replaced but still lives, its deposed key.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ObjectId {
    /// The instance.
    pub address: Address,
    /// `None` for the current object.
    pub deposed: Option<DeposedKey>,
}

impl ObjectId {
    /// The current object at an address.
    pub fn current(address: Address) -> ObjectId {
        ObjectId { address, deposed: None }
    }

    /// A deposed object at an address.
    pub fn deposed(address: Address, key: DeposedKey) -> ObjectId {
        ObjectId { address, deposed: Some(key) }
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.deposed {
            None => self.address.fmt(f),
            Some(key) => write!(f, "{} (deposed {key})", self.address),
        }
    }
}

/// Tells deposed objects of one address apart; printed as eight hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct DeposedKey(pub u32);

impl fmt::Display for DeposedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl DeposedKey {
    /// Reads eight hexadecimal digits.
    pub fn parse(text: &str) -> Option<DeposedKey> {
        let hex = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if hex { u32::from_str_radix(text, 16).ok().map(DeposedKey) } else { None }
    }
}

/// One object as the provider last returned it.
#[derive(Clone, PartialEq)]
pub struct Object {
    /// The provider configuration that made it and must be asked about it.
    pub provider: ProviderRef,
    /// Version of the schema the attributes were written with.
    pub schema_version: i64,
    /// The whole value in the provider protocol's JSON (dynamic attributes as `{"value":…,"type":…}`), as it was received.
    pub attributes: Json,
    /// Paths of attributes whose values must not be printed. Sorted.
    pub sensitive: Arc<[Path]>,
    /// The provider's own bytes, meaningless to anyone else.
    pub private: Arc<[u8]>,
    /// Resources (no instance keys) that must outlive it. Sorted.
    pub dependencies: Arc<[Address]>,
    /// When replaced, the new one is made first.
    pub create_before_destroy: bool,
    /// Known to be half made: the next plan replaces it.
    pub tainted: bool,
    /// What the provider knows it by (protocol 6.9 and later).
    pub identity: Option<Arc<Identity>>,
}

impl Object {
    /// An object with these attributes and nothing else.
    pub fn new(provider: ProviderRef, schema_version: i64, attributes: Json) -> Object {
        Object {
            provider,
            schema_version,
            attributes,
            sensitive: Arc::from([]),
            private: Arc::from([]),
            dependencies: Arc::from([]),
            create_before_destroy: false,
            tainted: false,
            identity: None,
        }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object")
            .field("provider", &self.provider.to_string())
            .field("schema_version", &self.schema_version)
            .field("attributes", &self.attributes)
            .field("private_bytes", &self.private.len())
            .field("tainted", &self.tainted)
            .finish_non_exhaustive()
    }
}

/// What a provider knows an object by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Version of the identity schema.
    pub schema_version: i64,
    /// The identity object.
    pub value: Json,
}

/// A provider configuration: `provider["registry.terraform.io/hashicorp/aws"].seoul`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ProviderRef {
    /// The module that configures it, for example `module.a`; empty for the root module.
    pub module: Arc<str>,
    /// Fully qualified source: host, namespace, type.
    pub source: Arc<str>,
    /// The alias; `None` for the default configuration.
    pub alias: Option<Arc<str>>,
}

impl ProviderRef {
    /// A configuration of the root module.
    pub fn new(source: &str, alias: Option<&str>) -> ProviderRef {
        ProviderRef { module: "".into(), source: source.into(), alias: alias.map(Into::into) }
    }

    /// Reads what [`fmt::Display`] prints, which is what Terraform's state format holds.
    pub fn parse(text: &str) -> Option<ProviderRef> {
        let at = text.find("provider[\"")?;
        let module = match text[..at].strip_suffix('.') {
            Some(module) => module,
            None if at == 0 => "",
            None => return None,
        };
        let (source, rest) = text[at + "provider[\"".len()..].split_once("\"]")?;
        let plain = |s: &str| !s.is_empty() && !s.contains(['"', '[', ']']);
        let alias = match rest.strip_prefix('.') {
            Some(alias) => Some(alias),
            None if rest.is_empty() => None,
            None => return None,
        };
        let ok = plain(source) && alias.is_none_or(|a| plain(a) && !a.contains('.'));
        ok.then(|| ProviderRef { module: module.into(), source: source.into(), alias: alias.map(Into::into) })
    }
}

impl Serialize for ProviderRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProviderRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<ProviderRef, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        ProviderRef::parse(&text).ok_or_else(|| serde::de::Error::custom("no provider configuration"))
    }
}

impl fmt::Display for ProviderRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.module.is_empty() {
            write!(f, "{}.", self.module)?;
        }
        write!(f, "provider[\"{}\"]", self.source)?;
        match &self.alias {
            Some(alias) => write!(f, ".{alias}"),
            None => Ok(()),
        }
    }
}

/// An output value.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Output {
    /// The value in JSON.
    pub value: Json,
    /// Its type in the type notation of Terraform's JSON.
    pub ty: Json,
    /// Must not be printed unless asked for by name.
    pub sensitive: bool,
}

/// A set of domains and shared risks gone at once, by the names a person gives them (`zone:a`, `cloud:aws`).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Loss(pub BTreeSet<String>);

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.0.iter().enumerate() {
            write!(f, "{}{name}", if i > 0 { " + " } else { "" })?;
        }
        Ok(())
    }
}

/// A failover in effect: `plan` and `apply` keep its placement until `failback` clears it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Failover {
    /// When it was declared.
    pub since: Time,
    /// Who declared it: a person, or the provider that reported it.
    pub by: String,
    /// Whose word it stands on.
    pub word: Word,
    /// What the person said; empty when nothing was.
    pub reason: String,
    /// Floors were overridden (`--force`), which is recorded with the reason.
    pub forced: bool,
    /// Locations where everything new is made as long as it is in force (`--to`); none named: wherever the spec says.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub to: BTreeSet<String>,
    /// For each workload touched, replicas by location before the loss and those kept since.
    pub workloads: BTreeMap<String, Displaced>,
}

/// Whose word a failover stands on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// A person named the loss.
    Operator,
    /// The provider or a probe reported it.
    Observed,
}

/// What a failover did to one workload's placement.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Displaced {
    /// Replicas by location before.
    pub before: BTreeMap<String, u64>,
    /// Replicas by location as the failover placed them.
    pub kept: BTreeMap<String, u64>,
}

/// A rule as last applied.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rule {
    /// Changes when, and only when, the rule's meaning does.
    pub fingerprint: String,
    /// The rule in words, so that a finding can say what is gone.
    pub text: String,
}

/// What a note is about.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct NoteKey {
    /// The kind of note, for example `boot`.
    pub kind: String,
    /// What it is about, for example `web/aws-a`.
    pub subject: String,
}

impl NoteKey {
    /// The measured boot time of a workload's replicas in a location; its value is a [`Boot`].
    pub fn boot(workload: &str, location: &str) -> NoteKey {
        NoteKey { kind: "boot".into(), subject: format!("{workload}/{location}") }
    }

    /// Where a location stood when replicas were last planned in it; its value is a [`Stood`].
    pub fn stood(location: &str) -> NoteKey {
        NoteKey { kind: "location".into(), subject: location.into() }
    }

    /// What a workload's templates were made of when they were last applied as a whole; its value is a list of [`Form`]s.
    pub fn forms(workload: &str) -> NoteKey {
        NoteKey { kind: "forms".into(), subject: workload.into() }
    }
}

/// Something measured.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: Time,
    /// What; the kind of note says how to read it.
    pub value: Json,
}

/// Boot times measured in one place: from the call that creates a replica until it serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Boot {
    /// The slowest of the last wave, in milliseconds: what a recovery time must count with.
    pub slowest_ms: u64,
    /// How many replicas that wave had.
    pub replicas: u64,
}

/// Where a location stands, for the day when the spec says nothing of it any more and replicas are still there.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Stood {
    /// Its domain at each level.
    pub domains: BTreeMap<String, String>,
    /// Names of the shared risks it needs to serve.
    pub shares: BTreeSet<String>,
    /// Names of the shared risks that are needed to change anything there.
    pub control: BTreeSet<String>,
}

/// The resources of one template, as `type.name`.
pub type Form = BTreeSet<String>;

impl State {
    /// Where a location stood.
    pub fn stood(&self, location: &str) -> Option<Stood> {
        serde_json::from_str(self.notes.get(&NoteKey::stood(location))?.value.as_str()).ok()
    }

    /// What a workload's templates were made of.
    pub fn forms(&self, workload: &str) -> Vec<Form> {
        let note = self.notes.get(&NoteKey::forms(workload));
        note.and_then(|n| serde_json::from_str(n.value.as_str()).ok()).unwrap_or_default()
    }

    /// The measured boot time of a workload's replicas in a location.
    pub fn boot(&self, workload: &str, location: &str) -> Option<(Boot, Time)> {
        let note = self.notes.get(&NoteKey::boot(workload, location))?;
        Some((serde_json::from_str(note.value.as_str()).ok()?, note.at))
    }
}

/// A moment: milliseconds since 1970-01-01T00:00:00Z, as the clock of the machine said it. Nothing but what people read
/// depends on it; the order of events is the order of the journal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub i64);

impl fmt::Display for Time {
    /// RFC 3339, UTC, whole seconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0.div_euclid(1000)) {
            Ok(moment) => moment.fmt(f),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}
