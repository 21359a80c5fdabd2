//! What a directory declares, decoded from its files and checked in shape. Expressions and resource bodies stay unevaluated.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::ast::{Block, Body, Expr, Ident, Label, Traversal};
use crate::diag::Span;
use std::collections::BTreeMap;
use std::sync::Arc;
use straddle_sdk::value::{Defaults, Str, Type, Value};

pub use super::address::Mode;
pub use super::decode::decode_resource;
pub use super::module_source::SourceKind;

/// Mode, type and name of a resource.
pub type ResourceKey = (Mode, Str, Str);

/// A module: all files of a directory, with override files merged in.
#[derive(Clone, Debug, Default)]
pub struct Module {
    pub variables: BTreeMap<Str, Variable>,
    pub locals: BTreeMap<Str, Local>,
    pub outputs: BTreeMap<Str, Output>,
    /// Provider configurations, in the order of the text.
    pub providers: Vec<ProviderConfig>,
    /// By local name.
    pub required_providers: BTreeMap<Str, RequiredProvider>,
    /// Managed resources and data sources, by mode, type and name.
    pub resources: BTreeMap<ResourceKey, Resource>,
    /// Ephemeral resources: opened for the time of a run, kept nowhere.
    pub ephemerals: BTreeMap<ResourceKey, Resource>,
    pub modules: BTreeMap<Str, ModuleCall>,
    pub moved: Vec<Moved>,
    pub imports: Vec<Import>,
    pub removed: Vec<Removed>,
    pub checks: BTreeMap<Str, Check>,
    pub settings: Settings,
    /// straddle's own blocks (`workload`, `location`, ...), as written; `src/spec` decodes them.
    pub own: Vec<Block>,
}

/// `variable "name"`.
#[derive(Clone, Debug)]
pub struct Variable {
    pub name: Str,
    /// The type wanted; `Dynamic` when none is given. Optional attributes are kept in the type.
    pub ty: Type,
    /// A type is given. Without one a text stands for itself; of `any` it is an expression.
    pub typed: bool,
    /// Defaults of optional attributes inside the type.
    pub defaults: Defaults,
    /// Converted to `ty`, defaults applied. `None`: a value must be given.
    pub default: Option<Value>,
    pub description: Option<Str>,
    pub sensitive: bool,
    pub ephemeral: bool,
    /// Whether null may be given. When not, a null takes the default.
    pub nullable: bool,
    pub validations: Vec<CheckRule>,
    pub span: Span,
}

/// One name of a `locals` block.
#[derive(Clone, Debug)]
pub struct Local {
    pub name: Ident,
    pub expr: Expr,
    pub span: Span,
}

/// `output "name"`.
#[derive(Clone, Debug)]
pub struct Output {
    pub name: Str,
    pub value: Option<Expr>,
    pub description: Option<Str>,
    pub sensitive: bool,
    pub ephemeral: bool,
    pub depends_on: Vec<Traversal>,
    pub preconditions: Vec<CheckRule>,
    pub span: Span,
}

/// `provider "name"`.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    pub name: Str,
    pub alias: Option<Str>,
    /// Whether it names a version, which is deprecated.
    pub versioned: bool,
    /// What remains for the provider's schema.
    pub body: Arc<Body>,
    pub span: Span,
}

/// An entry of `required_providers`.
#[derive(Clone, Debug)]
pub struct RequiredProvider {
    pub name: Str,
    /// As written, for example `hashicorp/aws`.
    pub source: Option<Str>,
    pub version: Option<(Str, Span)>,
    pub configuration_aliases: Vec<ProviderRef>,
    pub span: Span,
}

/// `aws.seoul`: a provider configuration referred to.
#[derive(Clone, PartialEq, Debug)]
pub struct ProviderRef {
    pub name: Str,
    pub alias: Option<Str>,
    pub span: Span,
}

impl ProviderRef {
    /// As it is written.
    pub fn text(&self) -> String {
        match &self.alias {
            Some(alias) => format!("{}.{alias}", self.name),
            None => self.name.to_string(),
        }
    }

    /// The place of the name alone.
    pub fn name_span(&self) -> Span {
        let start = self.span.range.start;
        Span { file: self.span.file, range: start..self.span.range.end.min(start + self.name.len()) }
    }
}

/// `resource "type" "name"`, `data "type" "name"` or `ephemeral "type" "name"`.
#[derive(Clone, Debug)]
pub struct Resource {
    pub mode: Mode,
    pub ty: Label,
    pub name: Label,
    pub count: Option<Expr>,
    pub for_each: Option<Expr>,
    pub depends_on: Vec<Traversal>,
    pub provider: Option<ProviderRef>,
    pub lifecycle: Lifecycle,
    pub provisioners: Vec<Block>,
    pub connection: Option<Block>,
    /// The `check` block it stands in; nothing else may refer to it.
    pub container: Option<Str>,
    /// What remains for the provider's schema: without meta-arguments and meta-blocks.
    pub body: Arc<Body>,
    pub span: Span,
}

/// `lifecycle { ... }`.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    pub create_before_destroy: Option<bool>,
    pub prevent_destroy: bool,
    pub ignore_changes: IgnoreChanges,
    /// References to resources or attributes of them.
    pub replace_triggered_by: Vec<Expr>,
    pub preconditions: Vec<CheckRule>,
    pub postconditions: Vec<CheckRule>,
}

/// `ignore_changes`.
#[derive(Clone, Debug)]
pub enum IgnoreChanges {
    /// `all`.
    All,
    /// Paths from the resource's root: the traversal's root is an attribute's name.
    Paths(Vec<Traversal>),
}

impl Default for IgnoreChanges {
    fn default() -> IgnoreChanges {
        IgnoreChanges::Paths(Vec::new())
    }
}

/// A condition with its message: `validation`, `precondition`, `postcondition`, `assert`.
#[derive(Clone, Debug)]
pub struct CheckRule {
    pub condition: Expr,
    pub error_message: Expr,
    pub span: Span,
}

/// `module "name"`.
#[derive(Clone, Debug)]
pub struct ModuleCall {
    pub name: Str,
    pub source: Option<(Str, Span)>,
    /// Where the source says the module is; `None` where it says nothing that makes sense.
    pub kind: Option<SourceKind>,
    pub version: Option<(Str, Span)>,
    pub count: Option<Expr>,
    pub for_each: Option<Expr>,
    pub depends_on: Vec<Traversal>,
    /// Name in the child and configuration here.
    pub providers: Vec<(ProviderRef, ProviderRef)>,
    /// The arguments: values of the child's variables.
    pub body: Arc<Body>,
    pub span: Span,
}

/// `moved { from = ..., to = ... }`; the addresses as written.
#[derive(Clone, Debug)]
pub struct Moved {
    pub from: Traversal,
    pub to: Traversal,
    pub span: Span,
}

/// By what an existing object is found.
#[derive(Clone, Debug)]
pub enum ImportedBy {
    Id(Expr),
    Identity(Expr),
}

impl ImportedBy {
    /// What is written.
    pub fn expr(&self) -> &Expr {
        match self {
            ImportedBy::Id(expr) | ImportedBy::Identity(expr) => expr,
        }
    }
}

/// `import { to = ..., id = ... }`, or with `identity = { ... }`.
#[derive(Clone, Debug)]
pub struct Import {
    pub to: Expr,
    pub by: ImportedBy,
    pub for_each: Option<Expr>,
    /// The configuration to import with.
    pub provider: Option<ProviderRef>,
    /// The argument that names it.
    pub provider_argument: Option<Span>,
    pub span: Span,
}

/// `removed { from = ..., lifecycle { destroy = false } }`.
#[derive(Clone, Debug)]
pub struct Removed {
    pub from: Traversal,
    pub destroy: bool,
    pub span: Span,
}

/// `check "name" { ... }`.
#[derive(Clone, Debug)]
pub struct Check {
    pub name: Str,
    pub asserts: Vec<CheckRule>,
    pub data: Option<ResourceKey>,
    pub span: Span,
}

/// `terraform { ... }`.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Every `required_version`, as written.
    pub required_version: Vec<(Str, Span)>,
    /// `backend "kind" { ... }`.
    pub backend: Option<Block>,
    pub cloud: Option<Block>,
    pub provider_meta: Vec<Block>,
}

impl Module {
    /// A resource or data source by its address inside the module.
    pub fn resource(&self, mode: Mode, ty: &str, name: &str) -> Option<&Resource> {
        let all = if mode == Mode::Ephemeral { &self.ephemerals } else { &self.resources };
        all.get(&(mode, Str::new(ty), Str::new(name)))
    }

    /// All resources, data sources and ephemeral resources.
    pub fn all_resources(&self) -> impl Iterator<Item = (&ResourceKey, &Resource)> {
        self.resources.iter().chain(&self.ephemerals)
    }

    /// straddle's own blocks of a type.
    pub fn own_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Block> {
        self.own.iter().filter(move |b| &*b.kind.name == kind)
    }
}
