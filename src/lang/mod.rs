//! The language: text to syntax tree, expressions to values, directories to modules. Terraform's, measured against 1.11.4.
//!
//! | module | subject | input and output |
//! |---|---|---|
//! | [`ast`] | the syntax tree | |
//! | [`address`] | addresses of resource instances | text ⇄ [`address::Address`] |
//! | [`load`] | reading directories (files) | path → [`load::Loaded`] |
//! | [`decode`] | files to a module | texts → [`module::Module`] with diagnostics |
//! | [`module_source`] | where a module is to be had | text → [`module_source::SourceKind`] |
//! | [`inheritance`] | provider configurations passed from module to module, checked | [`load::Config`] → diagnostics |
//! | [`module`] | what a directory declares, decoded from its files | |
//! | [`syntax`] | scanner and parser | text → [`ast::Body`] with diagnostics |
//! | `remote_state` | what `terraform_remote_state` asks of its arguments | |
//! | [`mod@reference`] | what an expression refers to | [`ast::Expr`] → references |
//! | [`eval`] | expressions to values | [`ast::Expr`] and a scope → value with diagnostics |
//! | [`body`] | bodies to configurations | [`ast::Body`], a schema and a scope → value with diagnostics |
//! | [`scope`] | the names of a module and of a block | |
//! | [`tree`] | the modules of a configuration in a row | |
//! | [`graph`] | what depends on what | [`module::Module`] → order, cycles |
//! | [`evaluate`] | locals, module calls, outputs, `count`, `for_each` | module → values |
//! | [`validate`] | all that can be told without state | [`load::Loaded`] → diagnostics |
//! | [`console`], [`display`] | one expression in a module, values as text | |
//! | [`test_file`] | `.tftest.hcl` files | text → [`test_file::TestFile`] |
//! | [`variables`] | input variables: values, conversion, validation | |
//! | [`types`] | type constraints, types as text | |
//! | `provisioners` | which provisioners there are, their arguments checked | |
//! | [`mod@write`] | values written as the language has them | value → text |
//! | [`functions`] | built-in functions | values → value |

pub mod address;
pub mod ast;
pub mod body;
pub mod builtin;
pub mod console;
mod cycles;
pub mod decode;
pub mod display;
pub mod eval;
pub mod evaluate;
pub mod functions;
pub mod graph;
pub mod inheritance;
pub mod judge;
pub mod load;
pub mod manifest;
pub mod module;
pub mod module_source;
pub mod provisioners;
pub mod query_file;
pub mod reference;
mod remote_state;
pub mod scope;
pub mod suggest;
pub mod syntax;
pub mod test_file;
pub mod tree;
pub mod types;
mod used_providers;
pub mod validate;
pub mod variables;
pub mod version;
pub mod write;

pub use straddle_sdk::{schema, value};
