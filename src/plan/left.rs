//! What stands and the spec says nothing of any more: locations taken out of it while replicas are there, and replicas made by an
//! earlier form of their template. The state remembers where and what they were.

use super::placement::split_key;
use super::sequence::replica;
use crate::diag::Diagnostic;
use crate::lang::address::{Address, Mode};
use crate::spec::{Spec, Template, WorkloadSpec};
use crate::spread::model::{
    Capacity, CapacitySource, Health, HealthSource, Limit, Location, OperatorState, Site, Template as TemplateKind,
    TimeSource, Timed, Topology,
};
use crate::state::{Form, ProviderRef, State, Stood};
use std::collections::{BTreeMap, BTreeSet};

/// A location the spec no longer declares, where replicas still stand.
#[derive(Clone, Debug)]
pub struct Left {
    /// The location as the state remembers it: nothing new there, and what stands is to go.
    pub location: Location,
    /// Who made what stands there, and can tell how the place fares.
    pub provider: ProviderRef,
    /// Whether the state knows its domains. Otherwise it is taken for a domain of its own.
    pub remembered: bool,
}

/// Every such location.
pub fn left(spec: &Spec, state: &State) -> Vec<Left> {
    let declared: BTreeSet<&str> = spec.topology.locations.iter().map(|l| l.name.as_str()).collect();
    let mut makers: BTreeMap<&str, &ProviderRef> = BTreeMap::new();
    for (id, object) in &state.objects {
        let made = id.address.mode == Mode::Managed;
        let of = replica(&id.address).filter(|(workload, _)| made && spec.workload(workload).is_some());
        if let Some((location, _)) = of.map(|(_, key)| split_key(key))
            && !declared.contains(location)
        {
            makers.entry(location).or_insert(&object.provider);
        }
    }
    makers
        .into_iter()
        .map(|(name, provider)| {
            let stood = state.stood(name);
            let remembered = stood.is_some();
            let location = orphan(spec, name, stood.unwrap_or_else(|| alone(spec, name)));
            Left { location, provider: provider.clone(), remembered }
        })
        .collect()
}

/// What is said of locations whose domains nobody knows.
pub fn forgotten(left: &[Left]) -> Vec<Diagnostic> {
    let unknown = left.iter().filter(|l| !l.remembered).map(|l| &l.location.name);
    unknown
        .map(|name| {
            Diagnostic::warning(
                "Where a location stood is not known",
                format!(
                    "Location \"{name}\" is not in the spec, and the state does not say in which domains it stood: until its replicas are gone it is taken for a domain of its own."
                ),
            )
            .help(format!("If it shares a zone or a risk with others, write it into the spec again with state = \"evacuated\": location \"{name}\" {{ ... }}"))
        })
        .collect()
}

/// A domain of its own at every level that something is spread over.
fn alone(spec: &Spec, name: &str) -> Stood {
    let levels = spec.workloads.iter().flat_map(|w| &w.rules.spread).map(|s| s.level.clone());
    Stood { domains: levels.map(|level| (level, name.to_string())).collect(), ..Stood::default() }
}

fn orphan(spec: &Spec, name: &str, stood: Stood) -> Location {
    let risks = &spec.topology.risks;
    let indices = |names: &BTreeSet<String>| (0..risks.len()).filter(|r| names.contains(&risks[*r].name)).collect();
    let mut domains = stood.domains;
    domains.retain(|level, _| spec.topology.levels.contains(level));
    for (level, own) in alone(spec, name).domains {
        domains.entry(level).or_insert(own);
    }
    Location {
        name: name.to_string(),
        domains,
        shares: indices(&stood.shares),
        control: indices(&stood.control),
        capacity: Capacity { limit: Limit::Unlimited, source: CapacitySource::Unknown },
        health: Health::Healthy,
        health_source: HealthSource::Assumed,
        operator: OperatorState::Evacuated,
        boot: Timed { seconds: 0, source: TimeSource::Default },
        reserve: 0,
        cost: None,
        frozen: false,
        site: Site(0),
    }
}

/// What there is to remember of a location.
pub fn stood(topology: &Topology, location: &Location) -> Stood {
    let names = |risks: &[usize]| risks.iter().filter_map(|r| Some(topology.risks.get(*r)?.name.clone())).collect();
    Stood { domains: location.domains.clone(), shares: names(&location.shares), control: names(&location.control) }
}

/// The resources of a template that straddle makes.
fn made_by(template: &Template) -> impl Iterator<Item = (&str, &str)> {
    let managed = template.resources.iter().filter(|r| r.mode == Mode::Managed);
    managed.map(|r| (&*r.ty.text, &*r.name.text))
}

/// What a template is made of.
pub fn form(template: &Template) -> Form {
    made_by(template).map(|(ty, name)| format!("{ty}.{name}")).collect()
}

/// What objects at these addresses of one replica are made of; what is only read is no part of it.
pub fn form_of<'a>(addresses: impl Iterator<Item = &'a Address>) -> Form {
    addresses.filter(|a| a.mode == Mode::Managed).map(|a| format!("{}.{}", a.ty, a.name)).collect()
}

/// The template that made what stands in a location which no template is for any more.
pub fn maker(workload: &WorkloadSpec, location: &Location, slots: bool, present: &Form) -> Option<usize> {
    let kind = if slots { TemplateKind::PerReplica } else { TemplateKind::PerLocation };
    let agrees = |t: &Template| {
        t.matches.iter().all(|(level, name)| match &**level {
            "location" => *location.name == **name,
            level => location.domains.get(level).is_some_and(|domain| **domain == **name),
        })
    };
    let mut candidates: Vec<usize> = (0..workload.templates.len())
        .filter(|t| {
            let template = &workload.templates[*t];
            let own = form(template);
            template.kind == kind && !own.is_empty() && own.is_subset(present)
        })
        .collect();
    candidates.sort_by_key(|t| !agrees(&workload.templates[*t]));
    candidates.first().copied()
}

/// How what stands of a replica compares with its template.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// All of it is there, and nothing else.
    Whole,
    /// Half made.
    Part,
    /// Made by an earlier form, of other resources: the new ones take its place.
    Earlier,
    /// Made by an earlier form that had fewer resources: what is new is added to it.
    Grown,
    /// All of it is there, and resources besides that the template no longer has.
    More,
}

/// Compares what is there of a replica with the form of its template; `earlier`: the forms last applied as a whole.
pub fn shape(wanted: &Form, present: &Form, earlier: &[Form]) -> Shape {
    let (lacks, extra) = (!wanted.is_subset(present), !present.is_subset(wanted));
    match (lacks, extra) {
        (false, false) => Shape::Whole,
        (false, true) => Shape::More,
        (true, true) => Shape::Earlier,
        (true, false) if earlier.iter().any(|f| !f.is_empty() && f != wanted && f.is_subset(present)) => Shape::Grown,
        (true, false) => Shape::Part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(names: &[&str]) -> Form {
        names.iter().map(|n| (*n).to_string()).collect()
    }

    #[test]
    fn what_is_half_made_is_told_from_what_has_grown() {
        let (server, both) = (form(&["sim_instance.server"]), form(&["sim_instance.server", "sim_target.front"]));
        assert_eq!(shape(&both, &both, &[]), Shape::Whole);
        assert_eq!(shape(&both, &server, &[]), Shape::Part);
        assert_eq!(shape(&both, &server, std::slice::from_ref(&both)), Shape::Part);
        assert_eq!(shape(&both, &server, std::slice::from_ref(&server)), Shape::Grown);
        assert_eq!(shape(&both, &form(&["sim_instance.node"]), &[]), Shape::Earlier);
        let more = form(&["sim_instance.server", "sim_target.front", "sim_target.back"]);
        assert_eq!(shape(&both, &more, std::slice::from_ref(&both)), Shape::More);
    }
}
