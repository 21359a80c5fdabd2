//! What `straddle sim ...` does: every function opens a store, changes or shows it in one transaction, and says what it did.

use crate::clock::Clock;
use crate::error::{Fail, StoreError};
use crate::model::{DomainName, Health, Id, Kind, Object, Shown, Spec};
use crate::store::{Change, DomainState, Fault, Killed, Store, Tx};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::path::Path;

/// What a store holds: `sim status --json` is this as JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Every zone and cloud ever mentioned.
    pub domains: BTreeMap<DomainName, DomainState>,
    /// What exists, by type and id.
    pub resources: Vec<Resource>,
    /// The faults set; for people, not in the JSON.
    #[serde(skip)]
    pub faults: Vec<Fault>,
}

/// One object: `type`, `id`, `cloud`, `zone` (null where it has none), then its other attributes as the provider shows them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Resource {
    /// The resource type.
    #[serde(rename = "type")]
    pub type_name: &'static str,
    /// The id.
    pub id: Id,
    /// Its cloud.
    pub cloud: String,
    /// Its zone.
    pub zone: Option<String>,
    /// The address in the state that claims it, of an object that a planner made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_by: Option<String>,
    /// The other attributes.
    #[serde(flatten)]
    pub attributes: Map<String, Json>,
}

/// What is in the store.
pub fn status(path: &Path, clock: &dyn Clock) -> Result<Status, StoreError> {
    Store::open(path)?.read(clock.now(), false, |tx| {
        let mut resources: Vec<Resource> = tx.all()?.into_iter().map(Resource::from).collect();
        resources.sort_by(|a, b| (a.type_name, a.id).cmp(&(b.type_name, b.id)));
        Ok(Status { domains: tx.domains(), resources, faults: tx.faults().cloned().collect() })
    })
}

/// Copies a store: what is tried on the copy never reaches the original.
///
/// # Errors
/// It cannot be read, or the copy not be written.
pub fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    Store::open(from)?.copy_to(to)
}

/// Sets the health of domains: `down`, `up`, `unreachable`. All of them or, when one is refused, none.
pub fn set_health(path: &Path, clock: &dyn Clock, domains: &[DomainName], health: Health) -> Result<Vec<Change>, Fail> {
    change(path, clock, |tx| domains.iter().map(|domain| tx.set_health(domain, health)).collect())
}

/// Sets a quota; `None`: unlimited.
pub fn set_quota(path: &Path, clock: &dyn Clock, domain: &DomainName, quota: Option<u64>) -> Result<(), Fail> {
    change(path, clock, |tx| tx.set_quota(domain, quota))
}

/// Deletes so many instances of these domains as a hand in a console would.
pub fn kill(path: &Path, clock: &dyn Clock, count: u64, domains: &[DomainName]) -> Result<Killed, Fail> {
    change(path, clock, |tx| tx.kill(count, domains))
}

/// Changes an attribute as a hand in a console would.
pub fn edit(path: &Path, clock: &dyn Clock, id: Id, key: &str, value: &str) -> Result<Resource, Fail> {
    change(path, clock, |tx| tx.edit(id, key, value).map(Resource::from))
}

/// Sets a fault; a rate of 0 takes it away.
pub fn set_fault(path: &Path, clock: &dyn Clock, fault: Fault) -> Result<(), Fail> {
    change(path, clock, |tx| tx.set_fault(fault))
}

/// Takes back faults, quotas and losses; objects stay, unless `objects` says that they go as well.
pub fn reset(path: &Path, clock: &dyn Clock, objects: bool) -> Result<(), Fail> {
    change(path, clock, |tx| {
        tx.reset()?;
        if objects { tx.remove_all() } else { Ok(()) }
    })
}

/// One transaction, undone when `work` is refused. A store that does not exist is made: a zone may be mentioned before the first
/// object is.
fn change<T>(path: &Path, clock: &dyn Clock, work: impl FnOnce(&mut Tx<'_>) -> Result<T, Fail>) -> Result<T, Fail> {
    Store::open_or_create(path)?.write(clock.now(), work)
}

impl From<Object> for Resource {
    fn from(object: Object) -> Resource {
        let attributes = match (&object.spec, &object.shown) {
            (Spec::Instance(s), Shown::Instance { address, state }) => {
                json!({ "image": s.image, "size": s.size, "tags": s.tags, "address": address, "state": state.word() })
            }
            (Spec::Group(s), Shown::Group { ready }) => json!({
                "image": s.image, "size": s.size, "desired": s.desired, "min": s.min, "max": s.max, "ready": ready
            }),
            (Spec::LoadBalancer(s), Shown::LoadBalancer { address }) => json!({ "name": s.name, "address": address }),
            (Spec::Target(s), Shown::Target { health }) => json!({
                "load_balancer_id": s.load_balancer_id, "instance_id": s.instance_id, "weight": s.weight,
                "health": health.word()
            }),
            (Spec::Record(s), _) => {
                json!({ "name": s.name, "record_type": s.r#type, "ttl": s.ttl, "targets": s.targets })
            }
            _ => json!({}),
        };
        let attributes = match attributes {
            Json::Object(attributes) => attributes,
            _ => Map::new(),
        };
        Resource {
            type_name: Kind::type_name(object.id.kind),
            id: object.id,
            cloud: object.cloud,
            zone: object.spec.zone().map(str::to_owned),
            claimed_by: object.claim.map(|claim| claim.address),
            attributes,
        }
    }
}
