//! What is asked of a cloud: the arguments of each kind of object, and which of them may change in place.

use super::{Id, Kind};
use crate::error::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::Number;
use std::collections::BTreeMap;

/// The arguments of one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spec {
    /// `sim_instance`
    Instance(InstanceSpec),
    /// `sim_group`
    Group(GroupSpec),
    /// `sim_load_balancer`
    LoadBalancer(LoadBalancerSpec),
    /// `sim_target`
    Target(TargetSpec),
    /// `sim_record`
    Record(RecordSpec),
}

/// One machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceSpec {
    /// Where; fixed.
    pub zone: String,
    /// From what; fixed.
    pub image: String,
    /// How large; a change boots it again.
    pub size: String,
    /// Anything; `None` and empty are told apart.
    pub tags: Option<BTreeMap<String, String>>,
}

/// A scaling group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupSpec {
    /// Where; fixed.
    pub zone: String,
    /// From what; fixed.
    pub image: String,
    /// How large each unit is; a change boots all of them again.
    pub size: String,
    /// Units there shall be.
    pub desired: u64,
    /// `desired` may not be below; `None`: 0.
    pub min: Option<u64>,
    /// `desired` may not be above; `None`: no limit but the quota.
    pub max: Option<u64>,
}

/// A load balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadBalancerSpec {
    /// What people call it.
    pub name: String,
}

/// One instance (or group) behind one load balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetSpec {
    /// The load balancer's id; fixed.
    pub load_balancer_id: String,
    /// The id of an instance or a group; fixed.
    pub instance_id: String,
    /// Its part of the requests, relative to the others; at least 0.
    pub weight: Number,
}

/// A record of the name service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordSpec {
    /// The name; fixed. Unique in a cloud together with the type.
    pub name: String,
    /// `A`, `CNAME`, ...; fixed.
    pub r#type: String,
    /// Seconds a resolver may keep it.
    pub ttl: u64,
    /// Name to weight; weights are at least 0.
    pub targets: BTreeMap<String, Number>,
}

/// More units than this in one group are a mistake, not a wish.
const MOST_UNITS: u64 = 1_000_000;

/// One argument of [`Spec::differences`]: its name, and whether it may change in place.
type Difference = (&'static str, bool);

impl Spec {
    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Spec::Instance(_) => Kind::Instance,
            Spec::Group(_) => Kind::Group,
            Spec::LoadBalancer(_) => Kind::LoadBalancer,
            Spec::Target(_) => Kind::Target,
            Spec::Record(_) => Kind::Record,
        }
    }

    /// The zone, for what lives in one.
    pub fn zone(&self) -> Option<&str> {
        match self {
            Spec::Instance(s) => Some(&s.zone),
            Spec::Group(s) => Some(&s.zone),
            _ => None,
        }
    }

    /// How many units of quota it takes.
    pub fn units(&self) -> u64 {
        match self {
            Spec::Instance(_) => 1,
            Spec::Group(s) => s.desired,
            _ => 0,
        }
    }

    /// What its cloud must hold no second one of.
    pub(crate) fn unique(&self) -> Option<String> {
        match self {
            Spec::Record(s) => Some(format!("record {} {}", s.name, s.r#type)),
            Spec::Target(s) => Some(format!("target {} of {}", s.instance_id, s.load_balancer_id)),
            _ => None,
        }
    }

    /// The objects it refers to. They must be of the kinds said.
    pub(crate) fn references(&self) -> Vec<(&'static str, &str, &'static [Kind])> {
        match self {
            Spec::Target(s) => vec![
                ("load_balancer_id", s.load_balancer_id.as_str(), &[Kind::LoadBalancer][..]),
                ("instance_id", s.instance_id.as_str(), &[Kind::Instance, Kind::Group][..]),
            ],
            _ => Vec::new(),
        }
    }

    /// Load balancer and member of a target, as row keys.
    pub(crate) fn reference_keys(&self) -> (Option<i64>, Option<i64>) {
        match self {
            Spec::Target(s) => {
                (s.load_balancer_id.parse::<Id>().ok().map(Id::key), s.instance_id.parse::<Id>().ok().map(Id::key))
            }
            _ => (None, None),
        }
    }

    /// What can be said of the arguments alone.
    pub fn check(&self) -> Result<(), Refusal> {
        match self {
            Spec::Instance(s) => {
                not_empty("zone", &s.zone)?;
                not_empty("image", &s.image)?;
                not_empty("size", &s.size)
            }
            Spec::Group(s) => s.check(),
            Spec::LoadBalancer(s) => not_empty("name", &s.name),
            Spec::Target(s) => not_negative("weight", &s.weight),
            Spec::Record(s) => {
                not_empty("name", &s.name)?;
                not_empty("type", &s.r#type)?;
                s.targets.values().try_for_each(|weight| not_negative("targets", weight))
            }
        }
    }

    /// Which arguments differ, in the order of their names; empty when the kinds do.
    pub fn differences(&self, to: &Spec) -> Vec<Difference> {
        let all: Vec<(Difference, bool)> = match (self, to) {
            (Spec::Instance(a), Spec::Instance(b)) => vec![
                (("image", false), a.image != b.image),
                (("size", true), a.size != b.size),
                (("tags", true), a.tags != b.tags),
                (("zone", false), a.zone != b.zone),
            ],
            (Spec::Group(a), Spec::Group(b)) => vec![
                (("desired", true), a.desired != b.desired),
                (("image", false), a.image != b.image),
                (("max", true), a.max != b.max),
                (("min", true), a.min != b.min),
                (("size", true), a.size != b.size),
                (("zone", false), a.zone != b.zone),
            ],
            (Spec::LoadBalancer(a), Spec::LoadBalancer(b)) => vec![(("name", true), a.name != b.name)],
            (Spec::Target(a), Spec::Target(b)) => vec![
                (("instance_id", false), a.instance_id != b.instance_id),
                (("load_balancer_id", false), a.load_balancer_id != b.load_balancer_id),
                (("weight", true), a.weight != b.weight),
            ],
            (Spec::Record(a), Spec::Record(b)) => vec![
                (("name", false), a.name != b.name),
                (("targets", true), a.targets != b.targets),
                (("ttl", true), a.ttl != b.ttl),
                (("type", false), a.r#type != b.r#type),
            ],
            _ => Vec::new(),
        };
        all.into_iter().filter(|(_, differs)| *differs).map(|(difference, _)| difference).collect()
    }

    /// Where an update gets that fails half-way: the first of several changed arguments is new; of one alone, nothing.
    pub(crate) fn half_way(&self, to: &Spec) -> Spec {
        let changed = self.differences(to);
        let Some((first, _)) = changed.first().filter(|_| changed.len() > 1) else { return self.clone() };
        let mut half = self.clone();
        match (&mut half, to) {
            (Spec::Instance(a), Spec::Instance(b)) if *first == "size" => a.size = b.size.clone(),
            // The limits go along with the number: no cloud keeps a group outside of its own.
            (Spec::Group(a), Spec::Group(b)) if *first == "desired" => {
                (a.desired, a.min, a.max) = (b.desired, b.min, b.max);
            }
            (Spec::Group(a), Spec::Group(b)) => (a.min, a.max) = (b.min, b.max),
            (Spec::Record(a), Spec::Record(b)) => a.targets = b.targets.clone(),
            _ => {}
        }
        half
    }
}

impl GroupSpec {
    fn check(&self) -> Result<(), Refusal> {
        not_empty("zone", &self.zone)?;
        not_empty("image", &self.image)?;
        not_empty("size", &self.size)?;
        let wrong = |attribute, why: String| Err(Refusal::Invalid { attribute, why });
        let (desired, min) = (self.desired, self.min.unwrap_or(0));
        match self.max {
            Some(max) if max < min => return wrong("max", format!("{max} is below min, {min}; write at least {min}")),
            Some(max) if desired > max => {
                return wrong("desired", format!("{desired} is above max, {max}; write at most {max}, or raise max"));
            }
            _ => {}
        }
        if desired < min {
            return wrong("desired", format!("{desired} is below min, {min}; write at least {min}, or lower min"));
        }
        if desired > MOST_UNITS {
            return wrong(
                "desired",
                format!("{desired} units are more than a group can have; write at most {MOST_UNITS}"),
            );
        }
        Ok(())
    }
}

fn not_empty(attribute: &'static str, text: &str) -> Result<(), Refusal> {
    if text.is_empty() {
        return Err(Refusal::Invalid { attribute, why: "must not be empty".into() });
    }
    Ok(())
}

fn not_negative(attribute: &'static str, number: &Number) -> Result<(), Refusal> {
    let text = number.to_string();
    if text.starts_with('-') && text.contains(|digit| ('1'..='9').contains(&digit)) {
        return Err(Refusal::Invalid { attribute, why: format!("{number} is below 0; a weight is 0 or more") });
    }
    Ok(())
}
