//! Short ways to ask for things.
#![allow(dead_code)] // each test binary uses a part of it

use serde_json::Number;
use straddle_provider_sim::model::{
    Claim, DomainName, FaultKind, GroupSpec, Id, InstanceSpec, LoadBalancerSpec, Object, Op, RecordSpec, Shown, Spec,
    TargetSpec,
};
use straddle_provider_sim::store::{Caller, Fault, Listing, Made, Seen, Store, Tx};
use straddle_provider_sim::{Fail, Millis, Refusal, StoreError};

pub const CLOUD: &str = "aws";

/// Clouds in memory, and the time.
pub struct World {
    pub store: Store,
    pub now: Millis,
    pub who: Caller,
}

impl World {
    pub fn new() -> World {
        World { store: Store::in_memory().expect("a store"), now: 1_000_000, who: Caller::of(CLOUD) }
    }

    pub fn booting(boot: Millis) -> World {
        let mut world = World::new();
        world.who.boot = boot;
        world
    }

    fn ask<T>(&mut self, work: impl FnOnce(&mut Tx<'_>, &Caller) -> Result<T, StoreError>) -> T {
        let who = self.who.clone();
        self.store.write(self.now, |tx| work(tx, &who)).expect("a sound store")
    }

    pub fn hand<T>(&mut self, work: impl FnOnce(&mut Tx<'_>) -> Result<T, Fail>) -> Result<T, Refusal> {
        match self.store.write(self.now, work) {
            Ok(value) => Ok(value),
            Err(Fail::Refused(refusal)) => Err(refusal),
            Err(Fail::Store(error)) => panic!("{error}"),
        }
    }

    pub fn create(&mut self, spec: &Spec) -> Result<Made, Refusal> {
        self.ask(|tx, who| tx.create(who, spec, None))
    }

    pub fn claim(&mut self, spec: &Spec, token: &str) -> Result<Made, Refusal> {
        let claim = Claim { owner: "o".into(), address: format!("a.{token}"), token: token.into() };
        self.ask(|tx, who| tx.create(who, spec, Some(&claim)))
    }

    /// Creates what must succeed.
    pub fn made(&mut self, spec: &Spec) -> Id {
        self.create(spec).expect("created").object.expect("there").id
    }

    pub fn read(&mut self, id: Id) -> Result<Seen, Refusal> {
        self.ask(|tx, who| tx.read(who, id))
    }

    /// Reads what must be there.
    pub fn found(&mut self, id: Id) -> Object {
        match self.read(id) {
            Ok(Seen::Found(object)) => *object,
            other => panic!("{id}: {other:?}"),
        }
    }

    pub fn update(&mut self, id: Id, to: &Spec) -> Result<Made, Refusal> {
        self.ask(|tx, who| tx.update(who, id, to))
    }

    pub fn delete(&mut self, id: Id) -> Result<Made, Refusal> {
        self.ask(|tx, who| tx.delete(who, id))
    }

    pub fn list(&mut self) -> Result<Listing, Refusal> {
        self.ask(|tx, who| tx.list(who, &[]))
    }

    pub fn all(&mut self) -> Vec<Object> {
        self.ask(|tx, _| tx.all())
    }

    pub fn fault(&mut self, op: Op, kind: FaultKind, rate: f64, seed: u64) {
        self.hand(|tx| tx.set_fault(Fault { op, kind, rate, seed })).expect("a rate");
    }

    pub fn state(&mut self, id: Id) -> &'static str {
        match self.all().into_iter().find(|object| object.id == id).map(|object| object.shown) {
            Some(Shown::Instance { state, .. }) => state.word(),
            Some(Shown::Target { health }) => health.word(),
            other => panic!("{id}: {other:?}"),
        }
    }

    pub fn ready(&mut self, id: Id) -> u64 {
        match self.all().into_iter().find(|object| object.id == id).map(|object| object.shown) {
            Some(Shown::Group { ready }) => ready,
            other => panic!("{id}: {other:?}"),
        }
    }
}

pub fn zone(name: &str) -> DomainName {
    DomainName::zone(name)
}

pub fn instance(zone: &str) -> Spec {
    Spec::Instance(InstanceSpec { zone: zone.into(), image: "v1".into(), size: "s".into(), tags: None })
}

pub fn sized(zone: &str, size: &str) -> Spec {
    Spec::Instance(InstanceSpec { zone: zone.into(), image: "v1".into(), size: size.into(), tags: None })
}

pub fn group(zone: &str, desired: u64) -> Spec {
    Spec::Group(GroupSpec {
        zone: zone.into(),
        image: "v1".into(),
        size: "s".into(),
        desired,
        min: None,
        max: Some(30),
    })
}

pub fn balancer() -> Spec {
    Spec::LoadBalancer(LoadBalancerSpec { name: "web".into() })
}

pub fn target(balancer: impl ToString, member: impl ToString) -> Spec {
    Spec::Target(TargetSpec {
        load_balancer_id: balancer.to_string(),
        instance_id: member.to_string(),
        weight: Number::from(1),
    })
}

pub fn record(name: &str, ttl: u64) -> Spec {
    Spec::Record(RecordSpec {
        name: name.into(),
        r#type: "A".into(),
        ttl,
        targets: [("aws".to_owned(), Number::from(1))].into(),
    })
}
