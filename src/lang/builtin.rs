//! Schemas of what Terraform has built in (`terraform.io/builtin/terraform`).

use super::address::Mode;
use super::schema::{Attribute, AttributeType, Block};
use super::value::Type;
use std::sync::LazyLock;

/// The source address of the provider these belong to.
pub const SOURCE: &str = "terraform.io/builtin/terraform";

/// The local name whose resource types these are.
pub const LOCAL_NAME: &str = "terraform";

/// The schema of a built-in resource type or data source.
pub fn schema(mode: Mode, ty: &str) -> Option<&'static Block> {
    match (mode, ty) {
        (Mode::Managed, "terraform_data") => Some(&TERRAFORM_DATA),
        (Mode::Data, "terraform_remote_state") => Some(&REMOTE_STATE),
        _ => None,
    }
}

static TERRAFORM_DATA: LazyLock<Block> = LazyLock::new(|| {
    attributes([
        ("input", Type::Dynamic, Role::Optional),
        ("output", Type::Dynamic, Role::Computed),
        ("triggers_replace", Type::Dynamic, Role::Optional),
        ("id", Type::String, Role::Computed),
    ])
});

static REMOTE_STATE: LazyLock<Block> = LazyLock::new(|| {
    attributes([
        ("backend", Type::String, Role::Required),
        ("config", Type::Dynamic, Role::Optional),
        ("defaults", Type::Dynamic, Role::Optional),
        ("outputs", Type::Dynamic, Role::Computed),
        ("workspace", Type::String, Role::Optional),
    ])
});

#[derive(PartialEq)]
enum Role {
    Required,
    Optional,
    Computed,
}

fn attributes<const N: usize>(all: [(&str, Type, Role); N]) -> Block {
    let attribute = |(name, ty, role): (&str, Type, Role)| {
        let attribute = Attribute {
            ty: AttributeType::Plain(ty),
            description: String::new(),
            required: role == Role::Required,
            optional: role == Role::Optional,
            computed: role == Role::Computed,
            sensitive: false,
            write_only: false,
            deprecated: false,
            deprecation_message: String::new(),
            markdown: false,
        };
        (name.into(), attribute)
    };
    Block { attributes: all.into_iter().map(attribute).collect(), ..Block::default() }
}
