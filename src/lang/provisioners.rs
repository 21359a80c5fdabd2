//! Provisioners: which there are, what each takes, and how it connects.

use super::ast::{Block, Body};
use super::body::eval_body;
use super::eval::Scope;
use super::load::Config;
use super::module::Resource;
use super::schema::{self, Attribute, AttributeType};
use super::value::Type;
use crate::diag::Diagnostic;
use std::sync::LazyLock;

/// Reports provisioners of a kind that does not exist. Terraform gives no place; the place is a related one.
pub(super) fn unknown(config: &Config, diags: &mut Vec<Diagnostic>) {
    let blocks = config.module.resources.values().flat_map(|resource| &resource.provisioners);
    for block in blocks {
        if let Some(label) = block.labels.first().filter(|label| schema(&label.text).is_none()) {
            let detail = format!(
                "This configuration requires provisioner plugin {:?}, which isn't available: the provisioners are file, local-exec and \
                 remote-exec.",
                &*label.text
            );
            let diag = Diagnostic::error("Missing required provisioner plugin", detail);
            diags.push(diag.related(&label.span, "asked for here"));
        }
    }
    config.children.values().for_each(|child| unknown(child, diags));
}

/// Checks the arguments of a resource's provisioners and connections.
pub(super) fn check(resource: &Resource, scope: &dyn Scope, diags: &mut Vec<Diagnostic>) {
    for block in &resource.provisioners {
        let Some(schema) = block.labels.first().and_then(|label| schema(&label.text)) else { continue };
        let own = provisioner_body(&block.body);
        let (value, problems) = eval_body(&own, schema, scope);
        let failed = problems.iter().any(Diagnostic::is_error);
        diags.extend(problems);
        super::body::body_traversals(&own, &mut |traversal| {
            let found = super::reference::Reference::parse(traversal).and_then(|r| scope.resolve(&r).map(|_| ()));
            diags.extend(found.err().map(|diag| *diag));
        });
        if !failed {
            diags.extend(refused(block, &value));
        }
        if let Some(body) = connection_body(resource, block) {
            diags.extend(eval_body(&body, &CONNECTION, scope).1);
        }
    }
}

/// The connection a provisioner uses: its own block, what that does not say from the resource's. `None`: there is neither.
pub fn connection_body(resource: &Resource, provisioner: &Block) -> Option<Body> {
    let inner = provisioner.body.blocks_of("connection").next();
    let mut body = (*inner.or(resource.connection.as_ref())?.body).clone();
    if let (Some(_), Some(outer)) = (inner, &resource.connection) {
        let own: Vec<_> = body.attributes.iter().map(|attribute| attribute.name.name.clone()).collect();
        body.attributes.extend(outer.body.attributes.iter().filter(|a| !own.contains(&a.name.name)).cloned());
    }
    Some(body)
}

/// What is left for the provisioner's own schema.
fn provisioner_body(body: &Body) -> Body {
    let mut own = body.clone();
    own.attributes.retain(|attribute| !matches!(&*attribute.name.name, "when" | "on_failure"));
    own.blocks.retain(|block| !matches!(&*block.kind.name, "connection" | "lifecycle"));
    own.unescaped()
}

/// What a provisioner says of arguments that fit its schema.
fn refused(block: &Block, value: &super::value::Value) -> Option<Diagnostic> {
    let given = |name: &str| {
        let entry = value.entries().unwrap_or_default().iter().find(|(key, _)| &**key == name);
        entry.is_some_and(|(_, value)| !value.is_null())
    };
    let refuse = |summary: &str, detail: &str| {
        Some(Diagnostic::error(summary, detail).related(&block.header, "this provisioner"))
    };
    match &*block.labels.first()?.text {
        "file" => match (given("source"), given("content")) {
            (true, true) => refuse("Cannot set both 'source' and 'content'", ""),
            (false, false) => refuse("Must provide one of 'source' or 'content'", ""),
            _ => None,
        },
        "remote-exec" => {
            match [given("inline"), given("script"), given("scripts")].iter().filter(|given| **given).count() {
                1 => None,
                _ => refuse(
                    "Invalid remote-exec provisioner configuration",
                    "Only one of \"inline\", \"script\", or \"scripts\" must be set",
                ),
            }
        }
        _ => None,
    }
}

fn schema(kind: &str) -> Option<&'static schema::Block> {
    match kind {
        "local-exec" => Some(&LOCAL_EXEC),
        "remote-exec" => Some(&REMOTE_EXEC),
        "file" => Some(&FILE),
        _ => None,
    }
}

static LOCAL_EXEC: LazyLock<schema::Block> = LazyLock::new(|| {
    attributes(vec![
        ("command", Type::String, true),
        ("interpreter", Type::list(Type::String), false),
        ("working_dir", Type::String, false),
        ("environment", Type::map(Type::String), false),
        ("quiet", Type::Bool, false),
    ])
});

static REMOTE_EXEC: LazyLock<schema::Block> = LazyLock::new(|| {
    attributes(vec![
        ("inline", Type::list(Type::String), false),
        ("script", Type::String, false),
        ("scripts", Type::list(Type::String), false),
    ])
});

static FILE: LazyLock<schema::Block> = LazyLock::new(|| {
    attributes(vec![
        ("source", Type::String, false),
        ("content", Type::String, false),
        ("destination", Type::String, true),
    ])
});

/// Every argument a connection of any type takes.
pub static CONNECTION: LazyLock<schema::Block> = LazyLock::new(|| {
    const TEXTS: &[&str] = &[
        "type",
        "user",
        "password",
        "timeout",
        "script_path",
        "target_platform",
        "private_key",
        "certificate",
        "host_key",
        "agent_identity",
        "proxy_scheme",
        "proxy_host",
        "proxy_user_name",
        "proxy_user_password",
        "bastion_host",
        "bastion_host_key",
        "bastion_user",
        "bastion_password",
        "bastion_private_key",
        "bastion_certificate",
        "cacert",
    ];
    let texts = TEXTS.iter().map(|name| (*name, Type::String, false));
    let numbers = ["port", "proxy_port", "bastion_port"].map(|name| (name, Type::Number, false));
    let flags = ["agent", "https", "insecure", "use_ntlm"].map(|name| (name, Type::Bool, false));
    attributes(texts.chain(numbers).chain(flags).chain([("host", Type::String, true)]).collect())
});

fn attributes(all: Vec<(&'static str, Type, bool)>) -> schema::Block {
    let attribute = |(name, ty, required): (&str, Type, bool)| {
        let attribute = Attribute {
            ty: AttributeType::Plain(ty),
            description: String::new(),
            required,
            optional: !required,
            computed: false,
            sensitive: false,
            write_only: false,
            deprecated: false,
            deprecation_message: String::new(),
            markdown: false,
        };
        (name.into(), attribute)
    };
    schema::Block { attributes: all.into_iter().map(attribute).collect(), ..schema::Block::default() }
}
