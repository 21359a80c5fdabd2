//! The language of specifications, as Terraform 1.11 has it.

pub mod functions;
