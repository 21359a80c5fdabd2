//! The plugin client against real plugin processes. This program is also every one of those plugins, good and bad: what it does
//! depends on the name it is started under (see `players`). So it has its own `main` in place of the usual test runner.

#[path = "../../providers/sdk/examples/notes.rs"]
mod notes;
mod players;
mod stories;

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::var_os(straddle_sdk::server::COOKIE_ENV).is_some() {
        return players::play();
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|a| a == "--list") {
        stories::ALL.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let filter = arguments.iter().find(|a| !a.starts_with('-'));
    let mut failed = 0;
    for (name, story) in stories::ALL {
        if filter.is_some_and(|f| !name.contains(f.as_str())) {
            continue;
        }
        // Each in a runtime of its own: nothing of one story is left for the next.
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(story())));
        println!("test {name} ... {}", if ended.is_ok() { "ok" } else { "FAILED" });
        failed += usize::from(ended.is_err());
    }
    println!("\ntest result: {}. {failed} failed", if failed == 0 { "ok" } else { "FAILED" });
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
