//! Names: `aws_route53_record` and `aws_route53_health_check`.

use super::{Own, Seed};
use crate::api;
use crate::attr::{Args, Live, text_set};
use crate::problem::{Nature, Problem};
use crate::session::Session;
use crate::tags;
use aws_sdk_route53::types::*;
use straddle_sdk::provider::{ResourceSchema, boolean, list_block, map, number, set, string};
use straddle_sdk::value::{Type, Value};

fn unbuilt(api: &'static api::Api, error: impl std::fmt::Display) -> Problem {
    Problem::own(api, Nature::Refused, error.to_string())
}

/// `aws_route53_record`
pub mod record {
    use super::*;

    /// The schema.
    pub fn schema() -> ResourceSchema {
        let one = |content: ResourceSchema| list_block(content).items(0, 1);
        let alias = ResourceSchema::new()
            .attribute("evaluate_target_health", boolean().required())
            .attribute("name", string().required())
            .attribute("zone_id", string().required());
        ResourceSchema::new()
            .describe("A record of a hosted zone: plain, or one of several by weight, health, latency or all at once.")
            .attribute("allow_overwrite", boolean().describe("Whether a record that is there already is taken over."))
            .attribute("fqdn", string().computed())
            .attribute("health_check_id", string())
            .attribute("id", string().computed())
            .attribute("multivalue_answer_routing_policy", boolean())
            .attribute("name", string().required().replaces())
            .attribute("records", set(Type::String))
            .attribute("set_identifier", string().replaces())
            .attribute("ttl", number())
            .attribute("type", string().required().replaces())
            .attribute("zone_id", string().required().replaces())
            .block("alias", one(alias))
            .block("failover_routing_policy", one(ResourceSchema::new().attribute("type", string().required())))
            .block("latency_routing_policy", one(ResourceSchema::new().attribute("region", string().required())))
            .block("weighted_routing_policy", one(ResourceSchema::new().attribute("weight", number().required())))
    }

    /// The name in full, without its final dot: as it is when it ends with the zone's, else within the zone.
    fn full(name: &str, zone: &str) -> String {
        let (name, zone) = (plain(name), plain(zone));
        if name == zone || name.ends_with(&format!(".{zone}")) {
            name
        } else if name.is_empty() {
            zone
        } else {
            format!("{name}.{zone}")
        }
    }

    /// Lower case, without the final dot, and with what the service escapes as people write it.
    fn plain(name: &str) -> String {
        name.trim_end_matches('.').to_lowercase().replace("\\052", "*")
    }

    async fn zone_name(session: &Session, zone: &str) -> Result<String, Problem> {
        let mut known = session.zones.lock().await;
        if let Some(name) = known.get(zone) {
            return Ok(name.clone());
        }
        let answer = session.ask(&api::GET_ZONE, session.dns.get_hosted_zone().id(zone).send()).await;
        let answer = answer.map_err(|p| p.about("zone_id"))?;
        let name = answer.hosted_zone.map(|z| plain(z.name())).unwrap_or_default();
        known.insert(zone.to_owned(), name.clone());
        Ok(name)
    }

    fn id(args: Args<'_>, fqdn: &str) -> String {
        let set = args.text("set_identifier").map(|s| format!("_{s}")).unwrap_or_default();
        format!("{}_{fqdn}_{}{set}", args.must("zone_id"), args.must("type"))
    }

    /// What an import's id says: `ZONE_NAME_TYPE` or `ZONE_NAME_TYPE_SET`.
    pub fn from_id(schema: &ResourceSchema, id: &str) -> Option<Value> {
        let (zone, rest) = id.split_once('_')?;
        let kinds = [
            "A", "AAAA", "CAA", "CNAME", "DS", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SRV", "TXT", "HTTPS", "SVCB",
        ];
        // Names may hold underscores, types never do.
        let parts: Vec<&str> = rest.split('_').collect();
        let at = parts.iter().rposition(|part| kinds.contains(part))?;
        let text = |text: &str| crate::attr::text(text);
        let state = crate::attr::only_id(schema, id)
            .with_attribute("zone_id", text(zone))
            .with_attribute("name", text(&parts[..at].join("_")))
            .with_attribute("type", text(parts[at]));
        let set = parts[at + 1..].join("_");
        Some(if set.is_empty() { state } else { state.with_attribute("set_identifier", text(&set)) })
    }

    fn record(args: Args<'_>, fqdn: &str) -> Result<ResourceRecordSet, Problem> {
        let wrong = |e: aws_smithy_types::error::operation::BuildError| unbuilt(&api::CHANGE_RECORDS, e);
        let quoted = args.must("type") == "TXT" || args.must("type") == "SPF";
        let value = |text: String| {
            let text = if quoted && !text.starts_with('"') { format!("\"{text}\"") } else { text };
            ResourceRecord::builder().value(text).build().map_err(wrong)
        };
        let records = args.texts("records").into_iter().map(value).collect::<Result<Vec<_>, _>>()?;
        let alias = match args.block("alias") {
            Some(alias) => Some(
                AliasTarget::builder()
                    .hosted_zone_id(alias.must("zone_id"))
                    .dns_name(alias.must("name"))
                    .evaluate_target_health(alias.flag("evaluate_target_health").unwrap_or(false))
                    .build()
                    .map_err(wrong)?,
            ),
            None => None,
        };
        let failover = args.block("failover_routing_policy").and_then(|f| f.text("type"));
        let latency = args.block("latency_routing_policy").and_then(|l| l.text("region"));
        ResourceRecordSet::builder()
            .name(fqdn)
            .r#type(RrType::from(args.must("type").as_str()))
            .set_set_identifier(args.text("set_identifier"))
            .set_ttl(args.int("ttl"))
            .set_resource_records(Some(records).filter(|r| !r.is_empty()))
            .set_alias_target(alias)
            .set_health_check_id(args.text("health_check_id"))
            .set_weight(args.block("weighted_routing_policy").and_then(|w| w.int("weight")))
            .set_failover(failover.map(|f| ResourceRecordSetFailover::from(f.as_str())))
            .set_region(latency.map(|r| ResourceRecordSetRegion::from(r.as_str())))
            .set_multi_value_answer(args.flag("multivalue_answer_routing_policy").filter(|on| *on))
            .build()
            .map_err(wrong)
    }

    async fn change(
        session: &Session,
        zone: &str,
        action: ChangeAction,
        record: ResourceRecordSet,
    ) -> Result<(), Problem> {
        let wrong = |e: aws_smithy_types::error::operation::BuildError| unbuilt(&api::CHANGE_RECORDS, e);
        let change = Change::builder().action(action).resource_record_set(record).build().map_err(wrong)?;
        let batch = ChangeBatch::builder().changes(change).build().map_err(wrong)?;
        let call = session.dns.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
        session.again(|| session.ask(&api::CHANGE_RECORDS, call.clone().send())).await.map(|_| ())
    }

    async fn find(session: &Session, args: Args<'_>, fqdn: &str) -> Result<Option<ResourceRecordSet>, Problem> {
        let (kind, set) = (args.must("type"), args.text("set_identifier"));
        let call = session
            .dns
            .list_resource_record_sets()
            .hosted_zone_id(args.must("zone_id"))
            .start_record_name(fqdn)
            .start_record_type(RrType::from(kind.as_str()))
            .set_start_record_identifier(set.clone())
            .max_items(if set.is_some() { 300 } else { 10 });
        let answer = session.ask(&api::LIST_RECORDS, call.send()).await?;
        let same = |r: &ResourceRecordSet| {
            plain(r.name()) == fqdn && r.r#type().as_str() == kind && r.set_identifier() == set.as_deref()
        };
        Ok(answer.resource_record_sets.into_iter().find(same))
    }

    /// Makes it. One that is there already is refused, unless it is the very same or is to be taken over.
    pub async fn create(session: &Session, planned: &Value, _: Own<'_>) -> Result<String, Problem> {
        let args = Args(planned);
        let zone = args.must("zone_id");
        let fqdn = full(&args.must("name"), &zone_name(session, &zone).await?);
        let wanted = record(args, &fqdn)?;
        let over = args.flag("allow_overwrite") == Some(true);
        let action = if over { ChangeAction::Upsert } else { ChangeAction::Create };
        if let Err(problem) = change(session, &zone, action, wanted.clone()).await {
            let there = match problem.nature {
                Nature::InDoubt | Nature::Refused => find(session, args, &fqdn).await?,
                _ => None,
            };
            let same = there.is_some_and(|there| {
                let words = |r: &ResourceRecordSet| {
                    let mut all: Vec<String> = r.resource_records().iter().map(|v| v.value().to_owned()).collect();
                    all.sort();
                    (
                        all,
                        r.ttl(),
                        r.weight(),
                        r.health_check_id().map(str::to_owned),
                        r.failover().cloned(),
                        r.region().cloned(),
                    )
                };
                words(&there) == words(&wanted)
            });
            if !same {
                return Err(problem.about("name"));
            }
        }
        Ok(id(args, &fqdn))
    }

    /// Brings it from the prior to the planned object.
    pub async fn update(session: &Session, prior: &Value, planned: &Value) -> Result<(), Problem> {
        let args = Args(planned);
        let zone = args.must("zone_id");
        let fqdn = full(&args.must("name"), &zone_name(session, &zone).await?);
        let wanted = record(args, &fqdn)?;
        let kind_of = |object: Args<'_>| {
            ["weighted_routing_policy", "failover_routing_policy", "latency_routing_policy"]
                .map(|name| object.block(name).is_some())
        };
        if kind_of(Args(prior)) != kind_of(args)
            && let Some(old) = find(session, Args(prior), &fqdn).await?
        {
            // A record of another kind of routing does not take the place of one: the two go together or not at all.
            let wrong = |e: aws_smithy_types::error::operation::BuildError| unbuilt(&api::CHANGE_RECORDS, e);
            let one =
                |action, record| Change::builder().action(action).resource_record_set(record).build().map_err(wrong);
            let batch = ChangeBatch::builder()
                .changes(one(ChangeAction::Delete, old)?)
                .changes(one(ChangeAction::Create, wanted)?)
                .build()
                .map_err(wrong)?;
            let call = session.dns.change_resource_record_sets().hosted_zone_id(&zone).change_batch(batch);
            return session.ask(&api::CHANGE_RECORDS, call.send()).await.map(|_| ());
        }
        change(session, &zone, ChangeAction::Upsert, wanted).await
    }

    /// Deletes it, as it is now.
    pub async fn delete(session: &Session, prior: &Value) -> Result<(), Problem> {
        let args = Args(prior);
        let zone = args.must("zone_id");
        let fqdn = full(&args.must("name"), &zone_name(session, &zone).await?);
        let Some(there) = find(session, args, &fqdn).await? else { return Ok(()) };
        match change(session, &zone, ChangeAction::Delete, there).await {
            // Gone in the meantime.
            Err(problem) if problem.message.contains("not found") => Ok(()),
            end => end,
        }
    }

    /// As it is.
    pub async fn read(session: &Session, state: &Value) -> Result<Option<Value>, Problem> {
        let args = Args(state);
        let zone = args.must("zone_id");
        let fqdn = full(&args.must("name"), &zone_name(session, &zone).await?);
        let Some(found) = find(session, args, &fqdn).await? else { return Ok(None) };
        let mut live = Live::over(state);
        live.text("id", Some(id(args, &fqdn))).text("fqdn", Some(&fqdn)).int("ttl", found.ttl());
        let written = args.texts("records");
        let bare = |text: &str| text.trim_matches('"').to_owned();
        let records = found.resource_records().iter().map(|r| {
            // A text is shown as it is written, with or without its quotes.
            if written.iter().any(|w| w == &bare(r.value())) { bare(r.value()) } else { r.value().to_owned() }
        });
        live.collection("records", text_set(records.collect::<Vec<_>>()))
            .text("health_check_id", found.health_check_id());
        let multi = found.multi_value_answer().unwrap_or(false);
        let says = args.flag("multivalue_answer_routing_policy").is_some();
        live.flag("multivalue_answer_routing_policy", (says || multi).then_some(multi));
        let alias = found.alias_target();
        live.blocks("alias", usize::from(alias.is_some()), |_, block| {
            let Some(alias) = alias else { return };
            let name = Args(block.value()).must("name");
            if plain(&name) != plain(alias.dns_name()) {
                block.text("name", Some(alias.dns_name().trim_end_matches('.')));
            }
            block
                .text("zone_id", Some(alias.hosted_zone_id()))
                .flag("evaluate_target_health", Some(alias.evaluate_target_health()));
        });
        live.blocks("weighted_routing_policy", usize::from(found.weight().is_some()), |_, block| {
            block.int("weight", found.weight());
        });
        live.blocks("failover_routing_policy", usize::from(found.failover().is_some()), |_, block| {
            block.text("type", found.failover().map(|f| f.as_str()));
        });
        live.blocks("latency_routing_policy", usize::from(found.region().is_some()), |_, block| {
            block.text("region", found.region().map(|r| r.as_str()));
        });
        Ok(Some(live.done()))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn names_are_completed_within_their_zone() {
            for (name, expected) in [
                ("www", "www.example.kr"),
                ("www.example.kr", "www.example.kr"),
                ("WWW.example.kr.", "www.example.kr"),
                ("", "example.kr"),
                ("example.kr", "example.kr"),
                ("\\052.example.kr.", "*.example.kr"),
                ("notexample.kr", "notexample.kr.example.kr"),
            ] {
                assert_eq!(full(name, "example.kr."), expected, "{name:?}");
            }
        }

        #[test]
        fn an_id_says_which_record_it_is() {
            let state = from_id(&schema(), "Z1_my_host.example.kr_A_blue_1").expect("an id");
            let args = Args(&state);
            assert_eq!(args.must("name"), "my_host.example.kr");
            assert_eq!(
                (args.must("zone_id"), args.must("type"), args.must("set_identifier")),
                ("Z1".into(), "A".into(), "blue_1".into())
            );
            assert!(from_id(&schema(), "nonsense").is_none());
        }
    }
}

/// `aws_route53_health_check`
pub mod check {
    use super::*;

    /// The schema.
    pub fn schema() -> ResourceSchema {
        ResourceSchema::new()
            .describe("Whether something answers, as Route 53 sees it from several regions.")
            .attribute("arn", string().computed())
            .attribute("child_health_threshold", number().computed().optional())
            .attribute("child_healthchecks", set(Type::String))
            .attribute("disabled", boolean().computed().optional())
            .attribute("enable_sni", boolean().computed().optional())
            .attribute("failure_threshold", number().computed().optional())
            .attribute("fqdn", string())
            .attribute("id", string().computed())
            .attribute("invert_healthcheck", boolean().computed().optional())
            .attribute("ip_address", string())
            .attribute("measure_latency", boolean().computed().optional().replaces())
            .attribute("port", number())
            .attribute("regions", set(Type::String))
            .attribute("request_interval", number().computed().optional().replaces())
            .attribute("resource_path", string())
            .attribute("search_string", string())
            .attribute("tags", map(Type::String))
            .attribute("tags_all", map(Type::String).computed())
            .attribute("type", string().required().replaces())
    }

    fn config(args: Args<'_>) -> Result<HealthCheckConfig, Problem> {
        let texts = |name: &str| Some(args.texts(name)).filter(|t| !t.is_empty());
        let regions = texts("regions").map(|all| all.iter().map(|r| HealthCheckRegion::from(r.as_str())).collect());
        HealthCheckConfig::builder()
            .r#type(HealthCheckType::from(args.must("type").as_str()))
            .set_ip_address(args.text("ip_address"))
            .set_port(args.int32("port"))
            .set_resource_path(args.text("resource_path"))
            .set_fully_qualified_domain_name(args.text("fqdn"))
            .set_search_string(args.text("search_string"))
            .set_request_interval(args.int32("request_interval"))
            .set_failure_threshold(args.int32("failure_threshold"))
            .set_measure_latency(args.flag("measure_latency"))
            .set_inverted(args.flag("invert_healthcheck"))
            .set_disabled(args.flag("disabled"))
            .set_enable_sni(args.flag("enable_sni"))
            .set_health_threshold(args.int32("child_health_threshold"))
            .set_child_health_checks(texts("child_healthchecks"))
            .set_regions(regions)
            .build()
            .map_err(|e| unbuilt(&api::CREATE_HEALTH_CHECK, e))
    }

    /// Makes it; once only by its reference.
    pub async fn create(session: &Session, planned: &Value, own: Own<'_>) -> Result<String, Problem> {
        let config = config(Args(planned))?;
        let call =
            session.dns.create_health_check().caller_reference(Seed::of(own).token()).health_check_config(config);
        let answer = session.again(|| session.ask(&api::CREATE_HEALTH_CHECK, call.clone().send())).await?;
        let id = answer.health_check.map(|c| c.id).unwrap_or_default();
        let tags = tags::wanted(session, planned, own);
        change_tags(session, &id, &tags, Vec::new()).await?;
        Ok(id)
    }

    async fn change_tags(session: &Session, id: &str, set: &tags::Tags, removed: Vec<String>) -> Result<(), Problem> {
        if set.is_empty() && removed.is_empty() {
            return Ok(());
        }
        let tags: Vec<Tag> = set.iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect();
        let call = session
            .dns
            .change_tags_for_resource()
            .resource_type(TagResourceType::Healthcheck)
            .resource_id(id)
            .set_add_tags(Some(tags).filter(|t| !t.is_empty()))
            .set_remove_tag_keys(Some(removed).filter(|k| !k.is_empty()));
        session.ask(&api::CHANGE_DNS_TAGS, call.send()).await.map(|_| ())
    }

    /// Brings it from the prior to the planned object.
    pub async fn update(session: &Session, prior: &Value, planned: &Value) -> Result<(), Problem> {
        let (new, id) = (Args(planned), Args(prior).must("id"));
        let (set, removed) = tags::change(prior, planned);
        change_tags(session, &id, &set, removed).await?;
        let texts = |name: &str| Some(new.texts(name)).filter(|t| !t.is_empty());
        let regions = texts("regions").map(|all| all.iter().map(|r| HealthCheckRegion::from(r.as_str())).collect());
        // What is left out of the call stays as it was; what is to be nothing again must be named.
        let emptied = [
            ("resource_path", ResettableElementName::ResourcePath),
            ("fqdn", ResettableElementName::FullyQualifiedDomainName),
            ("regions", ResettableElementName::Regions),
            ("child_healthchecks", ResettableElementName::ChildHealthChecks),
        ];
        let emptied =
            emptied.into_iter().filter(|(name, _)| Args(prior).get(name).is_some() && new.get(name).is_none());
        let emptied: Vec<_> = emptied.map(|(_, element)| element).collect();
        let call = session
            .dns
            .update_health_check()
            .health_check_id(&id)
            .set_reset_elements(Some(emptied).filter(|e| !e.is_empty()))
            .set_ip_address(new.text("ip_address"))
            .set_port(new.int32("port"))
            .set_resource_path(new.text("resource_path"))
            .set_fully_qualified_domain_name(new.text("fqdn"))
            .set_search_string(new.text("search_string"))
            .set_failure_threshold(new.int32("failure_threshold"))
            .set_inverted(new.flag("invert_healthcheck"))
            .set_disabled(new.flag("disabled"))
            .set_enable_sni(new.flag("enable_sni"))
            .set_health_threshold(new.int32("child_health_threshold"))
            .set_child_health_checks(texts("child_healthchecks"))
            .set_regions(regions);
        session.ask(&api::UPDATE_HEALTH_CHECK, call.send()).await.map(|_| ())
    }

    /// Deletes it.
    pub async fn delete(session: &Session, id: &str) -> Result<(), Problem> {
        let call = session.dns.delete_health_check().health_check_id(id);
        session.ask(&api::DELETE_HEALTH_CHECK, call.send()).await.map(|_| ())
    }

    /// As it is.
    pub async fn read(session: &Session, state: &Value) -> Result<Option<Value>, Problem> {
        let id = Args(state).must("id");
        let answer =
            session.ask(&api::GET_HEALTH_CHECK, session.dns.get_health_check().health_check_id(&id).send()).await?;
        let Some(config) = answer.health_check.and_then(|c| c.health_check_config) else { return Ok(None) };
        let mut live = Live::over(state);
        let partition = super::super::instance_partition(&session.settings.region);
        live.text("id", Some(&id))
            .text("arn", Some(format!("arn:{partition}:route53:::healthcheck/{id}")))
            .text("type", Some(config.r#type().as_str()))
            .text("ip_address", config.ip_address())
            .int("port", config.port())
            .text("resource_path", config.resource_path())
            .text("fqdn", config.fully_qualified_domain_name())
            .text("search_string", config.search_string())
            .int("request_interval", config.request_interval())
            .int("failure_threshold", config.failure_threshold())
            .flag("measure_latency", Some(config.measure_latency().unwrap_or(false)))
            .flag("invert_healthcheck", Some(config.inverted().unwrap_or(false)))
            .flag("disabled", Some(config.disabled().unwrap_or(false)))
            .flag("enable_sni", config.enable_sni())
            .int("child_health_threshold", config.health_threshold())
            .collection("child_healthchecks", text_set(config.child_health_checks()));
        // All regions is what not written means.
        if !Args(state).texts("regions").is_empty() {
            live.collection("regions", text_set(config.regions().iter().map(|r| r.as_str())));
        }
        let call = session.dns.list_tags_for_resource().resource_type(TagResourceType::Healthcheck).resource_id(&id);
        let answer = session.ask(&api::LIST_DNS_TAGS, call.send()).await?;
        let tags = answer.resource_tag_set.map(|s| s.tags.unwrap_or_default()).unwrap_or_default();
        let tags = tags.into_iter().filter_map(|t| Some((t.key?, t.value.unwrap_or_default()))).collect();
        tags::show(&mut live, session, &tags);
        Ok(Some(live.done()))
    }
}
