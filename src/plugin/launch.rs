//! Starting a provider: environment, handshake, secure channel, schemas.

use super::cache::{self, Cache, Offers};
use super::call::CallError;
use super::channel;
use super::discover::Found;
use super::extension::Extension;
use super::guard::Guard;
use super::handshake::{Handshake, HandshakeError};
use super::process::{Process, first_line};
use super::protocol::{Major, OFFERED, Protocol};
use super::reattach::Reattach;
use super::schemas::ProviderSchemas;
use super::session::{Inner, Plugin};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use straddle_sdk::proto::tfplugin6 as pb;
use straddle_sdk::proto::tfplugin6::get_resource_identity_schemas::Request as IdentitiesRequest;
use straddle_sdk::server::{CONTROL_ENV, COOKIE, COOKIE_ENV};
use straddle_sdk::tls::{Identity, TlsError};
use tokio::process::Command;
use tokio::sync::Mutex;
use tonic::transport::Channel;

/// How providers are started and called.
#[derive(Clone, Debug)]
pub struct Settings {
    /// From the start of the process to its schemas; default 60 s.
    pub start_timeout: Duration,
    /// How long a single call may take (in a bulk call: how long nothing may come); default: as long as it takes.
    pub call_timeout: Option<Duration>,
    /// How many calls of one provider run at the same time where it has no bulk calls; default 10.
    pub parallelism: usize,
    /// Whether answers may put objects off.
    pub deferral: bool,
    /// Whether to use straddle's extension where it is served; default: yes.
    pub extension: bool,
    /// Every plugin's working directory; default: ours.
    pub working_dir: Option<PathBuf>,
    /// This program, which run a second time ends what we leave when we are killed ([`super::guard::GUARD_ENV`]); default: none.
    pub guard: Option<PathBuf>,
    /// Where schemas are kept from one run to the next; default: nowhere.
    pub cache: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            start_timeout: Duration::from_secs(60),
            call_timeout: None,
            parallelism: 10,
            deferral: false,
            extension: true,
            working_dir: None,
            guard: None,
            cache: None,
        }
    }
}

/// Why a provider could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The executable could not be run.
    #[error("{provider} cannot be started ({program}): {error}")]
    Spawn {
        /// Which provider.
        provider: Arc<str>,
        /// The executable.
        program: String,
        /// Why.
        error: std::io::Error,
    },
    /// It ended before it said where it listens.
    #[error("{provider} did not start: {words}")]
    Died {
        /// Which provider.
        provider: Arc<str>,
        /// How it ended and what it wrote.
        words: String,
    },
    /// It said nothing in time.
    #[error("{provider} did not start within {timeout:?}: {words}")]
    Timeout {
        /// Which provider.
        provider: Arc<str>,
        /// The time it had.
        timeout: Duration,
        /// Whether it still runs and what it wrote.
        words: String,
    },
    /// What it said is not what a plugin says.
    #[error("{provider} is not a provider that can be used: {error}")]
    Handshake {
        /// Which provider.
        provider: Arc<str>,
        /// What is wrong.
        error: HandshakeError,
    },
    /// It speaks another version of the protocol.
    #[error("{provider} speaks plugin protocol {found}; straddle speaks 5 and 6")]
    Protocol {
        /// Which provider.
        provider: Arc<str>,
        /// What it speaks.
        found: u32,
    },
    /// No secure channel could be opened: it is not the process that was started, or it broke off.
    #[error("no channel to {provider}: {reason}")]
    Connect {
        /// Which provider.
        provider: Arc<str>,
        /// Why.
        reason: String,
    },
    /// Our side of the secure channel could not be prepared.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The directory for its socket could not be made.
    #[error("no directory for the socket of {provider} can be made: {error}")]
    SocketDir {
        /// Which provider.
        provider: Arc<str>,
        /// Why.
        error: std::io::Error,
    },
    /// It did not tell its schemas.
    #[error(transparent)]
    Schema(#[from] CallError),
}

/// Starts providers. One for a whole run: its certificate is made once.
#[derive(Clone, Debug)]
pub struct Launcher {
    settings: Settings,
    identity: Arc<Identity>,
    /// Started with the first provider.
    guard: Arc<OnceLock<Guard>>,
}

impl Launcher {
    /// Prepares; makes the certificate that plugins know us by.
    pub fn new(settings: Settings) -> Result<Launcher, LaunchError> {
        Ok(Launcher { settings, identity: Arc::new(Identity::generate()?), guard: Arc::default() })
    }

    /// What a provider offers, if that is known from an earlier run of the same executable.
    pub fn known(&self, name: &str, found: &Found) -> Option<Arc<ProviderSchemas>> {
        let (schema, identities) = cache::load(&self.place(found)?)?;
        schemas(&name.into(), &schema, identities.as_ref()).ok().map(Arc::new)
    }

    /// The file for a provider's schemas. One that is built in tells them fast.
    fn place(&self, found: &Found) -> Option<PathBuf> {
        let cache = Cache::new(self.settings.cache.clone()?);
        match found {
            Found::Program { program, serve: None, .. } => cache.place(program),
            _ => None,
        }
    }

    /// Starts (or reattaches to) a provider and asks for its schemas. `name` is what messages call it: its source address.
    pub async fn start(&self, name: &str, found: &Found) -> Result<Plugin, LaunchError> {
        let provider: Arc<str> = name.into();
        let timeout = self.settings.start_timeout;
        let deadline = tokio::time::Instant::now() + timeout;
        let (line, process) = match found {
            Found::Reattach(reattach) => (self.reattach(&provider, reattach, deadline).await?, None),
            Found::Program { program, args0, serve } => {
                let mut command = Command::new(program);
                #[cfg(unix)]
                if let Some(name) = args0 {
                    command.arg0(name);
                }
                #[cfg(not(unix))]
                let _ = args0;
                if let Some(serve) = serve {
                    command.env(super::discover::SERVE_ENV, serve);
                } else {
                    command.env_remove(super::discover::SERVE_ENV);
                }
                let (line, process) = self.spawn(&provider, command, deadline).await?;
                (line, Some(process))
            }
        };
        self.session(provider, line, process, deadline, self.place(found)).await
    }

    /// The process and the channel to it.
    async fn spawn(
        &self,
        provider: &Arc<str>,
        mut command: Command,
        deadline: tokio::time::Instant,
    ) -> Result<(Line, Process), LaunchError> {
        let sockets = tempfile::Builder::new().prefix("straddle").tempdir();
        let sockets = sockets.map_err(|error| LaunchError::SocketDir { provider: provider.clone(), error })?;
        command
            .env(COOKIE_ENV, COOKIE)
            .env("PLUGIN_PROTOCOL_VERSIONS", OFFERED)
            .env("PLUGIN_MIN_PORT", "10000")
            .env("PLUGIN_MAX_PORT", "25000")
            .env("PLUGIN_CLIENT_CERT", self.identity.pem())
            .env("PLUGIN_UNIX_SOCKET_DIR", sockets.path())
            .env_remove("PLUGIN_UNIX_SOCKET_GROUP")
            .env_remove("PLUGIN_MULTIPLEX_GRPC")
            .env(CONTROL_ENV, "stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(dir) = &self.settings.working_dir {
            command.current_dir(dir);
        }
        let mut child = command.spawn().map_err(|error| LaunchError::Spawn {
            provider: provider.clone(),
            program: command.as_std().get_program().to_string_lossy().into_owned(),
            error,
        })?;
        let stdout = child.stdout.take();
        let guard = self.guard.get_or_init(|| match &self.settings.guard {
            Some(program) => Guard::start(program),
            None => Guard::default(),
        });
        let process = Process::watch(child, sockets, guard.clone());
        let line = async {
            match stdout {
                Some(stdout) => first_line(stdout).await,
                None => None,
            }
        };
        let line = match tokio::time::timeout_at(deadline, line).await {
            Ok(Some(line)) => line,
            Ok(None) => {
                let words = process.post_mortem().await;
                process.kill().await;
                return Err(LaunchError::Died { provider: provider.clone(), words });
            }
            Err(_) => {
                let words = process.post_mortem().await;
                process.kill().await;
                let timeout = self.settings.start_timeout;
                return Err(LaunchError::Timeout { provider: provider.clone(), timeout, words });
            }
        };
        match self.greet(provider, &line, deadline).await {
            Ok(line) => Ok((line, process)),
            Err(LaunchError::Connect { provider, reason }) => {
                let words = process.post_mortem().await;
                process.kill().await;
                Err(LaunchError::Connect { provider, reason: format!("{reason}; {words}") })
            }
            Err(error) => {
                process.kill().await;
                Err(error)
            }
        }
    }

    /// The channel that a handshake line leads to.
    async fn greet(
        &self,
        provider: &Arc<str>,
        line: &str,
        deadline: tokio::time::Instant,
    ) -> Result<Line, LaunchError> {
        let handshake =
            Handshake::parse(line).map_err(|error| LaunchError::Handshake { provider: provider.clone(), error })?;
        let major = major(provider, handshake.protocol)?;
        let tls = match &handshake.certificate {
            Some(der) => Some(Arc::new(self.identity.client(der)?)),
            // An answer without a certificate to a caller that sent one: whoever listens there could be anybody.
            None => {
                let reason = "it offers no certificate".to_owned();
                return Err(LaunchError::Connect { provider: provider.clone(), reason });
            }
        };
        let channel = connect(provider, channel::connect(handshake.address, tls), deadline).await?;
        Ok(Line { major, channel })
    }

    async fn reattach(
        &self,
        provider: &Arc<str>,
        reattach: &Reattach,
        deadline: tokio::time::Instant,
    ) -> Result<Line, LaunchError> {
        let major = major(provider, reattach.protocol)?;
        let channel = connect(provider, channel::connect(reattach.address.clone(), None), deadline).await?;
        Ok(Line { major, channel })
    }

    /// Asks what there is to know before the first call: schemas, identities, and whether the extension is served.
    async fn session(
        &self,
        provider: Arc<str>,
        line: Line,
        process: Option<Process>,
        deadline: tokio::time::Instant,
        place: Option<PathBuf>,
    ) -> Result<Plugin, LaunchError> {
        let Line { major, channel } = line;
        if process.is_some() {
            tokio::spawn(drain_stdio(channel.clone()));
        }
        let pid = process.as_ref().and_then(Process::pid);
        let mut inner = Inner {
            provider: provider.clone(),
            protocol: Protocol::new(major, channel.clone()),
            extension: None,
            local: None,
            schemas: Arc::new(ProviderSchemas::none()),
            controller: process.is_some().then(|| channel.clone()),
            process: Mutex::new(process),
            pid,
            deadline: Some(deadline.saturating_duration_since(tokio::time::Instant::now())),
            parallelism: self.settings.parallelism,
            deferral: self.settings.deferral,
        };
        let kept = place.as_deref().and_then(cache::load);
        let asked = tokio::join!(
            async {
                match kept {
                    Some(offers) => Ok((offers, true)),
                    None => Ok((inner.offers().await?, false)),
                }
            },
            inner.call("capabilities", async {
                if self.settings.extension { Extension::find(channel).await } else { Ok(None) }
            }),
        );
        let result = match asked {
            (Ok(offers), Ok(extension)) => Ok((offers, extension)),
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        let result = result.and_then(|((offers, kept), extension)| {
            let schemas = schemas(&provider, &offers.0, offers.1.as_ref())?;
            if let Some(place) = place.filter(|_| schemas.cacheable && !kept) {
                cache::store(&place, &offers);
            }
            Ok((schemas, extension))
        });
        match result {
            Ok((schemas, extension)) => {
                inner.schemas = Arc::new(schemas);
                inner.extension = extension;
                inner.deadline = self.settings.call_timeout;
                Ok(Plugin { inner: Arc::new(inner) })
            }
            Err(error) => {
                if let Some(process) = inner.process.get_mut().take() {
                    process.kill().await;
                }
                Err(error.into())
            }
        }
    }
}

impl Inner {
    /// Asks for schemas and identities, side by side.
    async fn offers(&self) -> Result<Offers, CallError> {
        let asked = tokio::join!(
            self.call("schema", self.protocol.schema()),
            self.call("identity schemas", self.protocol.identities(IdentitiesRequest {})),
        );
        match asked {
            (Ok(schema), Ok(identities)) => Ok((schema, Some(identities))),
            (Ok(schema), Err(CallError::NotServed { .. })) => Ok((schema, None)),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }
}

/// An open connection and what is spoken on it.
struct Line {
    major: Major,
    channel: Channel,
}

fn major(provider: &Arc<str>, number: u32) -> Result<Major, LaunchError> {
    Major::of(number).ok_or_else(|| LaunchError::Protocol { provider: provider.clone(), found: number })
}

fn schemas(
    provider: &Arc<str>,
    answer: &pb::get_provider_schema::Response,
    identities: Option<&pb::get_resource_identity_schemas::Response>,
) -> Result<ProviderSchemas, CallError> {
    super::check::told(provider, &answer.diagnostics)?;
    if let Some(identities) = identities {
        super::check::told(provider, &identities.diagnostics)?;
    }
    ProviderSchemas::read(answer, identities).map_err(|e| CallError::Broken {
        provider: provider.clone(),
        call: "schema",
        what: e.to_string(),
    })
}

async fn connect(
    provider: &Arc<str>,
    channel: impl Future<Output = Result<Channel, tonic::transport::Error>>,
    deadline: tokio::time::Instant,
) -> Result<Channel, LaunchError> {
    let failed = |reason: String| LaunchError::Connect { provider: provider.clone(), reason };
    match tokio::time::timeout_at(deadline, channel).await {
        Ok(Ok(channel)) => Ok(channel),
        Ok(Err(error)) => {
            let mut reason = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                reason = format!("{reason}: {error}");
                cause = error.source();
            }
            Err(failed(reason))
        }
        Err(_) => Err(failed("it does not accept connections".to_owned())),
    }
}

/// What a provider prints after the handshake comes this way; unread it would block the provider.
async fn drain_stdio(channel: Channel) {
    use straddle_sdk::proto::plugin::grpc_stdio_client::GrpcStdioClient;
    // Not served by every plugin; then there is nothing to drain.
    let Ok(stream) = GrpcStdioClient::new(channel).stream_stdio(()).await else { return };
    let mut stream = stream.into_inner();
    while let Ok(Some(_)) = stream.message().await {}
}
