//! `limit` blocks: a cap over all places.

use super::{groups, workloads};
use crate::promise::model::Cap;
use crate::spec::fields::Fields;
use crate::spec::model::Spec;

pub fn lower(spec: &mut Spec, name: &str, fields: &Fields<'_>) {
    let max = fields.count("max");
    if max.is_none() {
        fields.missing("max", "12");
    }
    let per_replica = fields.count("per_replica").unwrap_or(1);
    let workloads = workloads(spec, fields, "workloads");
    let locations = groups(spec, fields, "locations").unwrap_or_default().concat();
    fields.string("what");
    let site = spec.site(fields.header().clone());
    let owner = fields.owner().map(|o| o.to_string());
    if let Some(max) = max {
        let name = name.to_string();
        spec.promises.limits.push(Cap { name, max, per_replica, workloads, locations, owner, site });
    }
}
