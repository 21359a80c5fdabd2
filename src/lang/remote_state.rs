//! What `terraform_remote_state` asks of its arguments beyond its schema.

use super::ast::Body;
use super::decode::content::missing_place;
use super::value::{Type, Value};
use crate::diag::Diagnostic;

/// Where Terraform can keep a state.
const BACKENDS: &[&str] =
    &["local", "remote", "azurerm", "consul", "cos", "gcs", "http", "inmem", "kubernetes", "oss", "pg", "s3", "cloud"];

/// Where it once could.
const GONE: &[&str] = &["artifactory", "azure", "etcd", "etcdv3", "manta", "swift"];

/// What each of them must be told.
const REQUIRED: &[(&str, &[&str])] = &[
    ("remote", &["organization"]),
    ("azurerm", &["container_name", "key", "storage_account_name"]),
    ("consul", &["path"]),
    ("cos", &["bucket", "region"]),
    ("gcs", &["bucket"]),
    ("kubernetes", &["secret_suffix"]),
    ("oss", &["bucket"]),
    ("s3", &["bucket", "key"]),
];

/// Arguments of the `local` backend.
const LOCAL: &[&str] = &["path", "workspace_dir"];

const SUMMARY: &str = "Invalid backend configuration";

/// Checks the arguments of a `terraform_remote_state`, as far as they are known.
pub(super) fn check(body: &Body, value: &Value, diags: &mut Vec<Diagnostic>) {
    let field = |name: &str| value.entries().unwrap_or_default().iter().find(|(key, _)| &**key == name).map(|(_, v)| v);
    let mut refuse = |name: &str, summary: &str, detail: String| {
        let place = body.attribute(name).map_or_else(|| missing_place(body), |attribute| attribute.expr.span.clone());
        diags.push(Diagnostic::error(summary, detail).at(&place));
    };
    let no_object = |value: &Value| !matches!(value.ty(), Type::Object(_) | Type::Map(_) | Type::Dynamic);
    let config = field("config");
    let known = config.is_none_or(Value::is_wholly_known);
    match field("backend").and_then(Value::as_str) {
        Some(backend) if known => {
            if let Some((name, detail)) = unfit(backend, config.filter(|config| !config.is_null())) {
                refuse(name, SUMMARY, detail);
            }
        }
        _ if config.is_some_and(no_object) => {
            refuse("config", SUMMARY, "The configuration must be an object value.".to_owned());
        }
        _ => {}
    }
    if field("defaults").is_some_and(no_object) {
        refuse("defaults", "Invalid default values", "Defaults must be given in an object value.".to_owned());
    }
}

/// What is wrong with a backend and its configuration, which are known: the argument, and in words.
fn unfit(backend: &str, config: Option<&Value>) -> Option<(&'static str, String)> {
    if GONE.contains(&backend) {
        return Some(("backend", format!("The {backend:?} backend is not supported in Terraform v1.3 or later.")));
    }
    if !BACKENDS.contains(&backend) {
        return Some(("backend", format!("There is no backend type named {backend:?}.")));
    }
    let invalid =
        |why: String| Some(("config", format!("The given configuration is not valid for backend {backend:?}: {why}.")));
    if config.is_some_and(|config| !matches!(config.ty(), Type::Object(_) | Type::Map(_))) {
        return invalid("an object is required".to_owned());
    }
    let entries = config.and_then(Value::entries).unwrap_or_default();
    if backend == "local"
        && let Some((extra, _)) = entries.iter().find(|(key, _)| !LOCAL.contains(&&**key))
    {
        return invalid(format!("unexpected attribute {:?}", &**extra));
    }
    let required = REQUIRED.iter().find(|(name, _)| *name == backend).map_or(&[][..], |(_, required)| required);
    let given = |name: &str| entries.iter().any(|(key, value)| &**key == name && !value.is_null());
    let missing = required.iter().find(|name| !given(name))?;
    invalid(format!("attribute {missing:?} is required"))
}
