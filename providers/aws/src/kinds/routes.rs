//! `aws_route_table` and `aws_route_table_association`.

use super::{Own, Seed, instance_partition};
use crate::api;
use crate::attr::{Args, Live, text};
use crate::problem::{Nature, Problem};
use crate::session::Session;
use crate::tags;
use aws_sdk_ec2::types::*;
use std::collections::BTreeMap;
use std::time::Duration;
use straddle_sdk::provider::{ResourceSchema, map, set_block, string};
use straddle_sdk::value::{Kind, Type, Value};

const PATIENCE: Duration = Duration::from_secs(300);
/// Where a route may lead, by the attribute that says so.
const WAYS: &[&str] =
    &["gateway_id", "nat_gateway_id", "network_interface_id", "transit_gateway_id", "vpc_peering_connection_id"];

/// `aws_route_table`
pub mod table {
    use super::*;

    /// The schema.
    pub fn schema() -> ResourceSchema {
        let route = WAYS.iter().fold(
            ResourceSchema::new().attribute("cidr_block", string()).attribute("ipv6_cidr_block", string()),
            |route, name| route.attribute(*name, string()),
        );
        ResourceSchema::new()
            .describe("Where packets of a subnet go.")
            .attribute("arn", string().computed())
            .attribute("id", string().computed())
            .attribute("owner_id", string().computed())
            .attribute("tags", map(Type::String))
            .attribute("tags_all", map(Type::String).computed())
            .attribute("vpc_id", string().required().replaces())
            .block("route", set_block(route))
    }

    /// Destination to way.
    type Routes = BTreeMap<String, (String, String)>;

    fn routes(object: &Value) -> Routes {
        let one = |route: Args<'_>| {
            let to = route.text("cidr_block").or_else(|| route.text("ipv6_cidr_block"))?;
            let way = WAYS.iter().find_map(|name| Some(((*name).to_owned(), route.text(name)?)))?;
            Some((to, way))
        };
        Args(object).blocks("route").into_iter().filter_map(one).collect()
    }

    /// Makes it; once only by its client token.
    pub async fn create(session: &Session, planned: &Value, own: Own<'_>) -> Result<String, Problem> {
        let tags = tags::wanted(session, planned, own);
        let call = session
            .ec2
            .create_route_table()
            .vpc_id(Args(planned).must("vpc_id"))
            .client_token(Seed::of(own).token())
            .set_tag_specifications(tags::at_creation(ResourceType::RouteTable, &tags));
        let answer = session.again(|| session.ask(&api::CREATE_ROUTE_TABLE, call.clone().send())).await?;
        Ok(answer.route_table.and_then(|t| t.route_table_id).unwrap_or_default())
    }

    /// Its routes.
    pub async fn finish(session: &Session, id: &str, planned: &Value) -> Result<(), Problem> {
        change(session, id, &Routes::new(), &routes(planned)).await
    }

    async fn change(session: &Session, id: &str, old: &Routes, new: &Routes) -> Result<(), Problem> {
        for to in old.keys().filter(|to| !new.contains_key(*to)) {
            let call = session.ec2.delete_route().route_table_id(id);
            let call =
                if to.contains(':') { call.destination_ipv6_cidr_block(to) } else { call.destination_cidr_block(to) };
            match session.ask(&api::DELETE_ROUTE, call.send()).await {
                Err(problem) if !problem.is_gone() => return Err(problem.about("route")),
                _ => {}
            }
        }
        for (to, (kind, way)) in new.iter().filter(|(to, way)| old.get(*to) != Some(*way)) {
            let (v6, v4) = if to.contains(':') { (Some(to.clone()), None) } else { (None, Some(to.clone())) };
            let is = |name: &str| (kind == name).then(|| way.clone());
            macro_rules! with_way {
                ($call:expr) => {
                    $call
                        .route_table_id(id)
                        .set_destination_cidr_block(v4.clone())
                        .set_destination_ipv6_cidr_block(v6.clone())
                        .set_gateway_id(is("gateway_id"))
                        .set_nat_gateway_id(is("nat_gateway_id"))
                        .set_network_interface_id(is("network_interface_id"))
                        .set_transit_gateway_id(is("transit_gateway_id"))
                        .set_vpc_peering_connection_id(is("vpc_peering_connection_id"))
                        .send()
                };
            }
            if old.contains_key(to) {
                let call = with_way!(session.ec2.replace_route());
                session.ask(&api::REPLACE_ROUTE, call).await.map_err(|p| p.about("route"))?;
            } else {
                let call = || session.ask(&api::CREATE_ROUTE, with_way!(session.ec2.create_route()));
                session.persist(Duration::from_secs(30), call).await.map_err(|p| p.about("route"))?;
            }
        }
        Ok(())
    }

    /// Brings it from the prior to the planned object.
    pub async fn update(session: &Session, prior: &Value, planned: &Value) -> Result<(), Problem> {
        let id = Args(prior).must("id");
        tags::update_ec2(session, &id, prior, planned).await?;
        change(session, &id, &routes(prior), &routes(planned)).await
    }

    /// Deletes it.
    pub async fn delete(session: &Session, id: &str) -> Result<(), Problem> {
        let call = || async {
            session.ask(&api::DELETE_ROUTE_TABLE, session.ec2.delete_route_table().route_table_id(id).send()).await
        };
        session.persist(PATIENCE, call).await.map(|_| ())
    }

    /// As it is.
    pub async fn read(session: &Session, state: &Value) -> Result<Option<Value>, Problem> {
        let id = Args(state).must("id");
        let call = session.ec2.describe_route_tables().route_table_ids(&id);
        let answer = session.ask(&api::DESCRIBE_ROUTE_TABLES, call.send()).await?;
        let Some(found) = answer.route_tables.unwrap_or_default().into_iter().next() else { return Ok(None) };
        let (owner, region) = (found.owner_id().unwrap_or_default(), &session.settings.region);
        let mut live = Live::over(state);
        let arn = format!("arn:{}:ec2:{region}:{owner}:route-table/{id}", instance_partition(region));
        live.text("id", Some(&id))
            .text("arn", Some(arn))
            .text("owner_id", found.owner_id())
            .text("vpc_id", found.vpc_id());
        if let Some(Kind::Set(old)) = live.value().get("route").map(Value::kind) {
            let of = old.of.clone();
            let routes = found.routes().iter().filter_map(|route| shown(route, &of)).collect();
            live.set("route", Some(Value::set(of, routes)));
        }
        tags::show(&mut live, session, &tags::of_ec2(found.tags()));
        Ok(Some(live.done()))
    }

    /// A route that somebody made: not the network's own, and none that a gateway spreads.
    fn shown(route: &Route, of: &Type) -> Option<Value> {
        if route.origin() != Some(&RouteOrigin::CreateRoute) || route.gateway_id() == Some("local") {
            return None;
        }
        let way = [
            route.gateway_id(),
            route.nat_gateway_id(),
            route.network_interface_id(),
            route.transit_gateway_id(),
            route.vpc_peering_connection_id(),
        ];
        let (name, way) = WAYS.iter().zip(way).find_map(|(name, way)| Some((name, way?)))?;
        let mut value = crate::attr::nothing(of).with_attribute(name, text(way));
        if let Some(to) = route.destination_cidr_block() {
            value = value.with_attribute("cidr_block", text(to));
        }
        if let Some(to) = route.destination_ipv6_cidr_block() {
            value = value.with_attribute("ipv6_cidr_block", text(to));
        }
        Some(value)
    }
}

/// `aws_route_table_association`
pub mod association {
    use super::*;

    /// The schema.
    pub fn schema() -> ResourceSchema {
        ResourceSchema::new()
            .describe("Which route table a subnet uses.")
            .attribute("id", string().computed())
            .attribute("route_table_id", string().required().replaces())
            .attribute("subnet_id", string().required().replaces())
    }

    /// Makes it. One that is there already between the same two is the one wanted.
    pub async fn create(session: &Session, planned: &Value, _: Own<'_>) -> Result<String, Problem> {
        let args = Args(planned);
        let call = session
            .ec2
            .associate_route_table()
            .route_table_id(args.must("route_table_id"))
            .subnet_id(args.must("subnet_id"));
        match session.ask(&api::ASSOCIATE_ROUTE_TABLE, call.send()).await {
            Ok(answer) => Ok(answer.association_id.unwrap_or_default()),
            Err(problem) if matches!(problem.nature, Nature::Exists | Nature::InDoubt) => {
                match find(session, args).await? {
                    Some(id) => Ok(id),
                    None => Err(problem.about("subnet_id")),
                }
            }
            Err(problem) => Err(problem),
        }
    }

    async fn find(session: &Session, args: Args<'_>) -> Result<Option<String>, Problem> {
        let call = session.ec2.describe_route_tables().route_table_ids(args.must("route_table_id"));
        let answer = session.ask(&api::DESCRIBE_ROUTE_TABLES, call.send()).await?;
        let tables = answer.route_tables.unwrap_or_default();
        let subnet = args.text("subnet_id");
        let mut all = tables.iter().flat_map(|t| t.associations());
        let found = all.find(|a| a.subnet_id() == subnet.as_deref());
        Ok(found.and_then(|a| a.route_table_association_id()).map(str::to_owned))
    }

    /// Undoes it.
    pub async fn delete(session: &Session, id: &str) -> Result<(), Problem> {
        let call = session.ec2.disassociate_route_table().association_id(id);
        session.ask(&api::DISASSOCIATE_ROUTE_TABLE, call.send()).await.map(|_| ())
    }

    /// As it is.
    pub async fn read(session: &Session, state: &Value) -> Result<Option<Value>, Problem> {
        let id = Args(state).must("id");
        let filter = Filter::builder().name("association.route-table-association-id").values(&id).build();
        let call = session.ec2.describe_route_tables().filters(filter);
        let answer = session.ask(&api::DESCRIBE_ROUTE_TABLES, call.send()).await?;
        let tables = answer.route_tables.unwrap_or_default();
        let mut all = tables.iter().flat_map(|t| t.associations());
        let Some(found) = all.find(|a| a.route_table_association_id() == Some(id.as_str())) else { return Ok(None) };
        let mut live = Live::over(state);
        live.text("route_table_id", found.route_table_id()).text("subnet_id", found.subnet_id());
        Ok(Some(live.done()))
    }
}
