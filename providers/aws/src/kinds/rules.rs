//! Rules of security groups as resources of their own: `aws_vpc_security_group_ingress_rule` and `aws_vpc_security_group_egress_rule`,
//! one peer each, and `aws_security_group_rule` with as many as are written.

use super::security::{Atom, Direction, Peer, atoms_in, atoms_of, group, permissions, protocol};
use super::{Own, Seed, instance_partition, token_of};
use crate::api;
use crate::attr::{Args, Live, number, text, text_list};
use crate::ownership;
use crate::problem::{Nature, Problem};
use crate::session::Session;
use crate::tags;
use aws_sdk_ec2::types::*;
use std::collections::BTreeSet;
use std::time::Duration;
use straddle_sdk::provider::{
    PlanAnswer, PlanRequest, ResourceSchema, boolean, list, map, number as number_attribute, string,
};
use straddle_sdk::value::{Path, Step, Type, Value};

/// Adds rules to a group; says what became of it, and the rules' ids where AWS tells.
async fn authorize(
    session: &Session,
    group: &str,
    direction: Direction,
    rules: Vec<IpPermission>,
    tags: &tags::Tags,
) -> Result<Vec<SecurityGroupRule>, Problem> {
    let tags = tags::at_creation(ResourceType::SecurityGroupRule, tags);
    match direction {
        Direction::Ingress => {
            let call = session.ec2_once.authorize_security_group_ingress().group_id(group);
            let call = call.set_ip_permissions(Some(rules)).set_tag_specifications(tags);
            let answer = session.ask(&api::AUTHORIZE_INGRESS, call.send()).await?;
            Ok(answer.security_group_rules.unwrap_or_default())
        }
        Direction::Egress => {
            let call = session.ec2_once.authorize_security_group_egress().group_id(group);
            let call = call.set_ip_permissions(Some(rules)).set_tag_specifications(tags);
            let answer = session.ask(&api::AUTHORIZE_EGRESS, call.send()).await?;
            Ok(answer.security_group_rules.unwrap_or_default())
        }
    }
}

/// One peer of one rule
pub mod single {
    use super::*;

    /// Who the rule is about; one of them.
    pub const PEERS: &[&str] = &["cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id"];

    /// The schema.
    pub fn schema(direction: Direction) -> ResourceSchema {
        let who = match direction {
            Direction::Ingress => "Who may talk to a security group's members.",
            Direction::Egress => "Whom a security group's members may talk to.",
        };
        PEERS
            .iter()
            .fold(ResourceSchema::new().describe(who), |schema, name| schema.attribute(*name, string()))
            .attribute("arn", string().computed())
            .attribute("description", string())
            .attribute("from_port", number_attribute())
            .attribute("id", string().computed())
            .attribute("ip_protocol", string().required().describe("-1 for all."))
            .attribute("security_group_id", string().required().replaces())
            .attribute("security_group_rule_id", string().computed())
            .attribute("tags", map(Type::String))
            .attribute("tags_all", map(Type::String).computed())
            .attribute("to_port", number_attribute())
    }

    fn peer(args: Args<'_>) -> Option<Peer> {
        let v4 = args.text("cidr_ipv4").map(Peer::V4);
        let v6 = || args.text("cidr_ipv6").map(Peer::V6);
        let list = || args.text("prefix_list_id").map(Peer::List);
        // A group of another account is written ACCOUNT/GROUP.
        let other = || args.text("referenced_security_group_id").map(|id| Peer::Group(bare(&id).to_owned()));
        v4.or_else(v6).or_else(list).or_else(other)
    }

    fn bare(group: &str) -> &str {
        group.rsplit('/').next().unwrap_or_default()
    }

    fn atom(planned: &Value) -> Option<Atom> {
        let args = Args(planned);
        let protocol = protocol(&args.must("ip_protocol"));
        let port = |name: &str| if protocol == "-1" { 0 } else { args.int(name).unwrap_or(-1) };
        let ports = (port("from_port"), port("to_port"));
        Some(Atom { ports, peer: peer(args)?, description: args.must("description"), protocol })
    }

    /// Another kind of peer is another rule: AWS changes one address to another in place, and no address to a group.
    pub fn plan(request: &PlanRequest, answer: &mut PlanAnswer) {
        let kind =
            |object: &Value| PEERS.iter().copied().find(|name| object.get(name).is_some_and(|value| !value.is_null()));
        if request.prior.is_null() || answer.planned.is_null() {
            return;
        }
        let (was, will) = (kind(&request.prior), kind(&answer.planned));
        if was != will {
            let path = |name: &str| Path(vec![Step::Attr(name.into())]);
            answer.requires_replace.extend(was.into_iter().chain(will).map(path));
        }
    }

    /// Makes it; once only by its tag.
    pub async fn create(
        session: &Session,
        direction: Direction,
        planned: &Value,
        own: Own<'_>,
    ) -> Result<String, Problem> {
        let tags = tags::wanted(session, planned, own);
        let group = Args(planned).must("security_group_id");
        let rules: BTreeSet<Atom> = atom(planned).into_iter().collect();
        let create = || async {
            let made = authorize(session, &group, direction, permissions(&rules), &tags).await?;
            Ok(made.into_iter().find_map(|rule| rule.security_group_rule_id).unwrap_or_default())
        };
        let find = |token: String| async move { by_token(session, &token).await };
        match session.once(token_of(own), create, find).await {
            Err(problem) if problem.nature == Nature::Exists => {
                // An attempt whose reply was lost may be what is in the way.
                let mine = match token_of(own) {
                    Some(token) => by_token(session, token).await?,
                    None => None,
                };
                mine.ok_or_else(|| problem.about("security_group_id"))
            }
            end => end,
        }
    }

    async fn by_token(session: &Session, token: &str) -> Result<Option<String>, Problem> {
        let filter = Filter::builder().name(format!("tag:{}", ownership::TOKEN)).values(token).build();
        let call = session.ec2.describe_security_group_rules().filters(filter);
        let answer = session.ask(&api::DESCRIBE_GROUP_RULES, call.send()).await?;
        Ok(answer.security_group_rules.unwrap_or_default().into_iter().find_map(|r| r.security_group_rule_id))
    }

    /// Brings it from the prior to the planned object: all of it but its group changes in place.
    pub async fn update(session: &Session, prior: &Value, planned: &Value) -> Result<(), Problem> {
        let (old, new, id) = (Args(prior), Args(planned), Args(prior).must("id"));
        tags::update_ec2(session, &id, prior, planned).await?;
        let parts = ["ip_protocol", "from_port", "to_port", "description"];
        if !parts.iter().chain(PEERS).any(|name| old.differs(new, name)) {
            return Ok(());
        }
        let group = new.text("referenced_security_group_id").map(|id| bare(&id).to_owned());
        let protocol = protocol(&new.must("ip_protocol"));
        let port = |name: &str| if protocol == "-1" { Some(-1) } else { new.int32(name) };
        let wanted = SecurityGroupRuleRequest::builder()
            .set_from_port(port("from_port"))
            .set_to_port(port("to_port"))
            .set_cidr_ipv4(new.text("cidr_ipv4"))
            .set_cidr_ipv6(new.text("cidr_ipv6"))
            .set_prefix_list_id(new.text("prefix_list_id"))
            .set_referenced_group_id(group)
            .set_description(new.text("description"))
            .ip_protocol(&protocol)
            .build();
        let change = SecurityGroupRuleUpdate::builder().security_group_rule_id(&id).security_group_rule(wanted).build();
        let call = session
            .ec2
            .modify_security_group_rules()
            .group_id(new.must("security_group_id"))
            .security_group_rules(change);
        session.ask(&api::MODIFY_GROUP_RULES, call.send()).await.map(|_| ())
    }

    /// Deletes it.
    pub async fn delete(session: &Session, direction: Direction, prior: &Value) -> Result<(), Problem> {
        let (group, id) = (Args(prior).must("security_group_id"), Args(prior).must("id"));
        match direction {
            Direction::Ingress => {
                let call = session.ec2.revoke_security_group_ingress().group_id(group).security_group_rule_ids(id);
                session.ask(&api::REVOKE_INGRESS, call.send()).await.map(|_| ())
            }
            Direction::Egress => {
                let call = session.ec2.revoke_security_group_egress().group_id(group).security_group_rule_ids(id);
                session.ask(&api::REVOKE_EGRESS, call.send()).await.map(|_| ())
            }
        }
    }

    /// As it is.
    pub async fn read(session: &Session, state: &Value) -> Result<Option<Value>, Problem> {
        let args = Args(state);
        let id = args.must("id");
        let call = session.ec2.describe_security_group_rules().security_group_rule_ids(&id);
        let answer = session.ask(&api::DESCRIBE_GROUP_RULES, call.send()).await?;
        let Some(rule) = answer.security_group_rules.unwrap_or_default().into_iter().next() else { return Ok(None) };
        let (owner, region) = (rule.group_owner_id().unwrap_or_default(), &session.settings.region);
        let arn = format!("arn:{}:ec2:{region}:{owner}:security-group-rule/{id}", instance_partition(region));
        let mut live = Live::over(state);
        live.text("id", Some(&id))
            .text("security_group_rule_id", Some(&id))
            .text("arn", Some(rule.security_group_rule_arn().map_or(arn, str::to_owned)))
            .text("security_group_id", rule.group_id())
            .text("cidr_ipv4", rule.cidr_ipv4())
            .text("cidr_ipv6", rule.cidr_ipv6())
            .text("prefix_list_id", rule.prefix_list_id())
            .text("description", rule.description());
        let said = rule.ip_protocol().unwrap_or("-1");
        if args.text("ip_protocol").is_none_or(|written| protocol(&written) != protocol(said)) {
            live.text("ip_protocol", Some(said));
        }
        if protocol(said) != "-1" {
            live.int("from_port", rule.from_port()).int("to_port", rule.to_port());
        }
        let other = rule.referenced_group_info().and_then(|g| g.group_id());
        if args.text("referenced_security_group_id").as_deref().map(bare) != other {
            live.text("referenced_security_group_id", other);
        }
        tags::show(&mut live, session, &tags::of_ec2(rule.tags()));
        Ok(Some(live.done()))
    }
}

/// `aws_security_group_rule`
pub mod several {
    use super::*;

    /// The schema.
    pub fn schema() -> ResourceSchema {
        ResourceSchema::new()
            .describe("Ports of a security group for as many peers as are written.")
            .attribute("cidr_blocks", list(Type::String).replaces())
            .attribute("description", string().describe("Changed in place."))
            .attribute("from_port", number_attribute().required().replaces())
            .attribute("id", string().computed())
            .attribute("ipv6_cidr_blocks", list(Type::String).replaces())
            .attribute("prefix_list_ids", list(Type::String).replaces())
            .attribute("protocol", string().required().replaces())
            .attribute("security_group_id", string().required().replaces())
            .attribute("security_group_rule_id", string().computed().describe("Where there is one peer only."))
            .attribute("self", boolean().computed().optional().replaces())
            .attribute("source_security_group_id", string().computed().optional().replaces())
            .attribute("to_port", number_attribute().required().replaces())
            .attribute("type", string().required().replaces().describe("ingress or egress."))
    }

    /// What is not written.
    pub const DEFAULTS: &[(&str, &str)] = &[("self", "false")];

    fn direction(args: Args<'_>) -> Result<Direction, Problem> {
        Direction::of(&args.must("type")).ok_or_else(|| {
            let words = format!("type is \"ingress\" or \"egress\", not {:?}", args.must("type"));
            Problem::own(&api::AUTHORIZE_INGRESS, Nature::Refused, words).about("type")
        })
    }

    fn atoms(args: Args<'_>) -> BTreeSet<Atom> {
        let own = args.must("security_group_id");
        let mut all: BTreeSet<Atom> = atoms_of(args, &own).into_iter().collect();
        if let Some(other) = args.text("source_security_group_id") {
            let rule = nothing_but_ports(args).with_attribute("security_groups", text_list([other]));
            all.extend(atoms_of(Args(&rule), &own));
        }
        all
    }

    /// The rule without its peers.
    fn nothing_but_ports(args: Args<'_>) -> Value {
        let port = |name: &str| number(args.int(name).unwrap_or_default());
        Value::object(vec![
            ("description".into(), text(args.must("description"))),
            ("from_port".into(), port("from_port")),
            ("protocol".into(), text(args.must("protocol"))),
            ("security_groups".into(), text_list(Vec::<String>::new())),
            ("to_port".into(), port("to_port")),
        ])
    }

    /// What AWS tells rules apart by: a description is no part of it.
    fn key(atom: &Atom) -> (String, (i64, i64), Peer) {
        (atom.protocol.clone(), atom.ports, atom.peer.clone())
    }

    fn id(args: Args<'_>) -> String {
        let keys: Vec<_> = atoms(args).iter().map(key).collect();
        let seed = Seed::text(&format!("{}{}{keys:?}", args.must("security_group_id"), args.must("type")));
        format!("sgrule-{}", seed.token().chars().take(16).collect::<String>())
    }

    /// What an import's id says: `GROUP_TYPE_PROTOCOL_FROM_TO_PEER...`.
    pub fn from_id(schema: &ResourceSchema, id: &str) -> Option<Value> {
        let mut parts = id.split('_');
        let mut next = || parts.next().filter(|part| !part.is_empty());
        let (group, direction, protocol) = (next()?, next()?, next()?);
        let port = |part: &str| if part == "all" { Some(0) } else { part.parse::<i64>().ok() };
        let (from, to) = (port(next()?)?, port(next()?)?);
        Direction::of(direction)?;
        let mut state = crate::attr::only_id(schema, id)
            .with_attribute("security_group_id", text(group))
            .with_attribute("type", text(direction))
            .with_attribute("protocol", text(if protocol == "all" { "-1" } else { protocol }))
            .with_attribute("from_port", number(from))
            .with_attribute("to_port", number(to));
        let (mut v4, mut v6, mut lists) = (Vec::new(), Vec::new(), Vec::new());
        for peer in parts {
            match peer {
                "self" => state = state.with_attribute("self", Value::TRUE),
                _ if peer.starts_with("sg-") => state = state.with_attribute("source_security_group_id", text(peer)),
                _ if peer.starts_with("pl-") => lists.push(peer),
                _ if peer.contains(':') => v6.push(peer),
                _ => v4.push(peer),
            }
        }
        for (name, all) in [("cidr_blocks", v4), ("ipv6_cidr_blocks", v6), ("prefix_list_ids", lists)] {
            if !all.is_empty() {
                state = state.with_attribute(name, text_list(all));
            }
        }
        let some = !atoms(Args(&state)).is_empty();
        some.then_some(state)
    }

    /// The group's rules of a direction, each with its tags.
    async fn there(
        session: &Session,
        group: &str,
        direction: Direction,
    ) -> Result<Vec<(Atom, tags::Tags, String)>, Problem> {
        let filter = Filter::builder().name("group-id").values(group).build();
        let mut all = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let call = session.ec2.describe_security_group_rules().filters(filter.clone()).max_results(1000);
            let answer = session.ask(&api::DESCRIBE_GROUP_RULES, call.set_next_token(next.clone()).send()).await?;
            let rules = answer.security_group_rules.unwrap_or_default().into_iter();
            let rules = rules.filter(|r| r.is_egress().unwrap_or(false) == (direction == Direction::Egress));
            all.extend(rules.filter_map(|r| Some((atom_of(&r)?, tags::of_ec2(r.tags()), r.security_group_rule_id?))));
            match answer.next_token.filter(|token| !token.is_empty() && next.as_ref() != Some(token)) {
                Some(token) => next = Some(token),
                None => return Ok(all),
            }
        }
    }

    fn atom_of(rule: &SecurityGroupRule) -> Option<Atom> {
        let protocol = protocol(rule.ip_protocol().unwrap_or("-1"));
        let port = |port: Option<i32>| if protocol == "-1" { 0 } else { i64::from(port.unwrap_or_default()) };
        let peer = match (rule.cidr_ipv4(), rule.cidr_ipv6(), rule.prefix_list_id()) {
            (Some(cidr), _, _) => Peer::V4(cidr.to_owned()),
            (_, Some(cidr), _) => Peer::V6(cidr.to_owned()),
            (_, _, Some(list)) => Peer::List(list.to_owned()),
            _ => Peer::Group(rule.referenced_group_info()?.group_id()?.to_owned()),
        };
        let ports = (port(rule.from_port()), port(rule.to_port()));
        Some(Atom { ports, peer, description: rule.description().unwrap_or_default().to_owned(), protocol })
    }

    /// Makes it. Rules that an attempt at this very resource made are taken over, those of others are not.
    pub async fn create(session: &Session, planned: &Value, own: Own<'_>) -> Result<String, Problem> {
        let args = Args(planned);
        let (group, direction) = (args.must("security_group_id"), direction(args)?);
        let tags = own.map(ownership::tags_of).unwrap_or_default();
        let mut left = atoms(args);
        let mut doubtful = false;
        let mut pauses = session.pauses(Duration::from_secs(120));
        while !left.is_empty() {
            let problem = match authorize(session, &group, direction, permissions(&left), &tags).await {
                Ok(_) => break,
                Err(problem) => problem,
            };
            match problem.nature {
                Nature::Throttled => {}
                Nature::InDoubt => doubtful = true,
                // One that is there keeps out all the others of the call.
                Nature::Exists => {
                    let wanted: BTreeSet<_> = left.iter().map(key).collect();
                    let there = there(session, &group, direction).await?;
                    let found: Vec<_> = there.into_iter().filter(|(atom, _, _)| wanted.contains(&key(atom))).collect();
                    let mine = |tags: &tags::Tags| {
                        let whose = ownership::of_tags(tags);
                        let same = |own: &straddle_sdk::provider::Ownership| {
                            whose.as_ref().is_some_and(|w| w.owner == own.owner && w.address == own.address)
                        };
                        doubtful || own.is_some_and(same)
                    };
                    if found.is_empty() || !found.iter().all(|(_, tags, _)| mine(tags)) {
                        return Err(problem.about("security_group_id"));
                    }
                    let found: BTreeSet<_> = found.iter().map(|(atom, _, _)| key(atom)).collect();
                    left.retain(|atom| !found.contains(&key(atom)));
                }
                _ => return Err(problem),
            }
            if !left.is_empty() && !pauses.wait().await {
                return Err(problem);
            }
        }
        Ok(id(args))
    }

    /// Brings it from the prior to the planned object: its description.
    pub async fn update(session: &Session, prior: &Value, planned: &Value) -> Result<(), Problem> {
        let (old, new) = (Args(prior), Args(planned));
        if !old.differs(new, "description") {
            return Ok(());
        }
        let (group, rules) = (new.must("security_group_id"), Some(permissions(&atoms(new))));
        match direction(new)? {
            Direction::Ingress => {
                let call = session.ec2.update_security_group_rule_descriptions_ingress().group_id(group);
                session.ask(&api::DESCRIBE_INGRESS_AS, call.set_ip_permissions(rules).send()).await.map(|_| ())
            }
            Direction::Egress => {
                let call = session.ec2.update_security_group_rule_descriptions_egress().group_id(group);
                session.ask(&api::DESCRIBE_EGRESS_AS, call.set_ip_permissions(rules).send()).await.map(|_| ())
            }
        }
    }

    /// Deletes it: of its peers those that are there, since one that is not keeps in all the others.
    pub async fn delete(session: &Session, prior: &Value) -> Result<(), Problem> {
        let args = Args(prior);
        let (id, direction) = (args.must("security_group_id"), direction(args)?);
        let Some(now) = now(session, &id, direction).await? else { return Ok(()) };
        let wanted: BTreeSet<_> = atoms(args).iter().map(key).collect();
        let left: BTreeSet<Atom> = now.into_iter().filter(|atom| wanted.contains(&key(atom))).collect();
        if left.is_empty() {
            return Ok(());
        }
        super::super::security::revoke(session, &id, direction, &left).await
    }

    async fn now(session: &Session, id: &str, direction: Direction) -> Result<Option<BTreeSet<Atom>>, Problem> {
        let now = match group(session, id).await {
            Ok(now) => now,
            Err(problem) if problem.is_gone() => None,
            Err(problem) => return Err(problem),
        };
        Ok(now.map(|group| match direction {
            Direction::Ingress => atoms_in(group.ip_permissions()),
            Direction::Egress => atoms_in(group.ip_permissions_egress()),
        }))
    }

    /// As it is. One of which a peer is missing counts as gone: it is made again with what is missing, and nothing is closed for it.
    pub async fn read(session: &Session, state: &Value) -> Result<Option<Value>, Problem> {
        let args = Args(state);
        let (group, direction, wanted) = (args.must("security_group_id"), direction(args)?, atoms(args));
        let there = there(session, &group, direction).await?;
        let of = |atom: &Atom| there.iter().find(|(found, _, _)| key(found) == key(atom));
        let found: Vec<_> = wanted.iter().filter_map(of).collect();
        if found.is_empty() || found.len() < wanted.len() {
            return Ok(None);
        }
        let mut live = Live::over(state);
        live.text("id", Some(id(args)));
        let written = args.must("description");
        let said = found.iter().map(|(atom, _, _)| &atom.description).find(|said| **said != written);
        if let Some(said) = said {
            live.text("description", Some(said));
        }
        live.text("security_group_rule_id", found.first().filter(|_| found.len() == 1).map(|(_, _, id)| id));
        if args.flag("self").is_none() {
            live.set("self", Some(Value::FALSE));
        }
        Ok(Some(live.done()))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn an_id_to_import_by_says_what_the_rule_is() {
            let state = from_id(&schema(), "sg-1_ingress_tcp_80_443_10.0.0.0/8_fd00::/8_self").expect("an id");
            let all = atoms(Args(&state));
            assert_eq!(all.len(), 3, "{all:?}");
            assert!(all.iter().all(|a| a.ports == (80, 443) && a.protocol == "tcp"), "{all:?}");
            for wrong in
                ["", "sg-1", "sg-1_ingress_tcp_80_80", "sg-1_inward_tcp_80_80_self", "sg-1_ingress_tcp_x_80_self"]
            {
                assert!(from_id(&schema(), wrong).is_none(), "{wrong}");
            }
        }

        #[test]
        fn peers_of_every_kind_are_told_apart() {
            let rule = crate::attr::only_id(&schema(), "x")
                .with_attribute("security_group_id", text("sg-1"))
                .with_attribute("type", text("egress"))
                .with_attribute("protocol", text("all"))
                .with_attribute("from_port", number(0))
                .with_attribute("to_port", number(0))
                .with_attribute("source_security_group_id", text("123456789012/sg-2"));
            let all = atoms(Args(&rule));
            assert_eq!(all.iter().map(|a| a.peer.clone()).collect::<Vec<_>>(), [Peer::Group("sg-2".into())]);
            assert_ne!(id(Args(&rule)), id(Args(&rule.with_attribute("type", text("ingress")))));
        }
    }
}
