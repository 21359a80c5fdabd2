//! What Terraform's own blocks hold, as far as JSON needs to be told: which properties are blocks with how many labels, and how
//! the texts of the others are read.

/// How the texts in a property are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reading {
    /// As a template.
    Template,
    /// As they are.
    Verbatim,
    /// As an expression of the native syntax that is not evaluated: a reference, a type.
    Static,
}

/// What a block holds.
pub(super) struct Shape {
    /// Type, names of the labels, and what each holds.
    pub blocks: &'static [(&'static str, &'static [&'static str], &'static Shape)],
    /// Arguments not read as `other` says.
    pub arguments: &'static [(&'static str, Reading)],
    pub other: Reading,
    pub kind: Kind,
}

/// What the properties are that a [`Shape`] does not name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Arguments, or mistakes.
    Closed,
    /// Nothing but mistakes: at the top of a file.
    Top,
    /// Arguments with names of the user's.
    Names,
    /// Arguments or blocks; a schema knows.
    Open,
}

use Reading::{Static, Template, Verbatim};

/// A `.tf.json` file.
pub(super) static TOP: Shape = Shape {
    blocks: &[
        ("terraform", &[], &TERRAFORM),
        ("provider", &["name"], &PROVIDER),
        ("variable", &["name"], &VARIABLE),
        ("locals", &[], &LOCALS),
        ("output", &["name"], &OUTPUT),
        ("module", &["name"], &MODULE),
        ("resource", &["type", "name"], &RESOURCE),
        ("data", &["type", "name"], &RESOURCE),
        ("ephemeral", &["type", "name"], &RESOURCE),
        ("moved", &[], &MOVED),
        ("import", &[], &IMPORT),
        ("removed", &[], &REMOVED),
        ("check", &["name"], &CHECK),
    ],
    arguments: &[],
    other: Template,
    kind: Kind::Top,
};

/// A `.tfvars.json` file.
pub(super) static VALUES: Shape = Shape { blocks: &[], arguments: &[], other: Verbatim, kind: Kind::Names };

/// A `.tftest.json` file.
pub(super) static TEST: Shape = Shape {
    blocks: &[
        ("test", &[], &RULE),
        ("run", &["name"], &RUN),
        ("variables", &[], &LOCALS),
        ("provider", &["name"], &PROVIDER),
        ("mock_provider", &["name"], &MOCK_PROVIDER),
        ("override_resource", &[], &OVERRIDE),
        ("override_data", &[], &OVERRIDE),
        ("override_module", &[], &OVERRIDE),
    ],
    arguments: &[],
    other: Template,
    kind: Kind::Top,
};

/// A `.tfmock.json` file.
pub(super) static MOCKS: Shape = Shape {
    blocks: &[
        ("mock_resource", &["type"], &MOCK),
        ("mock_data", &["type"], &MOCK),
        ("override_resource", &[], &OVERRIDE),
        ("override_data", &[], &OVERRIDE),
        ("override_module", &[], &OVERRIDE),
    ],
    arguments: &[],
    other: Template,
    kind: Kind::Top,
};

static RUN: Shape = Shape {
    blocks: &[
        ("plan_options", &[], &PLAN_OPTIONS),
        ("assert", &[], &RULE),
        ("variables", &[], &LOCALS),
        ("module", &[], &VERBATIM),
        ("override_resource", &[], &OVERRIDE),
        ("override_data", &[], &OVERRIDE),
        ("override_module", &[], &OVERRIDE),
    ],
    arguments: &[("command", Static), ("providers", Static), ("expect_failures", Static), ("state_key", Verbatim)],
    other: Template,
    kind: Kind::Closed,
};

static PLAN_OPTIONS: Shape =
    Shape { arguments: &[("mode", Static), ("replace", Static), ("target", Static)], ..VERBATIM };

static MOCK_PROVIDER: Shape = Shape {
    blocks: &[
        ("mock_resource", &["type"], &MOCK),
        ("mock_data", &["type"], &MOCK),
        ("override_resource", &[], &OVERRIDE),
        ("override_data", &[], &OVERRIDE),
        ("override_module", &[], &OVERRIDE),
    ],
    arguments: &[("override_during", Static)],
    ..VERBATIM
};

static MOCK: Shape = Shape { arguments: &[("override_during", Static)], ..RULE };

static OVERRIDE: Shape = Shape { arguments: &[("target", Static), ("override_during", Static)], ..RULE };

/// Arguments whose texts are what they are.
static VERBATIM: Shape = Shape { blocks: &[], arguments: &[], other: Verbatim, kind: Kind::Closed };

/// A block whose contents a schema knows.
pub(super) static OPEN: Shape = Shape { blocks: &[], arguments: &[], other: Template, kind: Kind::Open };

/// `dynamic`.
pub(super) static DYNAMIC: Shape = Shape {
    blocks: &[("content", &[], &OPEN)],
    arguments: &[("iterator", Static)],
    other: Template,
    kind: Kind::Closed,
};

static TERRAFORM: Shape = Shape {
    blocks: &[
        ("required_providers", &[], &REQUIRED_PROVIDERS),
        ("backend", &["type"], &SETTINGS),
        ("cloud", &[], &CLOUD),
        ("provider_meta", &["provider"], &OPEN),
    ],
    arguments: &[("experiments", Static), ("language", Static)],
    other: Verbatim,
    kind: Kind::Closed,
};

static REQUIRED_PROVIDERS: Shape = Shape { kind: Kind::Names, ..VALUES };

pub(super) static SETTINGS: Shape = Shape { other: Verbatim, ..OPEN };

static CLOUD: Shape = Shape { blocks: &[("workspaces", &[], &SETTINGS)], ..SETTINGS };

static PROVIDER: Shape = Shape { arguments: &[("alias", Verbatim), ("version", Verbatim)], ..OPEN };

static VARIABLE: Shape = Shape {
    blocks: &[("validation", &[], &RULE)],
    arguments: &[("type", Static)],
    other: Verbatim,
    kind: Kind::Closed,
};

static RULE: Shape = Shape { blocks: &[], arguments: &[], other: Template, kind: Kind::Closed };

static LOCALS: Shape = Shape { blocks: &[], arguments: &[], other: Template, kind: Kind::Names };

static OUTPUT: Shape = Shape {
    blocks: &[("precondition", &[], &RULE), ("postcondition", &[], &RULE)],
    arguments: &[("value", Template), ("depends_on", Static)],
    other: Verbatim,
    kind: Kind::Closed,
};

static MODULE: Shape = Shape {
    arguments: &[("source", Verbatim), ("version", Verbatim), ("providers", Static), ("depends_on", Static)],
    ..RULE
};

static RESOURCE: Shape = Shape {
    blocks: &[("lifecycle", &[], &LIFECYCLE), ("connection", &[], &OPEN), ("provisioner", &["type"], &PROVISIONER)],
    arguments: &[("provider", Static), ("depends_on", Static)],
    ..OPEN
};

static LIFECYCLE: Shape = Shape {
    blocks: &[("precondition", &[], &RULE), ("postcondition", &[], &RULE)],
    arguments: &[("ignore_changes", Static), ("replace_triggered_by", Static)],
    other: Verbatim,
    kind: Kind::Closed,
};

static PROVISIONER: Shape =
    Shape { blocks: &[("connection", &[], &OPEN)], arguments: &[("when", Static), ("on_failure", Static)], ..OPEN };

static MOVED: Shape = Shape { arguments: &[("from", Static), ("to", Static)], ..RULE };

static IMPORT: Shape = Shape { arguments: &[("to", Static), ("provider", Static)], ..RULE };

static REMOVED: Shape = Shape {
    blocks: &[("lifecycle", &[], &LIFECYCLE), ("provisioner", &["type"], &PROVISIONER), ("connection", &[], &OPEN)],
    arguments: &[("from", Static)],
    ..RULE
};

static CHECK: Shape = Shape { blocks: &[("assert", &[], &RULE), ("data", &["type", "name"], &RESOURCE)], ..RULE };
