//! What leaves no trace in a state: functions and ephemeral resources.

use super::Diagnostics;
use super::call::{CallError, Opened, Renewed};
use super::check::Judge;
use super::session::{Plugin, plain_capabilities};
use std::time::{Duration, SystemTime};
use straddle_sdk::proto::tfplugin6 as pb;
use straddle_sdk::schema::{Function, FunctionProblem};
use straddle_sdk::value::Value;
use straddle_sdk::wire;

impl Plugin {
    fn ephemeral<'a>(&'a self, call: &'static str, type_name: &'a str) -> Result<Judge<'a>, CallError> {
        self.inner.schema(call, &self.inner.schemas.ephemeral, type_name)
    }

    /// Checks the configuration of an ephemeral resource.
    pub async fn validate_ephemeral(&self, type_name: &str, config: &Value) -> Result<Diagnostics, CallError> {
        let judge = self.ephemeral("validate ephemeral", type_name)?;
        let message = pb::validate_ephemeral_resource_config::Request {
            type_name: type_name.to_owned(),
            config: judge.dynamic(config, "configuration")?,
        };
        let answer = self.inner.call(judge.call, self.inner.protocol.validate_ephemeral(message)).await?;
        judge.told(&answer.diagnostics)
    }

    /// Opens an ephemeral resource; its configuration is wholly known. Whoever opens it closes it.
    pub async fn open(&self, type_name: &str, config: &Value) -> Result<Opened, CallError> {
        let judge = self.ephemeral("open", type_name)?;
        let message = pb::open_ephemeral_resource::Request {
            type_name: type_name.to_owned(),
            config: judge.dynamic(config, "configuration")?,
            client_capabilities: plain_capabilities(),
        };
        let answer = self.inner.call(judge.call, self.inner.protocol.open(message)).await?;
        let diagnostics = judge.told(&answer.diagnostics)?;
        judge.not_deferred(answer.deferred.as_ref())?;
        let result = judge.known(wire::from_dynamic(answer.result.as_ref(), judge.schema.ty()))?;
        if result.is_null() {
            return Err(judge.broken("the answer holds no object"));
        }
        Ok(Opened {
            result,
            private: answer.private.map(|p| p.to_vec()),
            renew_at: answer.renew_at.as_ref().and_then(time),
            diagnostics,
        })
    }

    /// Keeps an ephemeral resource open for longer.
    pub async fn renew(&self, type_name: &str, private: Option<&[u8]>) -> Result<Renewed, CallError> {
        let judge = self.ephemeral("renew", type_name)?;
        let private = private.map(|p| p.to_vec().into());
        let message = pb::renew_ephemeral_resource::Request { type_name: type_name.to_owned(), private };
        let answer = self.inner.call(judge.call, self.inner.protocol.renew(message)).await?;
        let diagnostics = judge.told(&answer.diagnostics)?;
        let private = answer.private.map(|p| p.to_vec());
        Ok(Renewed { private, renew_at: answer.renew_at.as_ref().and_then(time), diagnostics })
    }

    /// Closes an ephemeral resource.
    pub async fn close(&self, type_name: &str, private: Option<&[u8]>) -> Result<Diagnostics, CallError> {
        let judge = self.ephemeral("close", type_name)?;
        let private = private.map(|p| p.to_vec().into());
        let message = pb::close_ephemeral_resource::Request { type_name: type_name.to_owned(), private };
        let answer = self.inner.call(judge.call, self.inner.protocol.close(message)).await?;
        judge.told(&answer.diagnostics)
    }

    /// Calls a function; the provider needs no configuration for it. Arguments are of the parameters' types, without nulls and
    /// unknowns where the parameter takes none. `Ok(Err)`: the function does not accept the arguments.
    pub async fn function(&self, name: &str, arguments: &[Value]) -> Result<Result<Value, FunctionProblem>, CallError> {
        let call = "function";
        let provider = || self.inner.provider.clone();
        let request = |what: String| CallError::Request { provider: provider(), call, what };
        let Some(function) = self.inner.schemas.functions.get(name) else {
            return Err(request(format!("it has no function {name}")));
        };
        let mut message = pb::call_function::Request { name: name.to_owned(), arguments: Vec::new() };
        for (position, argument) in arguments.iter().enumerate() {
            let Some(parameter) = function.parameter(position) else {
                return Err(request(format!("{name} takes {} arguments", function.parameters.len())));
            };
            let argument = wire::to_dynamic(argument, &parameter.ty);
            message.arguments.push(argument.map_err(|e| request(format!("argument {}: {e}", parameter.name)))?);
        }
        let answer = self.inner.call(call, self.inner.protocol.function(message)).await?;
        if let Some(error) = answer.error {
            let argument = error.function_argument.and_then(|n| usize::try_from(n).ok());
            return Ok(Err(FunctionProblem { text: error.text, argument }));
        }
        self.result(name, function, answer.result.as_ref(), arguments).map(Ok)
    }

    fn result(
        &self,
        name: &str,
        function: &Function,
        result: Option<&pb::DynamicValue>,
        arguments: &[Value],
    ) -> Result<Value, CallError> {
        let broken = |what: String| CallError::Broken { provider: self.inner.provider.clone(), call: "function", what };
        let Some(result) = result else { return Err(broken(format!("{name}: neither a result nor an error"))) };
        let value = wire::from_dynamic(Some(result), &function.result).map_err(|e| broken(format!("{name}: {e}")))?;
        if value.first_unknown().is_some() && arguments.iter().all(Value::is_wholly_known) {
            return Err(broken(format!("{name}: the result is unknown although every argument is known")));
        }
        Ok(value)
    }
}

/// `None`: a time that cannot be.
fn time(stamp: &prost_types::Timestamp) -> Option<SystemTime> {
    let since = Duration::new(u64::try_from(stamp.seconds).ok()?, u32::try_from(stamp.nanos).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since)
}
