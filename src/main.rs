//! The `straddle` command.

fn main() -> std::process::ExitCode {
    straddle::cli::main()
}
