//! The servers: the PostgreSQL of this machine, and moto, which speaks S3, from the Python package index.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use straddle::state::seal::Keys;
use straddle::state::{Place, PostgresServer, S3Server, Server, SharedPlace};

/// Which server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Postgres,
    S3,
}

pub const KINDS: [Kind; 2] = [Kind::Postgres, Kind::S3];

/// A server that runs until this process ends.
pub struct Running {
    pub address: SocketAddr,
    /// Closing its standard input ends the server, however this process ends.
    _guard: Child,
}

/// Starts a server below a shell that ends it, and tidies up, when this process is gone. `command`: how, on a port that was free a moment
/// ago; where somebody else has taken it, another is tried. `ready`: what it says when it answers.
fn guarded(command: impl Fn(u16) -> Vec<String>, uid: Option<u32>, tidy: &Path, ready: &str) -> Running {
    let mut said = String::new();
    for _ in 0..TRIES {
        let port = free_port();
        match started(&command(port), uid, tidy, ready) {
            Ok(guard) => return Running { address: ([127, 0, 0, 1], port).into(), _guard: guard },
            Err(all) => said = all,
        }
    }
    panic!("the server does not start:\n{said}")
}

/// Ports to try: whatever else runs on the machine may take one between the look and the start.
const TRIES: usize = 5;

/// The shell, or what the server said before it ended.
fn started(command: &[String], uid: Option<u32>, tidy: &Path, ready: &str) -> Result<Child, String> {
    // A background job's standard input is not the shell's: the pipe goes by another number. Only the server speaks, so that its end is
    // the end of what is said. A server that ended by itself leaves its directory for another try.
    let script = r#"exec 3<&0; dir=$1; shift; "$@" 2>&1 & pid=$!; exec >/dev/null; cat <&3; if kill -INT $pid; then wait $pid; rm -rf "$dir"; fi"#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).arg(tidy).args(command);
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    if let Some(uid) = uid {
        shell.uid(uid);
    }
    let mut child = shell.spawn().map_err(|e| e.to_string())?;
    let mut said = BufReader::new(child.stdout.take().ok_or("no pipe")?);
    let mut all = String::new();
    loop {
        let before = all.len();
        if said.read_line(&mut all).map_err(|e| e.to_string())? == 0 {
            return Err(all);
        }
        if all[before..].contains(ready) {
            // Somebody must go on reading, or the server stops when the pipe is full.
            std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
            return Ok(child);
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn words(command: &[&str]) -> Vec<String> {
    command.iter().map(ToString::to_string).collect()
}

/// Where PostgreSQL's programs are.
fn programs() -> Option<PathBuf> {
    let mut places: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    places
        .extend(std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|e| e.path().join("bin")));
    places.into_iter().find(|dir| dir.join("initdb").exists() && dir.join("postgres").exists())
}

fn start_postgres() -> Option<Running> {
    let programs = programs()?;
    let dir = tempfile::Builder::new().prefix("straddle-pg").tempdir().ok()?.keep();
    // It does not run as root.
    let root = rustix::process::getuid().is_root();
    let uid = root.then(|| {
        let named = Command::new("id").args(["-u", "postgres"]).output().ok();
        named.and_then(|o| String::from_utf8(o.stdout).ok()?.trim().parse().ok()).unwrap_or(65_534u32)
    });
    if let Some(uid) = uid {
        std::os::unix::fs::chown(&dir, Some(uid), None).ok()?;
    }
    let data = dir.join("data");
    let mut init = Command::new(programs.join("initdb"));
    init.arg("-D").arg(&data).args(["-U", "straddle", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]);
    init.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir(&dir);
    if let Some(uid) = uid {
        init.uid(uid);
    }
    if !init.status().ok()?.success() {
        return None;
    }
    let postgres = programs.join("postgres").to_str()?.to_owned();
    let data = data.to_str()?.to_owned();
    let command = |port: u16| {
        let port = port.to_string();
        // Nobody pulls this machine's plug; what is tested is what clients see.
        let settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300", "fsync=off"];
        let mut all = words(&[&postgres, "-D", &data, "-p", &port]);
        all.extend(settings.iter().flat_map(|setting| words(&["-c", setting])));
        all
    };
    Some(guarded(command, uid, &dir, "ready to accept connections"))
}

/// The Python of a virtual environment under the build directory that has moto; made once. Its own programs are not asked: they name the
/// directory they were made in, and a build directory may be moved.
fn moto() -> Option<PathBuf> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?.join("tools/moto");
    let python = home.join("bin/python");
    let quiet = |command: &mut Command| {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    };
    let is_there = || quiet(Command::new(&python).args(["-c", "import moto.server, flask"]));
    let made = is_there()
        || quiet(Command::new("python3").args(["-m", "venv"]).arg(&home))
            && quiet(Command::new(&python).args(["-m", "pip", "install", "-q", "moto[server,s3]"]))
            && is_there();
    made.then_some(python)
}

fn start_s3() -> Option<Running> {
    let python = moto()?.to_str()?.to_owned();
    let dir = tempfile::Builder::new().prefix("straddle-s3").tempdir().ok()?.keep();
    let command = |port: u16| words(&[&python, "-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
    let running = guarded(command, None, &dir, "Running on");
    let address = running.address;
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    write!(stream, "PUT /states HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    assert!(answer.contains(" 200 "), "no bucket: {answer}");
    Some(running)
}

/// The server of a kind; started when first asked for. `None` is said.
pub fn server(kind: Kind) -> Option<&'static Running> {
    static POSTGRES: OnceLock<Option<Running>> = OnceLock::new();
    static S3: OnceLock<Option<Running>> = OnceLock::new();
    let found = match kind {
        Kind::Postgres => POSTGRES.get_or_init(start_postgres),
        Kind::S3 => S3.get_or_init(start_s3),
    };
    if found.is_none() {
        eprintln!("no {kind:?} server can be had here: not tested with it");
    }
    found.as_ref()
}

/// A state of that name on a server that answers at `address`.
pub fn place_at(kind: Kind, address: SocketAddr, name: &str, lease: Duration, keys: Keys) -> Place {
    let server = match kind {
        Kind::Postgres => Server::Postgres(PostgresServer { connection: connection(address), schema: "states".into() }),
        Kind::S3 => Server::S3(S3Server {
            endpoint: format!("http://{address}"),
            bucket: "states".into(),
            region: "us-east-1".into(),
            path_style: true,
            credentials: Some(("key".into(), "secret".into(), None)),
        }),
    };
    Place::Shared(Arc::new(SharedPlace {
        server,
        name: name.into(),
        workspace: "default".into(),
        lease,
        keys,
        directory: std::env::temp_dir().join("straddle-nothing-here"),
    }))
}

/// How a database is named.
pub fn connection(address: SocketAddr) -> String {
    format!("host={} port={} user=straddle dbname=postgres sslmode=disable", address.ip(), address.port())
}

/// A state with an hour's lease and no encryption.
pub fn place(kind: Kind, address: SocketAddr, name: &str) -> Place {
    place_at(kind, address, name, Duration::from_secs(3600), Keys::default())
}

/// A name nobody else uses in this run.
pub fn unique(name: &str) -> String {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
