//! The simulated clouds as a plugin of its own, for Terraform and for tests. straddle's binary holds the same one.

use std::process::ExitCode;

fn main() -> ExitCode {
    straddle_provider_sim::serve()
}
