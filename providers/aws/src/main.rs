//! AWS as a plugin, for straddle and for Terraform.

use std::process::ExitCode;

fn main() -> ExitCode {
    // What the provider may ask of AWS, for whoever writes its role.
    if std::env::args().nth(1).as_deref() == Some("policy") {
        println!("{}", straddle_provider_aws::policy::document());
        return ExitCode::SUCCESS;
    }
    straddle_provider_aws::serve()
}
