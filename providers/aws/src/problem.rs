//! What a call came to when it did not succeed: which call, what the API says, and what it means.

use crate::api::Api;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use straddle_sdk::provider::{Diagnostic, Diagnostics};

/// What kind of end it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nature {
    /// The caller may not do this.
    Denied,
    /// There is no such object (any more).
    NotFound,
    /// Too many requests.
    Throttled,
    /// The place has no room: capacity, a quota, or the spot market.
    Shortage,
    /// Another object, or a change under way, stands in the way; it may pass.
    Busy,
    /// There is one already.
    Exists,
    /// Nobody knows whether it was done: no reply, or one that says the service broke off.
    InDoubt,
    /// The request never left this machine: no credentials, no such host.
    NotSent,
    /// Anything else the API says no to.
    Refused,
}

/// A call that did not succeed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: {}", api.name, message)]
pub struct Problem {
    /// The call.
    pub api: &'static Api,
    /// What kind of end.
    pub nature: Nature,
    /// The API's code; empty: none.
    pub code: Box<str>,
    /// The API's words, or what happened to the connection.
    pub message: Box<str>,
    /// The API's name for this request; empty: none.
    pub request_id: Box<str>,
    /// The authorization message, decoded, where the caller may do that.
    pub decoded: Option<Box<str>>,
    /// The attribute it is about, where that is known.
    pub attribute: Option<&'static str>,
}

impl Problem {
    /// From what the SDK says.
    pub fn of<E>(api: &'static Api, error: &SdkError<E, HttpResponse>) -> Problem
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|r| r.status().as_u16());
        let meta = error.as_service_error().map(ProvideErrorMetadata::meta);
        let code = meta.and_then(|m| m.code()).unwrap_or_default().to_owned();
        let header = |name: &str| error.raw_response().and_then(|r| r.headers().get(name)).map(str::to_owned);
        let request_id = meta
            .and_then(|m| m.extra("aws_request_id"))
            .map(str::to_owned)
            .or_else(|| header("x-amzn-requestid"))
            .or_else(|| header("x-amz-request-id"))
            .unwrap_or_default();
        let (nature, message) = match error {
            SdkError::ConstructionFailure(_) => (Nature::NotSent, told(error)),
            SdkError::TimeoutError(_) => (Nature::InDoubt, "no reply in time".to_owned()),
            SdkError::DispatchFailure(failure) => {
                let reached = failure.is_io() || failure.is_timeout() || failure.is_other();
                let why =
                    failure.as_connector_error().map_or_else(|| told(error), |e| format!("{}", DisplayErrorContext(e)));
                let credentials = why.contains("credentials") || why.contains("Credentials");
                let nature = if reached && !credentials { Nature::InDoubt } else { Nature::NotSent };
                (nature, why)
            }
            SdkError::ResponseError(_) => (Nature::InDoubt, format!("the reply cannot be read ({})", told(error))),
            SdkError::ServiceError(_) => {
                let message = meta.and_then(|m| m.message()).unwrap_or_default().to_owned();
                (nature_of(&code, &message, status.unwrap_or_default()), message)
            }
            other => (Nature::InDoubt, told(other)),
        };
        let (code, message, request_id) = (code.into(), message.into(), request_id.into());
        Problem { api, nature, code, message, request_id, decoded: None, attribute: None }
    }

    /// One that this provider found itself.
    pub fn own(api: &'static Api, nature: Nature, message: impl Into<String>) -> Problem {
        Problem {
            api,
            nature,
            code: Box::default(),
            message: message.into().into(),
            request_id: Box::default(),
            decoded: None,
            attribute: None,
        }
    }

    /// About this attribute.
    pub fn about(mut self, attribute: &'static str) -> Problem {
        self.attribute.get_or_insert(attribute);
        self
    }

    /// The object is not there.
    pub fn is_gone(&self) -> bool {
        self.nature == Nature::NotFound
    }

    /// For the user: what was asked, what the API said, what to do.
    pub fn diagnostic(&self) -> Diagnostic {
        let call = format!("{} {}", self.api.service.name(), self.api.name);
        let summary = match self.nature {
            Nature::Denied => format!("Not allowed: {}", self.api.permission),
            Nature::NotFound => format!("Not found ({call})"),
            Nature::Throttled => format!("AWS is throttling ({call})"),
            Nature::Shortage => format!("No room there ({call})"),
            Nature::Busy => format!("Still in use ({call})"),
            Nature::Exists => format!("Exists already ({call})"),
            Nature::InDoubt => format!("No answer ({call})"),
            Nature::NotSent => format!("Not sent ({call})"),
            Nature::Refused => format!("AWS refused {call}"),
        };
        let mut detail = sentence(&self.message);
        if !self.code.is_empty() {
            detail.push_str(&format!(" Code {}.", self.code));
        }
        if !self.request_id.is_empty() {
            detail.push_str(&format!(" Request id {}.", self.request_id));
        }
        detail.push_str(&self.way_out());
        if let Some(decoded) = &self.decoded {
            detail.push_str(&format!(" AWS explains: {decoded}"));
        }
        let diagnostic = Diagnostic::error(summary, detail);
        match self.attribute {
            Some(name) => diagnostic.attribute(name),
            None => diagnostic,
        }
    }

    fn way_out(&self) -> String {
        match self.nature {
            Nature::Denied => format!(
                " The caller lacks {}; examples/aws-policy.json lists everything this provider asks for.",
                self.api.permission
            ),
            Nature::Shortage => " This location can hold no more of these now: nothing was made here, the other locations \
                                 are as they were. Plan again to see where the replicas can go (on_shortage), ask for a \
                                 higher quota, or use another instance type."
                .to_owned(),
            Nature::Throttled => {
                " It was asked again with growing pauses, in vain. Run the same command again later.".to_owned()
            }
            Nature::InDoubt => {
                " It is not known whether the request was carried out. The next run looks for what it made by its tags \
                 before anything is made again."
                    .to_owned()
            }
            Nature::NotSent => {
                " Credentials and region come from the provider block, the environment, a profile, SSO or the machine's \
                 role, in the SDK's order."
                    .to_owned()
            }
            _ => String::new(),
        }
    }
}

impl From<Problem> for Diagnostics {
    fn from(problem: Problem) -> Diagnostics {
        problem.diagnostic().into()
    }
}

fn told<E: std::error::Error + Send + Sync + 'static>(error: &SdkError<E, HttpResponse>) -> String {
    format!("{}", DisplayErrorContext(error))
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    if text.is_empty() { "AWS gives no reason.".to_owned() } else { format!("{first}{}{stop}", letters.as_str()) }
}

/// Codes by their meaning; the service's own families first.
fn nature_of(code: &str, message: &str, status: u16) -> Nature {
    const SHORTAGE: &[&str] = &[
        "InsufficientInstanceCapacity",
        "InsufficientHostCapacity",
        "InsufficientReservedInstanceCapacity",
        "InsufficientCapacity",
        "InsufficientFreeAddressesInSubnet",
        "ReservationCapacityExceeded",
        "InstanceLimitExceeded",
        "VcpuLimitExceeded",
        "MaxSpotInstanceCountExceeded",
        "SpotMaxPriceTooLow",
        "VolumeLimitExceeded",
        "MaxIOPSLimitExceeded",
        "Unsupported",
        "TooManyTargets",
        "LimitExceeded",
    ];
    const THROTTLED: &[&str] = &[
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "PriorRequestNotComplete",
        "RequestThrottled",
        "EC2ThrottledException",
        "SlowDown",
    ];
    const DENIED: &[&str] = &[
        "UnauthorizedOperation",
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "OptInRequired",
        "UnauthorizedException",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "RequestExpired",
    ];
    const BUSY: &[&str] = &[
        "DependencyViolation",
        "ResourceInUse",
        "ResourceInUseFault",
        "ScalingActivityInProgress",
        "IncorrectInstanceState",
        "IncorrectState",
        "OperationInProgress",
        "InvalidGroup.InUse",
        "InvalidIPAddress.InUse",
        "PriorRequestNotComplete",
    ];
    const EXISTS: &[&str] = &[
        "DuplicateLoadBalancerName",
        "DuplicateTargetGroupName",
        "DuplicateListener",
        "PriorityInUse",
        "AlreadyExists",
        "AlreadyExistsFault",
        "HealthCheckAlreadyExists",
        "Resource.AlreadyAssociated",
        "Resource.AlreadyAttached",
    ];
    let is = |list: &[&str]| list.contains(&code);
    if is(THROTTLED) {
        Nature::Throttled
    } else if is(DENIED) {
        Nature::Denied
    } else if is(SHORTAGE) || (code.contains("LimitExceeded") && status < 500) {
        Nature::Shortage
    } else if is(BUSY) {
        Nature::Busy
    } else if is(EXISTS) || code.ends_with(".Duplicate") || code.ends_with(".AlreadyExistsException") {
        Nature::Exists
    } else if code.ends_with(".NotFound")
        || code.ends_with("NotFound")
        || code.ends_with("NotFoundException")
        || code.starts_with("NoSuch")
        || code.ends_with(".NotFoundException")
        || (code == "ValidationError" && message.contains("not found"))
    {
        Nature::NotFound
    } else if status >= 500 {
        Nature::InDoubt
    } else {
        Nature::Refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_they_say() {
        let table = [
            ("InsufficientInstanceCapacity", 500, Nature::Shortage),
            ("VcpuLimitExceeded", 400, Nature::Shortage),
            ("RulesPerSecurityGroupLimitExceeded", 400, Nature::Shortage),
            ("RequestLimitExceeded", 503, Nature::Throttled),
            ("UnauthorizedOperation", 403, Nature::Denied),
            ("InvalidInstanceID.NotFound", 400, Nature::NotFound),
            ("TargetGroupNotFound", 400, Nature::NotFound),
            ("NoSuchHostedZone", 404, Nature::NotFound),
            ("DependencyViolation", 400, Nature::Busy),
            ("InvalidGroup.Duplicate", 400, Nature::Exists),
            ("InternalError", 500, Nature::InDoubt),
            ("InvalidParameterValue", 400, Nature::Refused),
        ];
        for (code, status, nature) in table {
            assert_eq!(nature_of(code, "", status), nature, "{code}");
        }
    }
}
