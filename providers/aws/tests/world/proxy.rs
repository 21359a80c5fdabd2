//! A proxy that makes faults, counts calls, and honours client tokens as AWS does and moto does not.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What goes wrong with one call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Too many requests.
    Throttle,
    /// The service breaks off, with this status.
    Broken(u16),
    /// The connection is cut before anything is passed on.
    Cut,
    /// The request is carried out, and its reply never arrives.
    LoseReply,
    /// The reply takes so many milliseconds.
    Slow(u64),
    /// A list shows nothing of what is there.
    Blind,
    /// No room for more.
    NoCapacity,
    /// The caller may not.
    Denied,
    /// The request is carried out, and the reply is held back until the test lets it go.
    Hold,
    /// The service says no: status, code, and its words.
    Refuse(u16, &'static str, &'static str),
    /// This is what is said, of this type: for what moto knows nothing of.
    Say(&'static str, &'static str),
}

/// One call that went by.
#[derive(Clone, Debug)]
pub struct Seen {
    pub action: String,
    pub body: String,
    /// Instances that ran when it arrived.
    pub running: Option<usize>,
}

/// Which call a fault is for: its action, and what its body holds.
struct Rule {
    action: &'static str,
    holds: String,
    faults: VecDeque<Fault>,
    always: Option<Fault>,
}

#[derive(Default)]
struct Inner {
    rules: Vec<Rule>,
    seen: Vec<Seen>,
    /// Client token to the request's digest and the reply.
    tokens: BTreeMap<String, (String, Vec<u8>)>,
    held: Option<Sender<()>>,
    free: Option<Arc<Mutex<Receiver<()>>>>,
    watch: Option<&'static str>,
}

/// The proxy.
pub struct Proxy {
    port: u16,
    inner: Arc<Mutex<Inner>>,
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Proxy {
    /// Before a server on loopback.
    pub fn before(server: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let inner: Arc<Mutex<Inner>> = Arc::default();
        let shared = inner.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let inner = shared.clone();
                // Whoever hangs up in the middle has the reply no more.
                std::thread::spawn(move || _ = serve(&stream, server, &inner));
            }
        });
        Proxy { port, inner }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The next calls of an action whose body holds a text end like this, one after the other.
    pub fn next(&self, action: &'static str, holds: &str, faults: impl IntoIterator<Item = Fault>) {
        let rule = Rule { action, holds: holds.to_owned(), faults: faults.into_iter().collect(), always: None };
        lock(&self.inner).rules.push(rule);
    }

    /// All calls of an action (`*`: of any) whose body holds a text end like this from now on.
    pub fn always(&self, action: &'static str, holds: &str, fault: Fault) {
        let rule = Rule { action, holds: holds.to_owned(), faults: VecDeque::new(), always: Some(fault) };
        lock(&self.inner).rules.push(rule);
    }

    /// No more faults.
    pub fn heal(&self) {
        lock(&self.inner).rules.clear();
    }

    /// How many calls of each action went by so far.
    pub fn calls(&self) -> BTreeMap<String, usize> {
        let mut calls = BTreeMap::new();
        for seen in &lock(&self.inner).seen {
            *calls.entry(seen.action.clone()).or_default() += 1;
        }
        calls
    }

    /// Forgets the calls so far.
    pub fn forget(&self) {
        lock(&self.inner).seen.clear();
    }

    /// The calls of an action so far.
    pub fn seen(&self, action: &str) -> Vec<Seen> {
        lock(&self.inner).seen.iter().filter(|s| s.action == action).cloned().collect()
    }

    /// Counts what runs whenever a call of this action arrives.
    pub fn watch(&self, action: &'static str) {
        lock(&self.inner).watch = Some(action);
    }

    /// Waits until a reply is held back; the answer lets it go.
    pub fn held(&self) -> (Receiver<()>, Sender<()>) {
        let (tell, told) = channel();
        let (go, free) = channel();
        let mut inner = lock(&self.inner);
        inner.held = Some(tell);
        inner.free = Some(Arc::new(Mutex::new(free)));
        (told, go)
    }
}

struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn read_request(reader: &mut impl BufRead) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        match header.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let length =
        headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, v)| v.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Request { line: line.trim_end().to_owned(), headers, body }))
}

/// The action of a request: of the query protocol, of JSON, or of Route 53's paths.
fn action(request: &Request, body: &str) -> String {
    if let Some(action) = body.split('&').find_map(|part| part.strip_prefix("Action=")) {
        return action.to_owned();
    }
    if let Some((_, target)) = request.headers.iter().find(|(name, _)| name == "x-amz-target") {
        return target.rsplit('.').next().unwrap_or_default().to_owned();
    }
    let mut words = request.line.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method, parts.as_slice()) {
        ("GET", ["zonalshifts"]) => "ListZonalShifts",
        ("POST", [_, "hostedzone", _, "rrset", ..]) => "ChangeResourceRecordSets",
        ("GET", [_, "hostedzone", _, "rrset", ..]) => "ListResourceRecordSets",
        ("GET", [_, "hostedzone", _]) => "GetHostedZone",
        ("GET", [_, "healthcheck"]) => "ListHealthChecks",
        ("POST", [_, "healthcheck"]) => "CreateHealthCheck",
        ("POST", [_, "healthcheck", _]) => "UpdateHealthCheck",
        ("DELETE", [_, "healthcheck", _]) => "DeleteHealthCheck",
        ("GET", [_, "healthcheck", _]) => "GetHealthCheck",
        ("POST", [_, "tags", ..]) => "ChangeTagsForResource",
        ("GET", [_, "tags", ..]) => "ListTagsForResource",
        _ => return format!("{method} {path}"),
    }
    .to_owned()
}

fn reply(status: u16, body: &str) -> Vec<u8> {
    typed(status, "text/xml", body)
}

fn typed(status: u16, kind: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nx-amzn-RequestId: reqOfTheProxy\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// An error as EC2 writes it; the other services' readers take it as well as their own.
fn error(status: u16, code: &str, message: &str) -> Vec<u8> {
    reply(
        status,
        &format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>"
        ),
    )
}

fn pass_on(request: &Request, server: u16) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", server))?;
    write!(stream, "{}\r\n", request.line)?;
    for (name, value) in request.headers.iter().filter(|(name, _)| name != "connection") {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "connection: close\r\n\r\n")?;
    stream.write_all(&request.body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

fn parameter<'b>(body: &'b str, name: &str) -> Option<&'b str> {
    body.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

/// Passes a request on; one with a token that was there before gets the reply of that time, as AWS does it.
fn carry_out(request: &Request, body: &str, server: u16, inner: &Mutex<Inner>) -> std::io::Result<Vec<u8>> {
    let Some(token) = parameter(body, "ClientToken").map(str::to_owned) else { return pass_on(request, server) };
    if let Some((same, answer)) = lock(inner).tokens.get(&token) {
        return Ok(if same == body {
            answer.clone()
        } else {
            error(400, "IdempotentParameterMismatch", "another request was made with this token")
        });
    }
    let answer = pass_on(request, server)?;
    if answer.starts_with(b"HTTP/1.1 200") {
        lock(inner).tokens.insert(token, (body.to_owned(), answer.clone()));
    }
    Ok(answer)
}

fn fault_of(inner: &Mutex<Inner>, action: &str, body: &str) -> Option<Fault> {
    let mut inner = lock(inner);
    let fits = |rule: &&mut Rule| {
        (rule.action == "*" || rule.action == action)
            && body.contains(&rule.holds)
            && (rule.always.is_some() || !rule.faults.is_empty())
    };
    let rule = inner.rules.iter_mut().find(fits)?;
    rule.faults.pop_front().or_else(|| rule.always.clone())
}

fn serve(stream: &TcpStream, server: u16, inner: &Arc<Mutex<Inner>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let Some(request) = read_request(&mut reader)? else { return Ok(()) };
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let action = action(&request, &body);
    let watched = lock(inner).watch.is_some_and(|watched| watched == action);
    let running = watched.then(|| super::instances(server, super::REGION).iter().filter(|i| i.runs()).count());
    lock(inner).seen.push(Seen { action: action.clone(), body: body.clone(), running });
    let out = |answer: Vec<u8>| -> std::io::Result<()> {
        let mut stream = stream;
        stream.write_all(&answer)?;
        stream.flush()
    };
    match fault_of(inner, &action, &body) {
        None => out(carry_out(&request, &body, server, inner)?),
        Some(Fault::Throttle) => out(error(503, "RequestLimitExceeded", "Request limit exceeded.")),
        Some(Fault::Broken(status)) => out(error(status, "InternalError", "An internal error has occurred")),
        Some(Fault::Cut) => Ok(()),
        Some(Fault::LoseReply) => carry_out(&request, &body, server, inner).map(|_| ()),
        Some(Fault::Slow(ms)) => {
            // How long this is does not decide a test; it only lets calls overlap.
            std::thread::park_timeout(Duration::from_millis(ms));
            out(carry_out(&request, &body, server, inner)?)
        }
        Some(Fault::Refuse(status, code, words)) => out(error(status, code, words)),
        Some(Fault::Say(kind, body)) => out(typed(200, kind, body)),
        Some(Fault::Blind) => out(blind(&action)),
        Some(Fault::NoCapacity) => out(error(
            500,
            "InsufficientInstanceCapacity",
            "We currently do not have sufficient t3.micro capacity in the Availability Zone you requested.",
        )),
        Some(Fault::Denied) => {
            out(error(403, "UnauthorizedOperation", "You are not authorized to perform this operation."))
        }
        Some(Fault::Hold) => {
            let answer = carry_out(&request, &body, server, inner)?;
            let free = {
                let inner = lock(inner);
                if let Some(held) = &inner.held {
                    _ = held.send(());
                }
                inner.free.clone()
            };
            if let Some(free) = free {
                _ = free.lock().map(|free| free.recv());
            }
            out(answer)
        }
    }
}

fn blind(action: &str) -> Vec<u8> {
    match action {
        "DescribeInstances" => reply(200, "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>"),
        _ => error(400, "InvalidID.NotFound", "The ID does not exist"),
    }
}
