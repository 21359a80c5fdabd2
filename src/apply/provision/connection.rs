//! `connection` blocks: where a provisioner works, as whom, and how it proves it.

use crate::diag::Diagnostic;
use crate::lang::ast::Block;
use crate::lang::body::eval_body;
use crate::lang::eval::Scope;
use crate::lang::module::Resource;
use crate::lang::provisioners::{CONNECTION, connection_body};
use crate::spec::parse_duration;
use std::time::Duration;
use straddle_sdk::value::{Marks, Value};

/// How long a machine may take to accept a connection where nobody says it.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Where a script is put on the other machine; `%RAND%` becomes a number.
const SCRIPT_PATH: &str = "/tmp/terraform_%RAND%.sh";

/// One machine and how to be let in.
#[derive(Clone, Debug)]
pub(super) struct Login {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: Option<String>,
    /// In the text of a file: PEM or OpenSSH's own.
    pub private_key: Option<String>,
    /// OpenSSH's one line.
    pub certificate: Option<String>,
    /// The machine's own key, or that of who has signed it. `None`: whoever answers is believed.
    pub host_key: Option<String>,
    pub agent: bool,
    /// The one key of the agent to use, by comment or as a public key.
    pub agent_identity: Option<String>,
}

/// A connection that can be made.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub target: Login,
    /// The machine to go through.
    pub bastion: Option<Login>,
    pub timeout: Duration,
    pub script_path: String,
    /// Something of it must not be shown.
    pub secret: bool,
}

/// What of a `connection` block straddle does not do, with the word for it.
const REFUSED: &[(&str, &str)] = &[
    ("proxy_host", "a connection through an HTTP or SOCKS proxy"),
    ("proxy_scheme", "a connection through an HTTP or SOCKS proxy"),
];

/// Reads the connection of a provisioner: its own block, over that of its resource.
///
/// # Errors
/// There is none, it is wrong, or it is of a kind that is not made.
pub(super) fn read(resource: &Resource, block: &Block, scope: &dyn Scope) -> Result<Connection, Vec<Diagnostic>> {
    let wrong = |summary: &str, detail: String| vec![Diagnostic::error(summary, detail).at(&block.header)];
    let Some(body) = connection_body(resource, block) else {
        let detail = "The provisioner works on another machine, and there is no connection block that says on which.";
        return Err(wrong("Missing connection configuration", detail.into()));
    };
    let (value, problems) = eval_body(&body, &CONNECTION, scope);
    if problems.iter().any(Diagnostic::is_error) {
        return Err(problems);
    }
    let marks = value.deep_marks();
    let value = value.unmarked();
    if let Some(path) = value.first_unknown() {
        return Err(wrong("Invalid connection", format!("The connection argument {path} is not known.")));
    }
    let text = |name: &str| value.get(name).and_then(Value::as_str).filter(|t| !t.is_empty()).map(String::from);
    match text("type").as_deref() {
        None | Some("ssh") => {}
        Some("winrm") => {
            let detail = "straddle connects by SSH; WinRM is not spoken.".to_string();
            return Err(vec![Diagnostic::error("Connection type not supported", detail).at(&block.header).help(
                "Windows has an OpenSSH server: type = \"ssh\". Or run a tool from here: provisioner \"local-exec\".",
            )]);
        }
        Some(other) => {
            return Err(wrong("Invalid connection", format!("A connection of the type {other:?} is not known.")));
        }
    }
    if text("target_platform").is_some_and(|platform| platform != "unix") {
        return Err(wrong("Connection not supported", "Only target_platform = \"unix\" is served.".into()));
    }
    if let Some((name, what)) = REFUSED.iter().find(|(name, _)| text(name).is_some()) {
        let detail = format!("straddle does not make {what} ({name}). A bastion host is gone through: bastion_host.");
        return Err(wrong("Connection not supported", detail));
    }
    let timeout = match text("timeout") {
        None => TIMEOUT,
        Some(text) => parse_duration(&text).ok_or_else(|| {
            wrong("Invalid connection", format!("The timeout {text:?} is no duration; write \"30s\" or \"5m\"."))
        })?,
    };
    let Some(host) = text("host") else { return Err(wrong("Invalid connection", "The host is empty.".into())) };
    let port = |name: &str| {
        let number = value.get(name).filter(|v| !v.is_null()).and_then(|v| v.as_num()?.to_i64());
        number
            .map(|n| u16::try_from(n).map_err(|_| wrong("Invalid connection", format!("{name} is no port: {n}."))))
            .transpose()
    };
    let agent = value.get("agent").and_then(Value::as_bool).unwrap_or(true);
    let target = Login {
        host,
        port: port("port")?.unwrap_or(22),
        user: text("user").unwrap_or_else(|| "root".into()),
        password: text("password"),
        private_key: text("private_key"),
        certificate: text("certificate"),
        host_key: text("host_key"),
        agent,
        agent_identity: text("agent_identity"),
    };
    // What a bastion does not say for itself is as on the machine behind it.
    let bastion_port = port("bastion_port")?;
    let bastion = text("bastion_host").map(|host| Login {
        host,
        port: bastion_port.unwrap_or(target.port),
        user: text("bastion_user").unwrap_or_else(|| target.user.clone()),
        password: text("bastion_password").or_else(|| target.password.clone()),
        private_key: text("bastion_private_key").or_else(|| target.private_key.clone()),
        certificate: text("bastion_certificate").or_else(|| target.certificate.clone()),
        host_key: text("bastion_host_key"),
        ..target.clone()
    });
    Ok(Connection {
        target,
        bastion,
        timeout,
        script_path: text("script_path").unwrap_or_else(|| SCRIPT_PATH.into()),
        secret: marks.is_sensitive() || marks.contains(Marks::EPHEMERAL),
    })
}
