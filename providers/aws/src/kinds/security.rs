//! `aws_security_group`: who may talk to whom, with its rules.

use super::{Own, Seed, token_of};
use crate::api;
use crate::attr::{Args, Live, flag, number, text, text_list, text_set};
use crate::problem::{Nature, Problem};
use crate::session::Session;
use crate::tags;
use aws_sdk_ec2::types::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use straddle_sdk::provider::{ResourceSchema, boolean, list, map, number as number_attribute, set, set_block, string};
use straddle_sdk::value::{Kind, Type, Value};

/// The schema.
pub fn schema() -> ResourceSchema {
    let rule = || {
        ResourceSchema::new()
            .attribute("cidr_blocks", list(Type::String))
            .attribute("description", string())
            .attribute("from_port", number_attribute().required())
            .attribute("ipv6_cidr_blocks", list(Type::String))
            .attribute("prefix_list_ids", list(Type::String))
            .attribute("protocol", string().required())
            .attribute("security_groups", set(Type::String))
            .attribute("self", boolean())
            .attribute("to_port", number_attribute().required())
    };
    ResourceSchema::new()
        .describe(
            "Who may talk to whom. Without any ingress (or egress) block its rules of that direction are left alone.",
        )
        .attribute("arn", string().computed())
        .attribute("description", string().computed().optional().replaces())
        .attribute("id", string().computed())
        .attribute("name", string().computed().optional().replaces())
        .attribute("name_prefix", string().replaces())
        .attribute("owner_id", string().computed())
        .attribute("revoke_rules_on_delete", boolean())
        .attribute("tags", map(Type::String))
        .attribute("tags_all", map(Type::String).computed())
        .attribute("vpc_id", string().computed().optional().replaces())
        .block("egress", set_block(rule()))
        .block("ingress", set_block(rule()))
}

/// What is not written.
pub const DEFAULTS: &[(&str, &str)] = &[("description", "Managed by straddle")];

/// One peer of one rule: the smallest thing that is allowed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Atom {
    pub protocol: String,
    pub ports: (i64, i64),
    pub peer: Peer,
    pub description: String,
}

/// Which way a rule lets packets go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// To the group's members.
    Ingress,
    /// From them.
    Egress,
}

impl Direction {
    const BOTH: [Direction; 2] = [Direction::Ingress, Direction::Egress];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        }
    }

    /// The direction of that name.
    pub fn of(name: &str) -> Option<Direction> {
        Direction::BOTH.into_iter().find(|direction| direction.name() == name)
    }
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Peer {
    V4(String),
    V6(String),
    Group(String),
    List(String),
}

/// A protocol as the API writes it.
pub(super) fn protocol(text: &str) -> String {
    match text.to_lowercase().as_str() {
        "all" | "-1" => "-1".into(),
        "6" => "tcp".into(),
        "17" => "udp".into(),
        "1" => "icmp".into(),
        other => other.to_owned(),
    }
}

/// The atoms of one rule as it is written; `own` is the group's id.
pub(super) fn atoms_of(rule: Args<'_>, own: &str) -> Vec<Atom> {
    let protocol = protocol(&rule.must("protocol"));
    let all = protocol == "-1";
    let port = |name: &str| if all { 0 } else { rule.int(name).unwrap_or_default() };
    let (ports, description) = ((port("from_port"), port("to_port")), rule.must("description"));
    let mut peers: Vec<Peer> = rule.texts("cidr_blocks").into_iter().map(Peer::V4).collect();
    peers.extend(rule.texts("ipv6_cidr_blocks").into_iter().map(Peer::V6));
    peers.extend(rule.texts("prefix_list_ids").into_iter().map(Peer::List));
    // A group of another account is written ACCOUNT/GROUP.
    let group = |id: String| Peer::Group(id.rsplit('/').next().unwrap_or_default().to_owned());
    peers.extend(rule.texts("security_groups").into_iter().map(group));
    if rule.flag("self") == Some(true) {
        peers.push(Peer::Group(own.to_owned()));
    }
    let atom = |peer| Atom { protocol: protocol.clone(), ports, peer, description: description.clone() };
    peers.into_iter().map(atom).collect()
}

fn written(object: &Value, direction: Direction, own: &str) -> BTreeSet<Atom> {
    Args(object).blocks(direction.name()).into_iter().flat_map(|rule| atoms_of(rule, own)).collect()
}

/// The atoms of what the API says.
pub(super) fn atoms_in(permissions: &[IpPermission]) -> BTreeSet<Atom> {
    let mut atoms = BTreeSet::new();
    for permission in permissions {
        let protocol = protocol(permission.ip_protocol().unwrap_or("-1"));
        let all = protocol == "-1";
        let port = |p: Option<i32>| if all { 0 } else { i64::from(p.unwrap_or_default()) };
        let ports = (port(permission.from_port()), port(permission.to_port()));
        let mut add = |peer: Peer, description: Option<&str>| {
            let description = description.unwrap_or_default().to_owned();
            atoms.insert(Atom { protocol: protocol.clone(), ports, peer, description });
        };
        for range in permission.ip_ranges() {
            add(Peer::V4(range.cidr_ip().unwrap_or_default().to_owned()), range.description());
        }
        for range in permission.ipv6_ranges() {
            add(Peer::V6(range.cidr_ipv6().unwrap_or_default().to_owned()), range.description());
        }
        for pair in permission.user_id_group_pairs() {
            add(Peer::Group(pair.group_id().unwrap_or_default().to_owned()), pair.description());
        }
        for list in permission.prefix_list_ids() {
            add(Peer::List(list.prefix_list_id().unwrap_or_default().to_owned()), list.description());
        }
    }
    atoms
}

/// Atoms as the API takes them: one permission for each protocol and ports.
pub(super) fn permissions(atoms: &BTreeSet<Atom>) -> Vec<IpPermission> {
    let mut by: BTreeMap<(&str, (i64, i64)), Vec<&Atom>> = BTreeMap::new();
    for atom in atoms {
        by.entry((&atom.protocol, atom.ports)).or_default().push(atom);
    }
    let port = |protocol: &str, port: i64| (protocol != "-1").then(|| i32::try_from(port).unwrap_or_default());
    by.into_iter()
        .map(|((protocol, (from, to)), atoms)| {
            let mut permission = IpPermission::builder()
                .ip_protocol(protocol)
                .set_from_port(port(protocol, from))
                .set_to_port(port(protocol, to));
            for atom in atoms {
                let says = Some(atom.description.clone()).filter(|d| !d.is_empty());
                permission = match &atom.peer {
                    Peer::V4(cidr) => {
                        permission.ip_ranges(IpRange::builder().cidr_ip(cidr).set_description(says).build())
                    }
                    Peer::V6(cidr) => {
                        permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(cidr).set_description(says).build())
                    }
                    Peer::Group(id) => permission
                        .user_id_group_pairs(UserIdGroupPair::builder().group_id(id).set_description(says).build()),
                    Peer::List(id) => permission
                        .prefix_list_ids(PrefixListId::builder().prefix_list_id(id).set_description(says).build()),
                };
            }
            permission.build()
        })
        .collect()
}

/// The group as the API has it.
pub(super) async fn group(session: &Session, id: &str) -> Result<Option<SecurityGroup>, Problem> {
    let call = session.ec2.describe_security_groups().group_ids(id);
    let answer = session.ask(&api::DESCRIBE_SECURITY_GROUPS, call.send()).await?;
    Ok(answer.security_groups.unwrap_or_default().into_iter().next())
}

/// Makes it; once only by its name and its tag.
pub async fn create(session: &Session, planned: &Value, own: Own<'_>) -> Result<String, Problem> {
    let args = Args(planned);
    let tags = tags::wanted(session, planned, own);
    let name = Seed::of(own).name(args, 255);
    let create = || async {
        let call = session
            .ec2_once
            .create_security_group()
            .group_name(&name)
            .description(args.must("description"))
            .set_vpc_id(args.text("vpc_id"))
            .set_tag_specifications(tags::at_creation(ResourceType::SecurityGroup, &tags));
        let answer = session.ask(&api::CREATE_SECURITY_GROUP, call.send()).await?;
        Ok(answer.group_id.unwrap_or_default())
    };
    let find = |token: String| async move { tags::by_token(session, "security-group", &token).await };
    session.once(token_of(own), create, find).await
}

/// Its rules. AWS lets everything out of a new group; what is written decides, where something is written.
pub async fn finish(session: &Session, id: &str, planned: &Value) -> Result<(), Problem> {
    let now = group(session, id).await?;
    let of = |direction| now.as_ref().map(|g| atoms_now(g, direction)).unwrap_or_default();
    let (into, out) = (of(Direction::Ingress), of(Direction::Egress));
    change(session, id, Direction::Ingress, &into, &written(planned, Direction::Ingress, id)).await?;
    // As every provider of AWS users does it: no egress written means none, not AWS's own default.
    change(session, id, Direction::Egress, &out, &written(planned, Direction::Egress, id)).await
}

fn atoms_now(group: &SecurityGroup, direction: Direction) -> BTreeSet<Atom> {
    match direction {
        Direction::Ingress => atoms_in(group.ip_permissions()),
        Direction::Egress => atoms_in(group.ip_permissions_egress()),
    }
}

async fn change(
    session: &Session,
    id: &str,
    direction: Direction,
    old: &BTreeSet<Atom>,
    new: &BTreeSet<Atom>,
) -> Result<(), Problem> {
    // A description is no part of what the API tells rules apart by, so what is taken away goes first.
    let (gone, come) = (old - new, new - old);
    match revoke(session, id, direction, &gone).await {
        // One that is not there keeps in all the others of the call.
        Err(problem) if problem.is_gone() => {
            let now = group(session, id).await?.map(|g| atoms_now(&g, direction)).unwrap_or_default();
            revoke(session, id, direction, &(&gone & &now)).await?;
        }
        end => end?,
    }
    match authorize(session, id, direction, &come).await {
        // One that is there keeps out all the others of the call.
        Err(problem) if problem.nature == Nature::Exists => {
            let now = group(session, id).await?.map(|g| atoms_now(&g, direction)).unwrap_or_default();
            authorize(session, id, direction, &(&come - &now)).await
        }
        end => end,
    }
}

/// Takes rules away.
pub(super) async fn revoke(
    session: &Session,
    id: &str,
    direction: Direction,
    rules: &BTreeSet<Atom>,
) -> Result<(), Problem> {
    if rules.is_empty() {
        return Ok(());
    }
    let permissions = Some(permissions(rules));
    let end = match direction {
        Direction::Ingress => {
            let call = session.ec2.revoke_security_group_ingress().group_id(id).set_ip_permissions(permissions);
            session.ask(&api::REVOKE_INGRESS, call.send()).await.map(|_| ())
        }
        Direction::Egress => {
            let call = session.ec2.revoke_security_group_egress().group_id(id).set_ip_permissions(permissions);
            session.ask(&api::REVOKE_EGRESS, call.send()).await.map(|_| ())
        }
    };
    end.map_err(|problem| problem.about(direction.name()))
}

async fn authorize(session: &Session, id: &str, direction: Direction, rules: &BTreeSet<Atom>) -> Result<(), Problem> {
    if rules.is_empty() {
        return Ok(());
    }
    let permissions = Some(permissions(rules));
    let end = match direction {
        Direction::Ingress => {
            let call = session.ec2.authorize_security_group_ingress().group_id(id).set_ip_permissions(permissions);
            session.ask(&api::AUTHORIZE_INGRESS, call.send()).await.map(|_| ())
        }
        Direction::Egress => {
            let call = session.ec2.authorize_security_group_egress().group_id(id).set_ip_permissions(permissions);
            session.ask(&api::AUTHORIZE_EGRESS, call.send()).await.map(|_| ())
        }
    };
    end.map_err(|problem| problem.about(direction.name()))
}

/// Brings it from the prior to the planned object.
pub async fn update(session: &Session, prior: &Value, planned: &Value) -> Result<(), Problem> {
    let id = Args(prior).must("id");
    tags::update_ec2(session, &id, prior, planned).await?;
    for direction in Direction::BOTH {
        change(session, &id, direction, &written(prior, direction, &id), &written(planned, direction, &id)).await?;
    }
    Ok(())
}

/// Deletes it, when nothing uses it any more.
pub async fn delete(session: &Session, prior: &Value) -> Result<(), Problem> {
    let id = Args(prior).must("id");
    if Args(prior).flag("revoke_rules_on_delete") == Some(true)
        && let Some(now) = group(session, &id).await?
    {
        for direction in Direction::BOTH {
            change(session, &id, direction, &atoms_now(&now, direction), &BTreeSet::new()).await?;
        }
    }
    let call = || async {
        session.ask(&api::DELETE_SECURITY_GROUP, session.ec2.delete_security_group().group_id(&id).send()).await
    };
    session.persist(Duration::from_secs(300), call).await.map(|_| ())
}

/// As it is.
pub async fn read(session: &Session, state: &Value) -> Result<Option<Value>, Problem> {
    let id = Args(state).must("id");
    let Some(group) = group(session, &id).await? else { return Ok(None) };
    let (owner, region) = (group.owner_id().unwrap_or_default(), &session.settings.region);
    let mut live = Live::over(state);
    let arn = format!("arn:{}:ec2:{region}:{owner}:security-group/{id}", super::instance_partition(region));
    live.text("id", Some(&id))
        .text("arn", Some(arn))
        .text("name", group.group_name())
        .text("description", group.description())
        .text("owner_id", group.owner_id())
        .text("vpc_id", group.vpc_id());
    // What was just imported says nothing of its rules yet, and is to say everything.
    let imported = Args(state).text("name").is_none();
    for direction in Direction::BOTH {
        let Some(Kind::Set(old)) = live.value().get(direction.name()).map(Value::kind) else { continue };
        if old.items.is_empty() && !imported {
            continue;
        }
        let rules = shown(&old.items, &old.of, &id, atoms_now(&group, direction));
        let of = old.of.clone();
        live.set(direction.name(), Some(Value::set(of, rules)));
    }
    tags::show(&mut live, session, &tags::of_ec2(group.tags()));
    Ok(Some(live.done()))
}

/// What the API says, in the rules as they are written: each keeps the peers that are there, and the rest become rules of their own.
fn shown(known: &[Value], of: &Type, own: &str, mut now: BTreeSet<Atom>) -> Vec<Value> {
    let mut rules = Vec::new();
    for rule in known {
        let atoms: BTreeSet<Atom> = atoms_of(Args(rule), own).into_iter().collect();
        if atoms.is_subset(&now) {
            rules.push(rule.clone());
        } else {
            let left: BTreeSet<Atom> = atoms.intersection(&now).cloned().collect();
            rules.extend(rule_of(&left, of, own));
        }
        now.retain(|atom| !atoms.contains(atom));
    }
    let mut rest: BTreeMap<(String, (i64, i64), String), BTreeSet<Atom>> = BTreeMap::new();
    for atom in now {
        rest.entry((atom.protocol.clone(), atom.ports, atom.description.clone())).or_default().insert(atom);
    }
    rules.extend(rest.values().filter_map(|atoms| rule_of(atoms, of, own)));
    rules
}

/// A rule of atoms alike in all but the peer.
fn rule_of(atoms: &BTreeSet<Atom>, of: &Type, own: &str) -> Option<Value> {
    let first = atoms.first()?;
    let mut rule = crate::attr::nothing(of)
        .with_attribute("protocol", text(&first.protocol))
        .with_attribute("from_port", number(first.ports.0))
        .with_attribute("to_port", number(first.ports.1));
    if !first.description.is_empty() {
        rule = rule.with_attribute("description", text(&first.description));
    }
    let peers = |pick: fn(&Peer) -> Option<&String>| {
        atoms.iter().filter_map(|a| pick(&a.peer).cloned()).collect::<Vec<String>>()
    };
    let groups = peers(|p| if let Peer::Group(id) = p { Some(id) } else { None });
    let mut put = |name: &str, texts: Vec<String>, is_set: bool| {
        if !texts.is_empty() {
            rule = rule.with_attribute(name, if is_set { text_set(texts) } else { text_list(texts) });
        }
    };
    put("cidr_blocks", peers(|p| if let Peer::V4(c) = p { Some(c) } else { None }), false);
    put("ipv6_cidr_blocks", peers(|p| if let Peer::V6(c) = p { Some(c) } else { None }), false);
    put("prefix_list_ids", peers(|p| if let Peer::List(c) = p { Some(c) } else { None }), false);
    put("security_groups", groups.iter().filter(|id| *id != own).cloned().collect(), true);
    if groups.iter().any(|id| id == own) {
        rule = rule.with_attribute("self", flag(true));
    }
    Some(rule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr::nothing;

    fn of() -> Type {
        let Some(block) = schema().body().blocks.get("ingress").map(|b| b.block.implied_type()) else {
            panic!("ingress is a block")
        };
        block
    }

    fn rule(ports: (i64, i64), cidrs: &[&str]) -> Value {
        nothing(&of())
            .with_attribute("protocol", text("tcp"))
            .with_attribute("from_port", number(ports.0))
            .with_attribute("to_port", number(ports.1))
            .with_attribute("cidr_blocks", text_list(cidrs))
    }

    #[test]
    fn rules_stay_as_they_are_written_while_the_api_says_the_same() {
        let known = [rule((80, 80), &["10.0.0.0/8", "0.0.0.0/0"]), rule((443, 443), &["0.0.0.0/0"])];
        let mut now: BTreeSet<Atom> = known.iter().flat_map(|r| atoms_of(Args(r), "sg-1")).collect();
        // By way of the API's own form and back.
        now = atoms_in(&permissions(&now));
        let same = Value::set(of(), shown(&known, &of(), "sg-1", now.clone()));
        assert!(straddle_sdk::value::same_unrefined(&same, &Value::set(of(), known.to_vec())));
        // By hand: one peer gone, one port opened.
        now.retain(|a| a.peer != Peer::V4("10.0.0.0/8".into()));
        now.extend(atoms_of(Args(&rule((22, 22), &["0.0.0.0/0"])), "sg-1"));
        let damaged = Value::set(of(), shown(&known, &of(), "sg-1", now));
        let expected = [rule((80, 80), &["0.0.0.0/0"]), known[1].clone(), rule((22, 22), &["0.0.0.0/0"])];
        assert!(straddle_sdk::value::same_unrefined(&damaged, &Value::set(of(), expected.to_vec())), "{damaged:?}");
    }

    #[test]
    fn protocols_have_one_spelling() {
        for (text, expected) in [("all", "-1"), ("-1", "-1"), ("6", "tcp"), ("TCP", "tcp"), ("50", "50")] {
            assert_eq!(protocol(text), expected);
        }
    }
}
