//! A world to test in: moto (a well-known imitation of AWS's API) on loopback, before it a proxy of our own that makes faults, and the
//! real programs. What came of a command is judged through the API, past the proxy.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

pub mod proxy;

use proxy::Proxy;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

/// The region of the examples.
pub const REGION: &str = "ap-northeast-2";
/// What is installed, once for a build directory.
const MOTO: &str = "moto[server,ec2,elbv2,autoscaling,route53]==5.2.5";
/// Set where the tests must run: without moto they fail then, instead of saying so and passing.
const REQUIRED: &str = "STRADDLE_TEST_MOTO";

/// The server program of moto, installed when it is not yet; `None` where there is no Python or no way to a package index.
fn moto() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(|| install().map_err(|why| eprintln!("no moto, so nothing is tested: {why}")).ok()).as_deref()
}

fn install() -> Result<PathBuf, String> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("moto");
    let (server, done) = (home.join("bin/moto_server"), home.join("installed"));
    let run = |command: &mut Command| match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    };
    // Several test programs may come here at once.
    std::fs::create_dir_all(&home).map_err(|e| e.to_string())?;
    let lock = std::fs::File::create(home.join("lock")).map_err(|e| e.to_string())?;
    lock.lock().map_err(|e| e.to_string())?;
    if std::fs::read_to_string(&done).is_ok_and(|what| what == MOTO) {
        return Ok(server);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
    run(Command::new(home.join("bin/pip")).args(["install", "--quiet", "--disable-pip-version-check", MOTO]))?;
    std::fs::write(&done, MOTO).map_err(|e| e.to_string())?;
    Ok(server)
}

/// moto, the proxy, and a directory with a spec.
pub struct World {
    pub proxy: Proxy,
    pub dir: tempfile::TempDir,
    moto: Child,
    port: u16,
}

/// How a command ended.
pub struct Ran {
    pub code: i32,
    pub text: String,
}

impl Drop for World {
    fn drop(&mut self) {
        _ = self.moto.kill();
        _ = self.moto.wait();
        if std::thread::panicking() {
            return;
        }
        keeps_no_credential(self.path());
        // Whatever a test made the provider ask must be in its list of calls, from which the policy is made.
        let known: Vec<&str> = straddle_provider_aws::api::ALL.iter().map(|api| api.name).collect();
        let strange: Vec<String> =
            self.proxy.calls().into_keys().filter(|name| !known.contains(&name.as_str())).collect();
        assert!(strange.is_empty(), "calls that the policy does not allow: {strange:?}");
    }
}

/// No file under a directory holds a credential.
fn keeps_no_credential(directory: &Path) {
    for entry in std::fs::read_dir(directory).unwrap().map_while(Result::ok) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            keeps_no_credential(&entry.path());
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("a-secret-that-is"), "a credential was kept in {:?}", entry.path());
        }
    }
}

/// An instance as the API has it.
#[derive(Clone, Debug)]
pub struct Instance {
    pub id: String,
    pub zone: String,
    pub state: String,
    pub image: String,
    pub tags: BTreeMap<String, String>,
}

impl Instance {
    pub fn runs(&self) -> bool {
        self.state == "running"
    }
}

fn between<'t>(text: &'t str, begin: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(begin)?;
    rest.split_once(end).map(|(inner, _)| inner)
}

/// Asks moto itself.
fn ask(port: u16, service: &str, region: &str, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let date = "20260101";
    let (host, region) = match service {
        "route53" => ("route53.amazonaws.com".to_owned(), "us-east-1"),
        _ => (format!("{service}.{region}.amazonaws.com"), region),
    };
    let kind = if service == "route53" { "text/xml" } else { "application/x-www-form-urlencoded" };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=judge/{date}/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0\r\n\
         Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The instances moto has in a region, also those that are gone.
pub fn instances(port: u16, region: &str) -> Vec<Instance> {
    let xml = ask(port, "ec2", region, "POST", "/", "Action=DescribeInstances&Version=2016-11-15");
    let one = |part: &str| {
        let text = |begin: &str, end: &str| between(part, begin, end).unwrap_or_default().to_owned();
        let tags = between(part, "<tagSet>", "</tagSet>").unwrap_or_default();
        let tag = |item: &str| {
            Some((between(item, "<key>", "</key>")?.to_owned(), between(item, "<value>", "</value>")?.to_owned()))
        };
        Instance {
            id: text("<instanceId>", "<"),
            zone: text("<availabilityZone>", "<"),
            state: between(&text("<instanceState>", "</instanceState>"), "<name>", "<").unwrap_or_default().to_owned(),
            image: text("<imageId>", "<"),
            tags: tags.split("<item>").filter_map(tag).collect(),
        }
    };
    xml.split("<item><architecture>").skip(1).map(one).collect()
}

impl World {
    /// With an example's files; `None` where there is no moto, unless there must be.
    pub fn of(example: &str) -> Option<World> {
        let world = World::empty()?;
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(example);
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "hcl" || e == "tf") {
                std::fs::copy(&path, world.path().join(path.file_name().unwrap())).unwrap();
            }
        }
        Some(world)
    }

    /// With a spec.
    pub fn with(spec: &str) -> Option<World> {
        let world = World::empty()?;
        std::fs::write(world.path().join("main.straddle.hcl"), spec).unwrap();
        Some(world)
    }

    /// With nothing yet.
    pub fn empty() -> Option<World> {
        let Some(server) = moto() else {
            assert!(std::env::var_os(REQUIRED).is_none(), "{REQUIRED} is set and moto cannot be had");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut moto = Command::new(server)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(moto.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.by_ref().any(|line| line.contains("Running on")), "moto did not start");
        // Its log must be read, or it stops.
        std::thread::spawn(move || lines.for_each(drop));
        let proxy = Proxy::before(port);
        Some(World { proxy, dir: tempfile::tempdir().unwrap(), moto, port })
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The environment of every program: to the proxy, with keys that open nothing.
    fn environment(&self, command: &mut Command) {
        command
            .current_dir(self.path())
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.proxy.port()))
            .env("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
            .env("AWS_SECRET_ACCESS_KEY", "a-secret-that-is-nowhere-to-be-seen")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/nonexistent")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
            .env_remove("AWS_PROFILE")
            .env_remove("TF_CLI_CONFIG_FILE")
            .env("CHECKPOINT_DISABLE", "1")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
    }

    /// The command, not started yet.
    pub fn command(&self, line: &str) -> Command {
        let plugin = Path::new(env!("CARGO_BIN_EXE_terraform-provider-aws"));
        let program = plugin.parent().unwrap().join("straddle");
        assert!(program.is_file(), "build straddle first: cargo build -p straddle");
        let mut command = Command::new(program);
        command.args(line.split_whitespace());
        self.environment(&mut command);
        command
    }

    pub fn run(&self, line: &str) -> Ran {
        ran(&self.command(line).output().unwrap())
    }

    /// The real Terraform with this provider, where it is installed.
    pub fn terraform(&self, line: &str) -> Option<Ran> {
        let paths = std::env::var_os("PATH")?;
        let program = std::env::split_paths(&paths).map(|p| p.join("terraform")).find(|p| p.is_file())?;
        let plugins = Path::new(env!("CARGO_BIN_EXE_terraform-provider-aws")).parent().unwrap();
        let settings = self.path().join("cli.tfrc");
        let text = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"straddle/aws\" = {plugins:?}\n  }}\n  direct {{}}\n}}\n"
        );
        std::fs::write(&settings, text).unwrap();
        let mut command = Command::new(program);
        command.args(line.split_whitespace());
        self.environment(&mut command);
        Some(ran(&command.env("TF_CLI_CONFIG_FILE", settings).env("TF_IN_AUTOMATION", "1").output().unwrap()))
    }

    /// Asks the API, past the proxy.
    pub fn api(&self, service: &str, query: &str) -> String {
        let version = match service {
            "ec2" => "2016-11-15",
            "autoscaling" => "2011-01-01",
            _ => "2015-12-01",
        };
        let answer = ask(self.port, service, REGION, "POST", "/", &format!("Action={query}&Version={version}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{query}: {answer}");
        answer
    }

    /// Asks Route 53, past the proxy.
    pub fn dns(&self, method: &str, path: &str, body: &str) -> String {
        ask(self.port, "route53", REGION, method, path, body)
    }

    /// A hosted zone made by hand.
    pub fn hosted_zone(&self, name: &str) -> String {
        let body = format!(
            "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Name>{name}</Name>\
             <CallerReference>{name}</CallerReference></CreateHostedZoneRequest>"
        );
        let answer = self.dns("POST", "/2013-04-01/hostedzone", &body);
        between(&answer, "<Id>/hostedzone/", "</Id>").unwrap_or_else(|| panic!("no zone: {answer}")).to_owned()
    }

    /// All instances there ever were.
    pub fn instances(&self) -> Vec<Instance> {
        instances(self.port, REGION)
    }

    pub fn running(&self) -> Vec<Instance> {
        self.instances().into_iter().filter(Instance::runs).collect()
    }

    /// Instances that run in a region.
    pub fn running_in(&self, region: &str) -> usize {
        instances(self.port, region).iter().filter(|i| i.runs()).count()
    }

    /// Instances that run, by zone.
    pub fn zones(&self) -> BTreeMap<String, usize> {
        let mut zones = BTreeMap::new();
        for one in self.running() {
            *zones.entry(one.zone).or_default() += 1;
        }
        zones
    }

    /// So many run in a and in c, and each name is there once.
    #[track_caller]
    pub fn stands(&self, a: usize, c: usize) {
        let zones = self.zones();
        let of = |letter: &str| zones.get(&format!("{REGION}{letter}")).copied().unwrap_or(0);
        assert_eq!((of("a"), of("c")), (a, c), "{zones:?}");
        let names: Vec<String> = self.running().iter().filter_map(|i| i.tags.get("Name").cloned()).collect();
        let once: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!((once.len(), names.len()), (a + c, a + c), "every replica once: {names:?}");
    }

    /// Terminates by hand.
    pub fn terminate(&self, id: &str) {
        self.api("ec2", &format!("TerminateInstances&InstanceId.1={id}"));
    }

    /// Changes a file of the spec; the text must be there.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }
}

/// What came of a program; no credential is in it.
pub fn ran(output: &Output) -> Ran {
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains("a-secret-that-is"), "a credential was printed:\n{text}");
    Ran { code: output.status.code().unwrap_or(-1), text }
}

impl Ran {
    #[track_caller]
    pub fn ends(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "{}", self.text);
        self
    }

    #[track_caller]
    pub fn says(self, words: &str) -> Ran {
        // Lines are wrapped.
        let flat = |text: &str| text.split_whitespace().filter(|w| *w != "|").collect::<Vec<_>>().join(" ");
        assert!(flat(&self.text).contains(&flat(words)), "no {words:?} in\n{}", self.text);
        self
    }
}
