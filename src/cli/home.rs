//! Where this directory's state is kept: what its `state` block or Terraform's `backend` block says, with what the environment adds.

use super::args::VarArgs;
use super::session::Project;
use super::workspace;
use crate::diag::{Diagnostic, Sources};
use crate::lang::ast::{Attribute, Block, Expr, ExprKind, Ident, Literal};
use crate::lang::eval::{Scope, eval};
use crate::lang::load;
use crate::lang::variables::{self, Given};
use crate::spec::{self, Encryption, Keep, KeepKind, S3Keep};
use crate::state::seal::{Key, Keys};
use crate::state::{self, Loaded, Local, Place, PostgresServer, S3Server, Server, SharedPlace};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use straddle_sdk::value::{Str, Type, Value, convert};

type Problem = Box<Diagnostic>;

/// What `init -backend-config` was given, in the data directory.
const GIVEN: &str = "straddle-backend.json";

/// The state of the selected workspace, read.
pub fn load() -> Result<Loaded, Problem> {
    let _span = super::trace::span("read the state");
    state::load(place()?).map_err(|e| Box::new(e.into()))
}

/// Where the state of the selected workspace is.
pub fn place() -> Result<Place, Problem> {
    place_of(&workspace::current())
}

/// Where the state of a workspace is.
pub fn place_of(workspace: &str) -> Result<Place, Problem> {
    static BASE: OnceLock<Result<Base, Problem>> = OnceLock::new();
    at(BASE.get_or_init(|| base(Path::new("."))).as_ref().map_err(Clone::clone)?, Path::new("."), workspace)
}

/// Where the configuration of another directory keeps its state.
pub fn place_in(directory: &Path, workspace: &str) -> Result<Place, Problem> {
    at(&base(directory)?, directory, workspace)
}

/// What a configuration says, whatever the workspace.
enum Base {
    Directory(PathBuf, Keys),
    Shared { server: Server, name: String, lease: Duration, keys: Keys },
}

fn at(base: &Base, directory: &Path, workspace: &str) -> Result<Place, Problem> {
    Ok(match base {
        Base::Directory(dir, keys) => {
            Place::Directory(Local { path: dir.join(workspace::below(workspace)), keys: keys.clone() })
        }
        Base::Shared { server, name, lease, keys } => Place::Shared(Arc::new(SharedPlace {
            server: server.clone(),
            name: name.clone(),
            workspace: workspace.to_owned(),
            lease: *lease,
            keys: keys.clone(),
            directory: directory.to_path_buf(),
        })),
    })
}

/// Whether any file of a directory may say where the state is kept: most say nothing, and are not read a second time for it.
fn says_anything(directory: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(directory) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let read = [".tf", ".tf.json", ".straddle.hcl"].iter().any(|ending| name.ends_with(ending));
        read && std::fs::read(entry.path()).is_ok_and(|text| {
            let has = |word: &[u8]| text.windows(word.len()).any(|w| w == word);
            has(b"backend") || has(b"cloud") || (has(b"straddle") && has(b"state"))
        })
    })
}

fn base(directory: &Path) -> Result<Base, Problem> {
    if !says_anything(directory) {
        return Ok(Base::Directory(directory.to_path_buf(), Keys::default()));
    }
    let project = Project::read_dir(directory, &VarArgs::default());
    let settings = &project.config.module.settings;
    if let Some(cloud) = &settings.cloud {
        let detail =
            "straddle keeps no state in HCP Terraform: what a run there does on its own could not be journalled.";
        let problem = Diagnostic::error("State cannot be kept there", detail).at(&cloud.header);
        return Err(placed(
            problem.help("Keep it in a `state` block of `straddle { }`: postgres or s3."),
            &project.sources,
        ));
    }
    let keep = match (&settings.backend, project.spec.keep.clone()) {
        (Some(backend), Some(keep)) => {
            let problem =
                Diagnostic::error("Two places for one state", "There is a `state` block and a `backend` block.");
            let problem = problem.at(&keep.span).related(&backend.header, "the backend block");
            return Err(placed(problem.help("Remove one of the two."), &project.sources));
        }
        (None, keep) => keep,
        (Some(backend), None) => of_backend(&project, backend)?,
    };
    match keep {
        Some(keep) => of_keep(directory, &keep, &project.sources),
        None => {
            // A block that could not be read says something else than the directory.
            let meant = |p: &&Diagnostic| {
                p.is_error() && p.span.as_ref().is_some_and(|s| project.config.module.own.iter().any(|b| within(s, b)))
            };
            match project.problems.iter().find(meant) {
                Some(problem) => Err(placed(problem.clone(), &project.sources)),
                None => Ok(Base::Directory(directory.to_path_buf(), Keys::default())),
            }
        }
    }
}

/// Whether a place is inside a `straddle` block's `state` block.
fn within(span: &crate::diag::Span, block: &Block) -> bool {
    let states = block.body.blocks.iter().filter(|b| &*b.kind.name == "state");
    &*block.kind.name == "straddle"
        && states.into_iter().any(|b| b.span.file == span.file && b.span.range.contains(&span.range.start))
}

fn of_backend(project: &Project, backend: &Block) -> Result<Option<Keep>, Problem> {
    let problems = std::cell::RefCell::new(Vec::new());
    let given = given();
    let mut block = backend.clone();
    let keep = {
        let env = project.env();
        let evaluate = |expr: &Expr, out: &mut Vec<Diagnostic>| {
            let (value, problems) = eval(expr, &env as &dyn Scope);
            let failed = problems.iter().any(Diagnostic::is_error);
            out.extend(problems);
            (!failed).then_some(value)
        };
        for (name, value) in &given {
            set(&mut block, name, value);
        }
        spec::backend(&block, &evaluate, &problems)
    };
    match problems.into_inner().into_iter().find(Diagnostic::is_error) {
        Some(problem) => Err(placed(problem, &project.sources)),
        None => Ok(keep),
    }
}

/// Gives an argument of a block this text, whatever it said.
fn set(block: &mut Block, name: &str, text: &str) {
    let mut body = (*block.body).clone();
    body.attributes.retain(|a| &*a.name.name != name);
    let span = block.header.clone();
    let expr = Expr { kind: ExprKind::Literal(Literal(Value::string(text))), span: span.clone() };
    body.attributes.push(Attribute { name: Ident { name: name.into(), span: span.clone() }, expr, span, json: None });
    block.body = Arc::new(body);
}

/// What `init -backend-config` was given.
fn given() -> BTreeMap<String, String> {
    let text = std::fs::read(workspace::data_dir().join(GIVEN)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Keeps what `init -backend-config` is given, for every later command of this directory.
///
/// # Errors
/// What to say.
pub fn remember(settings: &[String]) -> Result<(), Problem> {
    if settings.is_empty() {
        return Ok(());
    }
    let wrong = |detail: String| Box::new(Diagnostic::error("Invalid -backend-config", detail));
    let mut given = given();
    for setting in settings {
        match setting.split_once('=') {
            Some((name, value)) => {
                given.insert(name.trim().to_owned(), value.trim().trim_matches('"').to_owned());
            }
            None => given.extend(of_file(Path::new(setting))?),
        }
    }
    let dir = workspace::data_dir();
    let path = dir.join(GIVEN);
    let write = || -> std::io::Result<()> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        std::fs::create_dir_all(&dir)?;
        // Connection strings may hold passwords.
        let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        file?.write_all(&serde_json::to_vec_pretty(&given)?)
    };
    write().map_err(|e| wrong(format!("{} cannot be written: {e}.", path.display())))
}

/// What a file of arguments for the `backend` block says: one argument a line, texts, numbers and bools.
fn of_file(path: &Path) -> Result<Vec<(String, String)>, Problem> {
    let mut sources = Sources::default();
    let file = load::read(path, path.display().to_string(), &mut sources).map_err(|problem| {
        Box::new(problem.help("Write -backend-config=NAME=VALUE, or the path of a file with such arguments."))
    })?;
    let (values, problems) = variables::read_values(file, &sources);
    if let Some(problem) = problems.into_iter().find(Diagnostic::is_error) {
        return Err(placed(problem, &sources));
    }
    let text = |(name, given): (Str, Given)| {
        let Given::Value(value, span) = given else { return None };
        let text = convert(&value, &Type::String).ok().and_then(|v| v.as_str().map(str::to_owned));
        Some(text.map(|text| (name.to_string(), text)).ok_or_else(|| {
            let detail = format!("Argument \"{name}\" is no text, number or bool.");
            let problem = Diagnostic::error("Invalid -backend-config", detail);
            let problem = span.iter().fold(problem, |problem, span| problem.at(span));
            placed(problem.help("Write it in the `backend` block itself."), &sources)
        }))
    };
    values.into_iter().filter_map(text).collect()
}

/// A problem that says its place itself: whoever prints it has not read the texts.
fn placed(problem: Diagnostic, sources: &Sources) -> Problem {
    let place = problem.span.as_ref().and_then(|span| crate::report::plan::place_of(sources, span));
    let place = place.map_or(String::new(), |(file, line)| format!("{file}:{line}: "));
    let mut plain = Diagnostic::error(problem.summary.clone(), format!("{place}{}", problem.detail));
    plain.help.clone_from(&problem.help);
    Box::new(plain)
}

fn of_keep(directory: &Path, keep: &Keep, sources: &Sources) -> Result<Base, Problem> {
    let fail = |summary: &str, detail: String, help: &str| {
        placed(Diagnostic::error(summary.to_owned(), detail).at(&keep.span).help(help.to_owned()), sources)
    };
    let lease = keep.lease.unwrap_or(state::LEASE);
    let keys = match &keep.encryption {
        Some(encryption) => {
            keys(directory, encryption).map_err(|detail| fail("No key for the state", detail, KEY_HELP))?
        }
        None => Keys::default(),
    };
    let (server, name) = match &keep.kind {
        KeepKind::Local { directory: dir } => {
            let dir = dir.as_ref().map_or_else(|| directory.to_path_buf(), |dir| directory.join(&**dir));
            return Ok(Base::Directory(dir, keys));
        }
        KeepKind::Other { name } => {
            let detail = format!("straddle cannot keep a state in Terraform's backend \"{name}\".");
            return Err(fail("State cannot be kept there", detail, "There are local, pg and s3."));
        }
        KeepKind::Postgres { connection, schema, name } => {
            let connection = connection.as_deref().map(str::to_owned).or_else(connection_of_environment);
            let connection = connection.ok_or_else(|| {
                let help = "Set connection in the block, PG_CONN_STR, or PGHOST and its kin in the environment.";
                fail("No connection to a database", "Nothing says where the database is.".into(), help)
            })?;
            // The certificate is always proven where TLS is spoken: these words ask for no more than that.
            let connection = connection.replace("verify-full", "require").replace("verify-ca", "require");
            (Server::Postgres(PostgresServer { connection, schema: schema.to_string() }), name.to_string())
        }
        KeepKind::S3(s3) => (Server::S3(bucket(s3, &fail)?), s3.key.trim_matches('/').to_owned()),
    };
    let unfit = name.is_empty() || name.split('/').any(|part| part.is_empty() || part == "." || part == "..");
    if unfit {
        return Err(fail(
            "Name of a state",
            format!("\"{name}\" is no name for a state."),
            "For example \"prod/web\".",
        ));
    }
    Ok(Base::Shared { server, name, lease, keys })
}

const KEY_HELP: &str = "A key is 32 bytes in hexadecimal or base64 (openssl rand -base64 32), or a long passphrase.";

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn connection_of_environment() -> Option<String> {
    if let Some(whole) = variable("PG_CONN_STR") {
        return Some(whole);
    }
    let host = variable("PGHOST")?;
    let quoted = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    let mut words = format!("host={}", quoted(&host));
    for (name, word) in [("PGPORT", "port"), ("PGUSER", "user"), ("PGDATABASE", "dbname"), ("PGSSLMODE", "sslmode")] {
        if let Some(value) = variable(name) {
            words.push_str(&format!(" {word}={}", quoted(&value)));
        }
    }
    Some(words)
}

fn bucket(s3: &S3Keep, fail: &dyn Fn(&str, String, &str) -> Problem) -> Result<S3Server, Problem> {
    let endpoint = s3.endpoint.as_deref().map(str::to_owned);
    let endpoint = endpoint.or_else(|| variable("AWS_ENDPOINT_URL_S3")).or_else(|| variable("AWS_ENDPOINT_URL"));
    let region = s3.region.as_deref().map(str::to_owned);
    let region = region.or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"));
    let region = match (region, &endpoint) {
        (Some(region), _) => region,
        (None, Some(_)) => "us-east-1".into(),
        (None, None) => {
            return Err(fail(
                "No region",
                "Nothing says in which region the bucket is.".into(),
                "Set region, or AWS_REGION.",
            ));
        }
    };
    let endpoint = endpoint.unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
    let endpoint = if endpoint.contains("://") { endpoint } else { format!("https://{endpoint}") };
    let written =
        s3.access_key.as_deref().zip(s3.secret_key.as_deref()).map(|(k, s)| (k.to_owned(), s.to_owned(), None));
    let environment = || {
        let (key, secret) = (variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?);
        Some((key, secret, variable("AWS_SESSION_TOKEN")))
    };
    let credentials = written
        .or_else(|| if s3.profile.is_some() { None } else { environment() })
        .or_else(|| profile(s3.profile.as_deref()));
    if credentials.is_none() {
        let help = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile of the shared credentials file.";
        return Err(fail("No credentials for the bucket", "None were found.".into(), help));
    }
    Ok(S3Server { endpoint, bucket: s3.bucket.to_string(), region, path_style: s3.path_style, credentials })
}

/// The keys of a profile of the shared credentials file.
fn profile(name: Option<&str>) -> Option<(String, String, Option<String>)> {
    let name = name.map(str::to_owned).or_else(|| variable("AWS_PROFILE")).unwrap_or_else(|| "default".into());
    let path = variable("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
    let path = path.or_else(|| std::env::home_dir().map(|home| home.join(".aws/credentials")))?;
    let text = std::fs::read_to_string(path).ok()?;
    let section = format!("[{name}]");
    let lines = text.lines().map(str::trim).skip_while(|line| *line != section).skip(1);
    let mut found: BTreeMap<&str, &str> = BTreeMap::new();
    for line in lines.take_while(|line| !line.starts_with('[')) {
        if let Some((key, value)) = line.split_once('=') {
            found.insert(key.trim(), value.trim());
        }
    }
    let of = |key: &str| found.get(key).map(|value| (*value).to_owned());
    Some((of("aws_access_key_id")?, of("aws_secret_access_key")?, of("aws_session_token")))
}

/// The keys an `encryption` block names. The error never quotes them.
fn keys(directory: &Path, encryption: &Encryption) -> Result<Keys, String> {
    let of = |from: String, text: String| Key::of_text(&text).map_err(|e| format!("The key from {from} is none: {e}."));
    let of_variable = |name: &str| {
        let text = variable(name).ok_or_else(|| format!("The environment variable {name} is not set."))?;
        of(format!("the environment variable {name}"), text)
    };
    let current = if let Some(name) = &encryption.env {
        of_variable(name)?
    } else if let Some(file) = &encryption.file {
        let path = directory.join(&**file);
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{} cannot be read: {e}.", path.display()))?;
        of(format!("{}", path.display()), text)?
    } else {
        let words: Vec<&str> = encryption.command.iter().flatten().map(|word| &**word).collect();
        let [program, rest @ ..] = words.as_slice() else { return Err("The command is empty.".into()) };
        let run = Command::new(program)
            .args(rest)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output();
        let output = run.map_err(|e| format!("{program} cannot be run: {e}."))?;
        if !output.status.success() {
            return Err(format!("{program} ended with {}.", output.status));
        }
        of(program.to_string(), String::from_utf8_lossy(&output.stdout).into_owned())?
    };
    let former = encryption.former_env.iter().map(|name| of_variable(name)).collect::<Result<_, _>>()?;
    Ok(Keys { current: Some(current), former })
}
