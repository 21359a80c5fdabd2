//! The command line: arguments, one thin file a command, exit codes.

pub mod args;
mod exit;
mod session;

pub use exit::Exit;
