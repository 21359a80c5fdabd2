//! The command line: arguments, one thin file a command, exit codes.

pub mod args;
mod exit;

pub use exit::Exit;
