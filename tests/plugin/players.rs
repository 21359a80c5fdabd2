//! The plugins of these tests.

use crate::notes::Notes;
use std::io::Write;
use std::process::ExitCode;
use straddle_sdk::provider::prelude::*;
use straddle_sdk::server::{self, Launch, Server};
use straddle_sdk::tls::Identity;

/// Plays the part named by the name this program was started under.
pub fn play() -> ExitCode {
    let name = std::env::args().next().unwrap_or_default();
    match name.as_str() {
        "notes" => server::main(Notes::default()),
        "liar" => server::main(Liar),
        "chatty" => server::main(Chatty),
        "crash" => {
            eprintln!("no licence found");
            ExitCode::from(3)
        }
        "garbage" => say("Usage: notes [OPTIONS]"),
        "old" => say("1|4|unix|/nowhere|grpc|"),
        "legacy" => say("1|6|tcp|127.0.0.1:1|netrpc"),
        "uncertified" => say("1|6|unix|/nowhere|grpc|"),
        "nobody" => {
            let identity = Identity::generate().expect("made");
            say(&format!("1|6|unix|/nowhere/at/all|grpc|{}", base64(identity.der())))
        }
        "silent" => forever(),
        "impostor" => impostor(),
        "undead" => {
            server::main(Notes::default());
            forever()
        }
        other => panic!("no part {other:?}"),
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes)
}

/// Says this in place of a handshake, and then nothing until it is killed.
fn say(line: &str) -> ExitCode {
    println!("{line}");
    _ = std::io::stdout().flush();
    forever()
}

fn forever() -> ! {
    loop {
        std::thread::park();
    }
}

/// Listens with one certificate and announces another.
fn impostor() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let server = Server::bind(&Launch::from_env().expect("a plugin")).await.expect("bound");
        let other = Identity::generate().expect("made");
        let honest = server.handshake();
        let (start, _) = honest.rsplit_once('|').expect("fields");
        println!("{start}|{}", base64(other.der()));
        _ = server.run(Notes::default()).await;
    });
    ExitCode::SUCCESS
}

/// Answers against the rules; `name` says how.
struct Liar;

impl Provider for Liar {
    fn schemas(&self) -> Schemas {
        let lie = ResourceSchema::new()
            .attribute("name", string().required())
            .attribute("secret", string().optional().write_only())
            .attribute("id", string().computed());
        Schemas::new().resource("lie", lie)
    }

    async fn read(&self, request: ReadRequest) -> Result<ReadAnswer, Diagnostics> {
        Ok(ReadAnswer::new(request.state.with_attribute("id", Value::unknown(Type::String))))
    }

    async fn plan(&self, request: PlanRequest) -> Result<PlanAnswer, Diagnostics> {
        let mut answer = request.default_plan();
        if request.config.get("name").and_then(Value::as_str) == Some("secret") {
            answer.planned = answer.planned.with_attribute("secret", Value::string("kept"));
        }
        if request.config.get("name").and_then(Value::as_str) == Some("deferred") {
            answer.deferred = Some(Deferred::AbsentPrerequisite);
        }
        Ok(answer)
    }

    async fn apply(&self, request: ApplyRequest) -> Result<ApplyAnswer, Diagnostics> {
        Ok(match request.prior.get("name").or(request.planned.get("name")).and_then(Value::as_str) {
            // Not gone, or still unknown.
            Some("undeleted") => ApplyAnswer::new(request.prior),
            Some("unmade") => ApplyAnswer::deleted(),
            _ => ApplyAnswer::new(request.planned),
        })
    }

    /// Some answers are missing.
    async fn read_many(self: std::sync::Arc<Self>, requests: Vec<ReadRequest>, answers: Answers<ReadAnswer>) {
        for (index, request) in requests.into_iter().enumerate() {
            match request.state.get("name").and_then(Value::as_str) {
                Some("silence") => {}
                Some("twice") => {
                    answers.send(index, Ok(ReadAnswer::new(request.state.clone())));
                    answers.send(index, Ok(ReadAnswer::gone()));
                    answers.send(index + 1_000_000, Ok(ReadAnswer::gone()));
                }
                _ => answers.send(index, self.read(request).await),
            }
        }
    }
}

/// Prints far more than a pipe holds, everywhere, in every call.
struct Chatty;

impl Provider for Chatty {
    fn schemas(&self) -> Schemas {
        Schemas::new()
    }

    async fn configure(&self, _: Value, _: Context) -> Result<Diagnostics, Diagnostics> {
        let line = "talk ".repeat(1000);
        for _ in 0..400 {
            println!("{line}");
            eprintln!("{line}");
        }
        eprintln!("the last word");
        Ok(Diagnostic::warning("Talked", "").into())
    }

    async fn stop(&self) -> Result<(), String> {
        std::process::exit(9)
    }
}
