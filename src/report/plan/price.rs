//! What safety costs: this workload kept at its full number through losses, by spare replicas and by growth.

use super::Page;
use crate::plan::model::WorkloadPlan;
use crate::promise::price::{Price, of_workload, ways};
use crate::report::json::Json;
use crate::report::style::wrap;
use crate::report::words::money;

/// The ways with their prices; `None` where nothing is said of prices, or nothing may be lost.
pub(super) struct List<'p> {
    ways: Vec<Price>,
    domains: u32,
    /// Currency and price of one replica, in millionths an hour.
    unit: Option<(&'p str, u64)>,
}

pub(super) fn list<'p>(workload: &'p WorkloadPlan, outage: bool) -> Option<List<'p>> {
    let decision = &workload.decision;
    let row = decision.spread.iter().find(|r| r.index == 0)?;
    let domains = row.domains.iter().filter(|d| d.weight > 0).count() as u32;
    let (domains, losses, percent) = of_workload(&workload.rules, domains)?;
    let standing: u64 = decision.after.iter().map(|n| u64::from(*n)).sum();
    let unit = match decision.cost.iter().next() {
        Some((currency, cost)) if standing > 0 && decision.cost.len() == 1 => {
            Some((currency.as_str(), cost.after / standing))
        }
        _ => None,
    };
    if unit.is_none() && !outage {
        return None;
    }
    let ways = ways(u64::from(decision.replicas), domains, losses, percent.min(100));
    (ways.len() > 1).then_some(List { ways, domains, unit })
}

impl Page<'_> {
    pub(super) fn price(&mut self, workload: &WorkloadPlan) {
        let outage = self.plan.survival.promises.outages.get(&workload.rules.name);
        let Some(list) = list(workload, outage.is_some()) else { return };
        let (n, d) = (workload.decision.replicas.to_string(), list.domains.to_string());
        let level = workload.rules.spread.first().map_or("", |s| s.level.as_str());
        let title = self.tell("price.title", &[("n", &n), ("d", &d), ("level", level)]);
        let title = self.style.strong(&title);
        self.line(&title);
        for way in &list.ways {
            let key = match (way.losses, way.elastic) {
                (0, _) => "price.none",
                (_, false) => "price.static",
                (_, true) => "price.elastic",
            };
            let price = list.unit.map_or(String::new(), |(currency, unit)| {
                format!(", {currency} {}/h", money(unit.saturating_mul(way.replicas)))
            });
            let (k, replicas, factor) = (way.losses.to_string(), way.replicas.to_string(), factor(way.hundredths));
            let args: &[(&str, &str)] = &[("k", k.as_str()), ("n", &replicas), ("factor", &factor), ("price", &price)];
            let text = format!("  {}", crate::tongue::say(self.style.lang, key, args));
            self.line(&text);
        }
        let fixed: Vec<&Price> = list.ways.iter().filter(|w| !w.elastic).collect();
        if let (Some((currency, unit)), [.., less, more]) = (list.unit, fixed.as_slice()) {
            let extra = unit.saturating_mul(more.replicas - less.replicas);
            let (from, to) = (less.losses.to_string(), more.losses.to_string());
            let money_text = money(extra);
            let args: &[(&str, &str)] =
                &[("from", from.as_str()), ("to", &to), ("currency", currency), ("extra", &money_text)];
            let mut text = format!("  {}", self.tell("price.more", args));
            if let Some(outage) = outage.filter(|o| o.currency == currency && extra > 0) {
                let (cost, hours) = (money(outage.micros_per_hour), (outage.micros_per_hour / extra).to_string());
                text.push_str(
                    &self.tell("price.outage", &[("currency", currency), ("cost", &cost), ("hours", &hours)]),
                );
            }
            let text = wrap(&text, self.style.width, 4);
            self.line(&text);
        }
    }
}

/// `2x`, `1.33x`.
fn factor(hundredths: u64) -> String {
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    format!("{}x", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The array `price` of the plan's JSON.
pub(super) fn json(workload: &WorkloadPlan, outage: bool, j: &mut Json) {
    let Some(list) = list(workload, outage) else { return };
    j.key("price").array(&list.ways, |j, way| {
        j.object(|j| {
            j.key("losses").plain(way.losses);
            j.key("replicas").plain(way.replicas);
            j.key("hundredths").plain(way.hundredths);
            j.key("elastic").plain(way.elastic);
            j.key("micros_per_hour").maybe(list.unit.map(|(_, unit)| unit.saturating_mul(way.replicas)));
        });
    });
}
