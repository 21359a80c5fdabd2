//! What is asked beside HTTP, and who may look: names of a real name server over UDP, and vantage points that are agents behind a URL.

use super::*;
use std::net::UdpSocket;

/// A name server: names that begin with one of `gone` do not exist, those with one of `mute` get no answer, all others are 10.0.0.1.
#[derive(Clone)]
struct Names {
    port: u16,
    gone: Arc<Mutex<BTreeSet<String>>>,
    mute: Arc<Mutex<BTreeSet<String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Names {
    fn serve() -> Names {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let names = Names {
            port: socket.local_addr().unwrap().port(),
            gone: Arc::default(),
            mute: Arc::default(),
            asked: Arc::default(),
        };
        let mine = names.clone();
        std::thread::spawn(move || {
            let mut packet = [0u8; 1500];
            while let Ok((n, from)) = socket.recv_from(&mut packet) {
                let (name, end) = name_of(&packet[..n]);
                mine.asked.lock().unwrap().push(name.clone());
                let begins = |set: &Mutex<BTreeSet<String>>| {
                    set.lock().unwrap().iter().any(|start| name.starts_with(start.as_str()))
                };
                if begins(&mine.mute) {
                    continue;
                }
                let gone = begins(&mine.gone);
                let is_a = packet[end..end + 2] == [0, 1];
                let _ = socket.send_to(&reply(&packet[..n], end + 4, gone, is_a), from);
            }
        });
        names
    }
}

/// The name a question asks for, and where its type stands.
fn name_of(packet: &[u8]) -> (String, usize) {
    let (mut at, mut labels) = (12, Vec::new());
    while packet[at] != 0 {
        let length = usize::from(packet[at]);
        labels.push(String::from_utf8_lossy(&packet[at + 1..at + 1 + length]).to_lowercase());
        at += length + 1;
    }
    (labels.join("."), at + 1)
}

fn reply(question: &[u8], end: usize, gone: bool, is_a: bool) -> Vec<u8> {
    let mut out = question[..end].to_vec();
    // An answer; no such name; one question, and none, or one, record.
    out[2] = 0x81;
    out[3] = if gone { 0x83 } else { 0x80 };
    let records = u8::from(!gone && is_a);
    out[4..12].copy_from_slice(&[0, 1, 0, records, 0, 0, 0, 0]);
    if records == 1 {
        out.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 0, 0, 1]);
    }
    out
}

/// The usual spec with another question.
fn asks(stack: &Stack, question: &str, from: &str) {
    let text = spec(stack.replicas.port, from);
    let url = format!("url      = \"http://127.0.0.1:{}/${{replica.key}}\"", stack.replicas.port);
    assert_eq!(text.matches(&url).count(), 1);
    std::fs::write(stack.dir.join("web.straddle.hcl"), text.replace(&url, question)).unwrap();
}

#[test]
fn a_name_is_asked_of_a_real_name_server() {
    let names = Names::serve();
    let stack = Stack::of(BOTH);
    let question = |expect: &str| {
        format!(
            "dns    = \"r${{replica.index}}.${{location.name}}.example.test\"\n  server = \"127.0.0.1:{}\"\n  {expect}",
            names.port
        )
    };
    asks(&stack, &question("expect = [\"10.0.0.1\"]"), BOTH);
    stack.run("apply -auto-approve").ends(0);
    stack.stands(2, 2);
    assert!(stack.states().values().all(|s| s == "healthy"));
    let asked = names.asked.lock().unwrap().clone();
    assert!(
        asked.iter().any(|n| n == "r0.a.example.test") && asked.iter().any(|n| n == "r1.b.example.test"),
        "{asked:?}"
    );
    // One name that does not exist: one replica less, the location is there.
    *names.gone.lock().unwrap() = ["r0.a".to_string()].into();
    assert_eq!(stack.state("a"), "healthy");
    let drift: Value = serde_json::from_str(&stack.run("drift -json").out).unwrap();
    assert_eq!(drift["workloads"]["web"]["counts"], serde_json::json!({"a": 1, "b": 2}));
    // None exists, from both points: suspect, and with the provider's word down.
    *names.gone.lock().unwrap() = ["r0.a".to_string(), "r1.a".into()].into();
    assert_eq!(stack.state("a"), "suspect");
    stack.run("sim down zone:a").ends(0);
    assert_eq!(stack.state("a"), "down");
    stack.run("sim up zone:a").ends(0);
    names.gone.lock().unwrap().clear();
    // A server that says nothing has not resolved the name either.
    *names.mute.lock().unwrap() = ["r0.b".to_string(), "r1.b".into()].into();
    assert_eq!(stack.state("b"), "suspect");
    names.mute.lock().unwrap().clear();
    // Another address than the one that is wanted is not well.
    asks(&stack, &question("expect = [\"10.9.9.9\"]"), BOTH);
    assert!(stack.states().values().all(|s| s == "suspect"));
    // Names without such a record are not, either.
    asks(&stack, &question("type = \"AAAA\""), BOTH);
    assert!(stack.states().values().all(|s| s == "suspect"));
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Manners {
    /// Answers what it sees, to whoever shows the token.
    Honest,
    /// Says that everything fails.
    Lies,
    /// Answers an earlier question.
    Late,
    /// Leaves one verdict out.
    Short,
    /// Turns everybody away.
    Refuses,
    /// Says no word, and keeps the line open.
    Mute,
}

/// An agent behind a URL.
struct Agent {
    port: u16,
    manners: Arc<Mutex<Manners>>,
    seen: Arc<Mutex<Vec<String>>>,
}

const TOKEN: &str = "agent-token-51";

impl Agent {
    fn serve() -> Agent {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let agent = Agent {
            port: listener.local_addr().unwrap().port(),
            manners: Arc::new(Mutex::new(Manners::Honest)),
            seen: Arc::default(),
        };
        let (manners, seen) = (agent.manners.clone(), agent.seen.clone());
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming().flatten() {
                let manners = *manners.lock().unwrap();
                match manners {
                    Manners::Mute => kept.push(stream),
                    _ => told(stream, manners, &seen),
                }
            }
        });
        agent
    }

    fn is(&self, manners: Manners) {
        *self.manners.lock().unwrap() = manners;
    }
}

fn told(mut stream: TcpStream, manners: Manners, seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut length, mut bearer, mut line) = (0usize, String::new(), String::new());
    while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
        let lower = line.to_lowercase();
        if let Some(n) = lower.strip_prefix("content-length:") {
            length = n.trim().parse().unwrap();
        }
        if lower.starts_with("authorization:") {
            bearer = line.trim().to_string();
        }
        line.clear();
    }
    let mut body = vec![0u8; length];
    std::io::Read::read_exact(&mut reader, &mut body).unwrap();
    let question: Value = serde_json::from_slice(&body).unwrap();
    seen.lock().unwrap().push(format!("{bearer}\n{question}"));
    let schema = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/vantage.schema.json"));
    let schema: Value = serde_json::from_str(&schema.unwrap()).unwrap();
    assert!(jsonschema::is_valid(&schema, &question), "{question}");
    let mut answer = seen_from_here(&body);
    assert!(jsonschema::is_valid(&schema, &answer), "{answer}");
    let verdicts = answer["verdicts"].as_array_mut().unwrap();
    match manners {
        Manners::Lies => verdicts.iter_mut().for_each(|v| *v = "fail".into()),
        Manners::Short => drop(verdicts.pop()),
        Manners::Late => answer["nonce"] = "of an earlier question".into(),
        Manners::Honest | Manners::Refuses | Manners::Mute => {}
    }
    let known = bearer.ends_with(TOKEN) && manners != Manners::Refuses;
    let (status, text) = if known { ("200 OK", answer.to_string()) } else { ("403 Forbidden", String::new()) };
    let _ = stream.write_all(
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len()).as_bytes(),
    );
}

/// What `straddle probe -agent` answers: an agent is that, behind any web server.
fn seen_from_here(question: &[u8]) -> Value {
    let mut child = Command::new(BINARY)
        .args(["probe", "-agent"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(question).unwrap();
    serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn an_agent_behind_a_url_counts_for_what_it_answers_in_time_and_for_nothing_else() {
    let agent = Agent::serve();
    let stack = Stack::of(BOTH);
    let path = stack.dir.join("web.straddle.hcl");
    let far = format!("exec = [\"{BINARY}\", \"probe\", \"-agent\"]\n");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches(&far).count(), 1);
    let url = format!("url       = \"http://127.0.0.1:{}/look\"\n  token_env = \"AGENT_TOKEN\"\n", agent.port);
    // A check may take one second: who says nothing is not waited for long.
    std::fs::write(&path, text.replace(&far, &url).replace("timeout  = \"3s\"", "timeout  = \"1s\"")).unwrap();
    let run = |line: &str, token: Option<&str>| -> Ran {
        let mut command = Command::new(BINARY);
        command.args(line.split_whitespace()).current_dir(&stack.dir).env("NO_COLOR", "1").stdin(Stdio::null());
        command.envs(token.map(|t| ("AGENT_TOKEN", t)));
        let output = command.output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    };
    let applied = run("apply -auto-approve", Some(TOKEN)).ends(0);
    assert!(!applied.out.contains(TOKEN) && !applied.err.contains(TOKEN));
    let seen = agent.seen.lock().unwrap().clone();
    assert!(
        !seen.is_empty()
            && seen.iter().all(|s| s.starts_with(&format!("Authorization: Bearer {TOKEN}\n"))
                || s.to_lowercase().starts_with("authorization: bearer"))
    );
    let states = |token: Option<&str>| -> BTreeMap<String, (String, String)> {
        let ran = run("probe -json", token).ends(0);
        let found: Value = serde_json::from_str(&ran.out).unwrap();
        let word = |v: &Value| v.as_str().unwrap_or_default().to_string();
        let all = found["locations"].as_object().unwrap();
        all.iter().map(|(k, v)| (k.clone(), (word(&v["state"]), word(&v["vantages"]["far"])))).collect()
    };
    let a = |token| states(token)["a"].clone();
    let is = |state: &str, far: &str| (state.to_string(), far.to_string());
    assert_eq!(a(Some(TOKEN)), is("healthy", "pass"));
    // A true loss, seen from both, and the provider says so too.
    stack.replicas.fail(&["/a/"]);
    stack.run("sim down zone:a").ends(0);
    assert_eq!(a(Some(TOKEN)), is("down", "fail"));
    // Whoever says nothing, or nothing that is an answer, is no second witness; nothing is done.
    for manners in [Manners::Late, Manners::Short, Manners::Refuses, Manners::Mute] {
        agent.is(manners);
        assert_eq!(a(Some(TOKEN)), is("suspect", "missing"), "{manners:?}");
    }
    agent.is(Manners::Honest);
    assert_eq!(a(None), is("suspect", "missing"), "a token that is not there is not made up for");
    assert_eq!(a(Some("another")), is("suspect", "missing"));
    run("failover -auto-approve", None).ends(0);
    stack.stands(2, 2);
    // One that lies makes suspect what is well, and never down.
    stack.replicas.fail(&[]);
    stack.run("sim up zone:a").ends(0);
    agent.is(Manners::Lies);
    assert_eq!(a(Some(TOKEN)), is("suspect", "fail"));
    run("failover -auto-approve", Some(TOKEN)).ends(0);
    stack.stands(2, 2);
    // And who it tells of is believed again at once.
    agent.is(Manners::Honest);
    assert_eq!(a(Some(TOKEN)), is("healthy", "pass"));
}
