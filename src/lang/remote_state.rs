//! What `terraform_remote_state` asks of its arguments beyond its schema.

use super::ast::Body;
use super::value::{Type, Value};
use crate::diag::Diagnostic;

/// Where Terraform can keep a state.
const BACKENDS: &[&str] =
    &["local", "remote", "azurerm", "consul", "cos", "gcs", "http", "inmem", "kubernetes", "oss", "pg", "s3", "cloud"];

/// Where it once could.
const GONE: &[&str] = &["artifactory", "azure", "etcd", "etcdv3", "manta", "swift"];

/// Arguments of the `local` backend.
const LOCAL: &[&str] = &["path", "workspace_dir"];

const SUMMARY: &str = "Invalid backend configuration";

/// Checks the arguments of a `terraform_remote_state`, as far as they are known.
pub(super) fn check(body: &Body, value: &Value, diags: &mut Vec<Diagnostic>) {
    let field = |name: &str| {
        let found = value.entries().unwrap_or_default().iter().find(|(key, _)| &**key == name).map(|(_, value)| value);
        found.filter(|value| !value.is_unknown() && !value.is_null())
    };
    let mut refuse = |name: &str, summary: &str, detail: String| {
        let diag = Diagnostic::error(summary, detail);
        diags.push(match body.attribute(name) {
            Some(attribute) => diag.at(&attribute.expr.span),
            None => diag,
        });
    };
    let backend = field("backend").and_then(Value::as_str);
    if let Some(backend) = backend {
        if GONE.contains(&backend) {
            refuse("backend", SUMMARY, format!("The {backend:?} backend is not supported in Terraform v1.3 or later."));
            return;
        }
        if !BACKENDS.contains(&backend) {
            refuse("backend", SUMMARY, format!("There is no backend type named {backend:?}."));
            return;
        }
        if let Some(config) = field("config") {
            let problem = if !matches!(config.ty(), Type::Object(_) | Type::Map(_)) {
                Some("an object is required".to_owned())
            } else if backend == "local" {
                let keys = config.entries().unwrap_or_default().iter().map(|(key, _)| &**key);
                let extra = keys.filter(|key| !LOCAL.contains(key)).map(|key| format!("unexpected attribute {key:?}"));
                extra.into_iter().next()
            } else {
                None
            };
            if let Some(problem) = problem {
                refuse(
                    "config",
                    SUMMARY,
                    format!("The given configuration is not valid for backend {backend:?}: {problem}."),
                );
                return;
            }
        }
    }
    if let Some(defaults) = field("defaults")
        && !matches!(defaults.ty(), Type::Object(_) | Type::Map(_))
    {
        refuse("defaults", "Invalid default values", "Defaults must be given in an object value.".to_owned());
    }
}
