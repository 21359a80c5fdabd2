//! `aws_lb_listener`: what a load balancer does with what comes in at a port.

use super::balance::{show_tags, tagged, to_elb, update_tags};
use super::{Own, action, token_of};
use crate::api;
use crate::attr::{Args, Live};
use crate::problem::Problem;
use crate::session::Session;
use crate::tags;
use aws_sdk_elasticloadbalancingv2::types::{Certificate, ProtocolEnum};
use straddle_sdk::provider::{ResourceSchema, list_block, number, string};
use straddle_sdk::value::Value;

/// The schema.
pub fn schema() -> ResourceSchema {
    tagged(ResourceSchema::new().describe("What a load balancer does with what comes in at a port."))
        .attribute("alpn_policy", string())
        .attribute("certificate_arn", string())
        .attribute("load_balancer_arn", string().required().replaces())
        .attribute("port", number())
        .attribute("protocol", string().computed().optional())
        .attribute("ssl_policy", string().computed().optional())
        .block("default_action", list_block(action::schema()).items(1, 0))
}

macro_rules! with_all {
    ($call:expr, $planned:expr) => {{
        let args = Args($planned);
        let certificates =
            args.text("certificate_arn").map(|arn| vec![Certificate::builder().certificate_arn(arn).build()]);
        $call
            .set_port(args.int32("port"))
            .set_protocol(args.text("protocol").map(|p| ProtocolEnum::from(p.as_str())))
            .set_ssl_policy(args.text("ssl_policy"))
            .set_certificates(certificates)
            .set_alpn_policy(args.text("alpn_policy").map(|p| vec![p]))
            .set_default_actions(Some(action::all($planned, "default_action")))
    }};
}

async fn at_port(session: &Session, balancer: &str, port: Option<i32>) -> Result<Option<String>, Problem> {
    let call = session.elb.describe_listeners().load_balancer_arn(balancer);
    let answer = session.ask(&api::DESCRIBE_LISTENERS, call.send()).await?;
    let mut all = answer.listeners.unwrap_or_default().into_iter();
    Ok(all.find(|l| l.port == port).and_then(|l| l.listener_arn))
}

/// Makes it; once only by its port.
pub async fn create(session: &Session, planned: &Value, own: Own<'_>) -> Result<String, Problem> {
    let args = Args(planned);
    let (tags, balancer) = (tags::wanted(session, planned, own), args.must("load_balancer_arn"));
    let create = || async {
        let call = session.elb_once.create_listener().load_balancer_arn(&balancer).set_tags(to_elb(&tags));
        let answer = session.ask(&api::CREATE_LISTENER, with_all!(call, planned).send()).await?;
        Ok(answer.listeners.unwrap_or_default().into_iter().find_map(|l| l.listener_arn).unwrap_or_default())
    };
    session.once(token_of(own), create, |_| at_port(session, &balancer, args.int32("port"))).await
}

/// Brings it from the prior to the planned object.
pub async fn update(session: &Session, prior: &Value, planned: &Value) -> Result<(), Problem> {
    let arn = Args(prior).must("id");
    update_tags(session, &arn, prior, planned).await?;
    let names = ["port", "protocol", "ssl_policy", "certificate_arn", "alpn_policy", "default_action"];
    if names.iter().any(|name| Args(prior).differs(Args(planned), name)) {
        let call = session.elb.modify_listener().listener_arn(&arn);
        session
            .ask(&api::MODIFY_LISTENER, with_all!(call, planned).send())
            .await
            .map_err(|p| p.about("default_action"))?;
    }
    Ok(())
}

/// Deletes it.
pub async fn delete(session: &Session, arn: &str) -> Result<(), Problem> {
    session.ask(&api::DELETE_LISTENER, session.elb.delete_listener().listener_arn(arn).send()).await.map(|_| ())
}

/// As it is.
pub async fn read(session: &Session, state: &Value) -> Result<Option<Value>, Problem> {
    let arn = Args(state).must("id");
    let call = session.elb.describe_listeners().listener_arns(&arn);
    let answer = session.ask(&api::DESCRIBE_LISTENERS, call.send()).await?;
    let Some(found) = answer.listeners.unwrap_or_default().into_iter().next() else { return Ok(None) };
    let mut live = Live::over(state);
    live.text("id", Some(&arn))
        .text("arn", Some(&arn))
        .text("load_balancer_arn", found.load_balancer_arn())
        .int("port", found.port())
        .text("protocol", found.protocol().map(|p| p.as_str()))
        .text("ssl_policy", found.ssl_policy())
        .text("certificate_arn", found.certificates().first().and_then(|c| c.certificate_arn()))
        .text("alpn_policy", found.alpn_policy().first());
    action::show(&mut live, "default_action", found.default_actions());
    show_tags(session, &arn, &mut live).await?;
    Ok(Some(live.done()))
}
