//! `aws_lb_listener_rule`: requests that a listener treats otherwise than the rest.

use super::balance::{show_tags, tagged, tags_of, to_elb, update_tags};
use super::{Own, action, token_of};
use crate::api;
use crate::attr::{Args, Live, nothing, text, text_set};
use crate::ownership;
use crate::problem::{Nature, Problem};
use crate::session::Session;
use crate::tags;
use aws_sdk_elasticloadbalancingv2::types::*;
use std::collections::BTreeSet;
use std::time::Duration;
use straddle_sdk::provider::{ResourceSchema, list_block, number, set, set_block, string};
use straddle_sdk::value::{Kind, Type, Value};

/// Conditions that are a list of values, by the service's name for them and by their block.
const PLAIN: &[(&str, &str)] = &[
    ("host-header", "host_header"),
    ("http-request-method", "http_request_method"),
    ("path-pattern", "path_pattern"),
    ("source-ip", "source_ip"),
];
const HEADER: (&str, &str) = ("http-header", "http_header");
const QUERY: (&str, &str) = ("query-string", "query_string");
/// The last place a rule can have.
const LAST: i32 = 50_000;

/// The schema.
pub fn schema() -> ResourceSchema {
    let values = || ResourceSchema::new().attribute("values", set(Type::String).required());
    let header = values().attribute("http_header_name", string().required());
    let query = ResourceSchema::new().attribute("key", string()).attribute("value", string().required());
    let condition = PLAIN
        .iter()
        .fold(ResourceSchema::new(), |schema, (_, block)| schema.block(*block, list_block(values()).items(0, 1)))
        .block(HEADER.1, list_block(header).items(0, 1))
        .block(QUERY.1, set_block(query));
    tagged(ResourceSchema::new().describe("Requests that a listener treats otherwise than the rest."))
        .attribute("listener_arn", string().required().replaces())
        .attribute(
            "priority",
            number().computed().optional().describe("The lowest that fits decides; default: after all others."),
        )
        .block("action", list_block(action::schema()).items(1, 0))
        .block("condition", set_block(condition).items(1, 0))
}

/// One condition: its field, the header it is about, and its values; of a query each key with its value.
type Condition = (String, String, BTreeSet<(String, String)>);

fn plain_values(all: impl IntoIterator<Item = String>) -> BTreeSet<(String, String)> {
    all.into_iter().map(|value| (String::new(), value)).collect()
}

/// What one block says: as a rule one condition.
fn conditions_in(block: Args<'_>) -> Vec<Condition> {
    let mut all = Vec::new();
    for (field, name) in PLAIN {
        let inner = block.block(name);
        all.extend(inner.map(|b| ((*field).to_owned(), String::new(), plain_values(b.texts("values")))));
    }
    all.extend(
        block
            .block(HEADER.1)
            .map(|b| (HEADER.0.to_owned(), b.must("http_header_name"), plain_values(b.texts("values")))),
    );
    let queries: BTreeSet<_> = block.blocks(QUERY.1).into_iter().map(|q| (q.must("key"), q.must("value"))).collect();
    if !queries.is_empty() {
        all.push((QUERY.0.to_owned(), String::new(), queries));
    }
    all
}

fn written(object: &Value) -> BTreeSet<Condition> {
    Args(object).blocks("condition").into_iter().flat_map(conditions_in).collect()
}

/// What the service says.
fn told(condition: &RuleCondition) -> Condition {
    let field = condition.field().unwrap_or_default().to_owned();
    if let Some(query) = condition.query_string_config() {
        let text = |t: Option<&str>| t.unwrap_or_default().to_owned();
        return (field, String::new(), query.values().iter().map(|q| (text(q.key()), text(q.value()))).collect());
    }
    let header = condition.http_header_config();
    let lists = [
        condition.host_header_config().map(|c| c.values()),
        condition.http_request_method_config().map(|c| c.values()),
        condition.path_pattern_config().map(|c| c.values()),
        condition.source_ip_config().map(|c| c.values()),
        header.map(|c| c.values()),
    ];
    // Of the two oldest fields the service also tells in another place.
    let values = lists.into_iter().flatten().find(|v| !v.is_empty()).unwrap_or(condition.values());
    let name = header.and_then(|h| h.http_header_name()).unwrap_or_default().to_owned();
    (field, name, plain_values(values.iter().cloned()))
}

fn to_elb_condition((field, header, values): Condition) -> RuleCondition {
    let list: Vec<String> = values.iter().map(|(_, value)| value.clone()).collect();
    let condition = RuleCondition::builder().field(&field);
    match field.as_str() {
        "host-header" => {
            condition.host_header_config(HostHeaderConditionConfig::builder().set_values(Some(list)).build())
        }
        "path-pattern" => {
            condition.path_pattern_config(PathPatternConditionConfig::builder().set_values(Some(list)).build())
        }
        "http-request-method" => condition
            .http_request_method_config(HttpRequestMethodConditionConfig::builder().set_values(Some(list)).build()),
        "source-ip" => condition.source_ip_config(SourceIpConditionConfig::builder().set_values(Some(list)).build()),
        "http-header" => condition.http_header_config(
            HttpHeaderConditionConfig::builder().http_header_name(header).set_values(Some(list)).build(),
        ),
        _ => {
            let pair = |(key, value): (String, String)| {
                let key = Some(key).filter(|k| !k.is_empty());
                QueryStringKeyValuePair::builder().set_key(key).value(value).build()
            };
            let pairs = values.into_iter().map(pair).collect();
            condition.query_string_config(QueryStringConditionConfig::builder().set_values(Some(pairs)).build())
        }
    }
    .build()
}

/// A condition as a block.
fn shown((field, header, values): &Condition, of: &Type) -> Value {
    let empty = nothing(of);
    let name = PLAIN.iter().chain([&HEADER, &QUERY]).find(|(said, _)| said == field).map(|(_, name)| *name);
    let Some((name, kind)) = name.and_then(|name| Some((name, empty.get(name)?.kind().clone()))) else { return empty };
    match kind {
        Kind::List(inner) => {
            let mut block =
                nothing(&inner.of).with_attribute("values", text_set(values.iter().map(|(_, value)| value)));
            if !header.is_empty() {
                block = block.with_attribute("http_header_name", text(header));
            }
            empty.with_attribute(name, Value::list(inner.of.clone(), vec![block]))
        }
        Kind::Set(inner) => {
            let pair = |(key, value): &(String, String)| {
                let block = nothing(&inner.of).with_attribute("value", text(value));
                if key.is_empty() { block } else { block.with_attribute("key", text(key)) }
            };
            let pairs = values.iter().map(pair).collect();
            empty.with_attribute(name, Value::set(inner.of.clone(), pairs))
        }
        _ => empty,
    }
}

fn conditions(planned: &Value) -> Vec<RuleCondition> {
    written(planned).into_iter().map(to_elb_condition).collect()
}

/// All rules of a listener but the one that is its default.
pub async fn of_listener(session: &Session, listener: &str) -> Result<Vec<Rule>, Problem> {
    let mut all = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let call = session.elb.describe_rules().listener_arn(listener).set_marker(next.clone());
        let answer = session.ask(&api::DESCRIBE_RULES, call.send()).await?;
        all.extend(answer.rules.unwrap_or_default().into_iter().filter(|rule| rule.is_default() != Some(true)));
        match answer.next_marker.filter(|token| !token.is_empty() && next.as_ref() != Some(token)) {
            Some(token) => next = Some(token),
            None => return Ok(all),
        }
    }
}

async fn by_token(session: &Session, listener: &str, token: &str) -> Result<Option<String>, Problem> {
    let arns: Vec<String> = of_listener(session, listener).await?.into_iter().filter_map(|r| r.rule_arn).collect();
    let tags = tags_of(session, &arns).await?;
    let mine = |tags: &tags::Tags| tags.get(ownership::TOKEN).map(String::as_str) == Some(token);
    Ok(tags.into_iter().find(|(_, tags)| mine(tags)).map(|(arn, _)| arn))
}

/// The place after all others.
async fn next_place(session: &Session, listener: &str) -> Result<i32, Problem> {
    let all = of_listener(session, listener).await?;
    let last = all.iter().filter_map(|r| r.priority()?.parse::<i32>().ok()).max().unwrap_or(0);
    Ok(last.saturating_add(1).min(LAST))
}

/// Makes it; once only by its tag. Without a priority of its own it goes to the end, and further when another got there first.
pub async fn create(session: &Session, planned: &Value, own: Own<'_>) -> Result<String, Problem> {
    let args = Args(planned);
    let (tags, listener) = (tags::wanted(session, planned, own), args.must("listener_arn"));
    let written = args.int32("priority");
    let create = || async {
        let place = match written {
            Some(place) => place,
            None => next_place(session, &listener).await?,
        };
        let call = session
            .elb_once
            .create_rule()
            .listener_arn(&listener)
            .priority(place)
            .set_conditions(Some(conditions(planned)))
            .set_actions(Some(action::all(planned, "action")))
            .set_tags(to_elb(&tags));
        let answer = session.ask(&api::CREATE_RULE, call.send()).await?;
        Ok(answer.rules.unwrap_or_default().into_iter().find_map(|r| r.rule_arn).unwrap_or_default())
    };
    let mut pauses = session.pauses(Duration::from_secs(60));
    loop {
        let listener = &listener;
        let find = |token: String| async move { by_token(session, listener, &token).await };
        match session.once(token_of(own), create, find).await {
            Err(problem) if problem.nature == Nature::Exists => {
                // An attempt whose reply was lost may be what is in the way.
                if let Some(token) = token_of(own)
                    && let Some(arn) = by_token(session, listener, token).await?
                {
                    return Ok(arn);
                }
                if written.is_some() || !pauses.wait().await {
                    return Err(problem.about("priority"));
                }
            }
            end => return end,
        }
    }
}

/// Brings it from the prior to the planned object.
pub async fn update(session: &Session, prior: &Value, planned: &Value) -> Result<(), Problem> {
    let (old, new, arn) = (Args(prior), Args(planned), Args(prior).must("id"));
    update_tags(session, &arn, prior, planned).await?;
    if let Some(place) = new.int32("priority").filter(|_| old.differs(new, "priority")) {
        let pair = RulePriorityPair::builder().rule_arn(&arn).priority(place).build();
        let call = session.elb.set_rule_priorities().rule_priorities(pair);
        session.ask(&api::SET_PRIORITIES, call.send()).await.map_err(|p| p.about("priority"))?;
    }
    if old.differs(new, "action") || old.differs(new, "condition") {
        let call = session
            .elb
            .modify_rule()
            .rule_arn(&arn)
            .set_conditions(Some(conditions(planned)))
            .set_actions(Some(action::all(planned, "action")));
        session.ask(&api::MODIFY_RULE, call.send()).await.map_err(|p| p.about("action"))?;
    }
    Ok(())
}

/// Deletes it.
pub async fn delete(session: &Session, arn: &str) -> Result<(), Problem> {
    session.ask(&api::DELETE_RULE, session.elb.delete_rule().rule_arn(arn).send()).await.map(|_| ())
}

/// The listener a rule's ARN says it belongs to.
fn listener_of(arn: &str) -> Option<String> {
    let (listener, _) = arn.rsplit_once('/')?;
    listener.contains(":listener-rule/").then(|| listener.replace(":listener-rule/", ":listener/"))
}

/// As it is.
pub async fn read(session: &Session, state: &Value) -> Result<Option<Value>, Problem> {
    let arn = Args(state).must("id");
    let call = session.elb.describe_rules().rule_arns(&arn);
    let answer = session.ask(&api::DESCRIBE_RULES, call.send()).await?;
    let Some(found) = answer.rules.unwrap_or_default().into_iter().next() else { return Ok(None) };
    let mut live = Live::over(state);
    live.text("id", Some(&arn))
        .text("arn", Some(&arn))
        .text("listener_arn", listener_of(&arn))
        .int("priority", found.priority().and_then(|p| p.parse::<i64>().ok()));
    action::show(&mut live, "action", found.actions());
    let now: BTreeSet<Condition> = found.conditions().iter().map(told).collect();
    if now != written(state)
        && let Some(Kind::Set(old)) = live.value().get("condition").map(Value::kind)
    {
        let of = old.of.clone();
        let blocks = now.iter().map(|condition| shown(condition, &of)).collect();
        live.set("condition", Some(Value::set(of, blocks)));
    }
    show_tags(session, &arn, &mut live).await?;
    Ok(Some(live.done()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_come_back_as_they_were_told() {
        let of = schema().body().blocks["condition"].block.implied_type();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let all: [Condition; 4] = [
            ("host-header".into(), String::new(), plain_values(["a.example.kr".to_owned(), "*.b.kr".to_owned()])),
            ("http-header".into(), "X-Blue".into(), plain_values(["1".to_owned()])),
            ("query-string".into(), String::new(), [pair("", "blue"), pair("v", "2")].into()),
            ("source-ip".into(), String::new(), plain_values(["10.0.0.0/8".to_owned()])),
        ];
        for condition in all {
            let block = shown(&condition, &of);
            assert_eq!(conditions_in(Args(&block)), std::slice::from_ref(&condition), "as a block");
            assert_eq!(told(&to_elb_condition(condition.clone())), condition, "as the service has it");
        }
    }

    #[test]
    fn an_arn_tells_the_listener() {
        let arn =
            "arn:aws:elasticloadbalancing:r:1:listener-rule/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee";
        let listener = "arn:aws:elasticloadbalancing:r:1:listener/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2";
        assert_eq!(listener_of(arn).as_deref(), Some(listener));
        assert_eq!(listener_of("nonsense"), None);
    }
}
