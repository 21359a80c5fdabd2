//! The `straddle` command.

fn main() {}
