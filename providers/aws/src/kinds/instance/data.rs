//! What no list of instances tells: user data and two protections. Each costs a call for each instance, so it is asked only where
//! something may have changed. AWS changes user data only while an instance is stopped, and every start has a time of its own: an
//! instance that runs since the start for which its user data is known still has it.

use super::{is_new, same_data, state};
use crate::api;
use crate::attr::{Args, Live, text};
use crate::memory::Memory;
use crate::problem::Problem;
use crate::session::Session;
use aws_sdk_ec2::types::{Instance, InstanceAttributeName, InstanceStateName};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use straddle_sdk::value::{Type, Value};

/// When it was started last.
pub fn launched(instance: &Instance) -> Option<i64> {
    instance.launch_time().map(aws_sdk_ec2::primitives::DateTime::secs)
}

/// What is known of the instance with what must be asked for, and what to keep in mind.
pub async fn with_what_no_list_tells(
    session: &Session,
    instance: &Instance,
    known: &Value,
    mut memory: Memory,
) -> Result<(Value, Memory), Problem> {
    let args = Args(known);
    let id = instance.instance_id().unwrap_or_default();
    let mut base = known.clone();
    let imported = is_new(args);
    if imported {
        base = protections(session, id, &base).await?;
    }
    let written = args.text("user_data").is_some() || args.text("user_data_base64").is_some();
    let stopped = matches!(state(instance), InstanceStateName::Stopped | InstanceStateName::Stopping);
    let started_again = memory.launched.is_some_and(|then| launched(instance) != Some(then));
    if imported || (written && (stopped || started_again)) {
        base = with_user_data(&base, user_data(session, id).await?);
    }
    memory.launched = launched(instance);
    Ok((base, memory))
}

/// The user data of an instance.
pub async fn user_data(session: &Session, id: &str) -> Result<Option<Vec<u8>>, Problem> {
    let call = session.ec2.describe_instance_attribute().instance_id(id).attribute(InstanceAttributeName::UserData);
    let answer = session.ask(&api::DESCRIBE_INSTANCE_ATTRIBUTE, call.send()).await?;
    let encoded = answer.user_data.and_then(|d| d.value).filter(|d| !d.is_empty());
    Ok(encoded.and_then(|text| STANDARD.decode(text).ok()).filter(|raw| !raw.is_empty()))
}

/// User data in the place and the form it is written in.
pub fn with_user_data(base: &Value, raw: Option<Vec<u8>>) -> Value {
    let args = Args(base);
    let none = || Value::null(Type::String);
    let Some(raw) = raw else {
        return base.with_attribute("user_data", none()).with_attribute("user_data_base64", none());
    };
    if let Some(encoded) = args.text("user_data_base64") {
        let same = STANDARD.decode(encoded).is_ok_and(|written| written == raw);
        return if same { base.clone() } else { base.with_attribute("user_data_base64", text(STANDARD.encode(raw))) };
    }
    match String::from_utf8(raw) {
        Ok(said) if same_data(args.text("user_data"), Some(said.clone())) => base.clone(),
        Ok(said) => base.with_attribute("user_data", text(said)),
        Err(raw) => {
            let encoded = STANDARD.encode(raw.into_bytes());
            base.with_attribute("user_data", none()).with_attribute("user_data_base64", text(encoded))
        }
    }
}

async fn protections(session: &Session, id: &str, base: &Value) -> Result<Value, Problem> {
    let ask = |name: InstanceAttributeName| {
        let call = session.ec2.describe_instance_attribute().instance_id(id).attribute(name);
        session.ask(&api::DESCRIBE_INSTANCE_ATTRIBUTE, call.send())
    };
    let ends = ask(InstanceAttributeName::DisableApiTermination).await?.disable_api_termination;
    let name = InstanceAttributeName::InstanceInitiatedShutdownBehavior;
    let stops = ask(name).await?.instance_initiated_shutdown_behavior;
    let mut live = Live::over(base);
    live.flag("disable_api_termination", Some(ends.and_then(|v| v.value).unwrap_or(false)));
    live.text("instance_initiated_shutdown_behavior", Some(stops.and_then(|v| v.value).unwrap_or("stop".to_owned())));
    Ok(live.done())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(data: Option<&str>, encoded: Option<&str>) -> Value {
        let value = |t: Option<&str>| t.map_or(Value::null(Type::String), text);
        Value::object(vec![("user_data".into(), value(data)), ("user_data_base64".into(), value(encoded))])
    }

    #[test]
    fn user_data_stays_in_the_form_it_is_written_in() {
        let said = |data, encoded, raw: &[u8]| {
            let value = with_user_data(&base(data, encoded), Some(raw.to_vec()).filter(|r| !r.is_empty()));
            (Args(&value).text("user_data"), Args(&value).text("user_data_base64"))
        };
        let text = |t: &str| Some(t.to_owned());
        assert_eq!(said(Some("one"), None, b"one"), (text("one"), None));
        assert_eq!(said(Some("one"), None, b"two"), (text("two"), None));
        assert_eq!(said(None, Some("b25l"), b"one"), (None, text("b25l")));
        assert_eq!(said(None, Some("b25l"), b"two"), (None, text("dHdv")));
        assert_eq!(said(Some("one"), None, b""), (None, None), "taken away by hand");
        assert_eq!(said(Some("one"), None, &[0xff, 0xfe]), (None, text("//4=")), "no text");
        // What other providers keep: the digest.
        let digest = "fe05bcdcdc4928012781a5f1a2a77cbb5398e106";
        assert_eq!(said(Some(digest), None, b"one"), (text(digest), None));
    }
}
