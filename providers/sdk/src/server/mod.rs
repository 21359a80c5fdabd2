//! Serves a [`Provider`] to Terraform, OpenTofu and straddle: tfplugin6, straddle's extension, and the launch rules of go-plugin.
//!
//! A provider's binary is one line: `fn main() -> ExitCode { straddle_sdk::server::main(MyProvider::new()) }`.

mod connection;
mod control;
mod core;
mod extension;
mod helper;
mod launch;
mod log;
mod service;

pub use launch::{CONTROL_ENV, COOKIE, COOKIE_ENV, Launch, LaunchError};
pub use log::{Level, log};

use crate::proto::extension::extension_server::ExtensionServer;
use crate::proto::grpc::health::v1::health_server::HealthServer;
use crate::proto::plugin::grpc_controller_server::GrpcControllerServer;
use crate::proto::plugin::grpc_stdio_server::GrpcStdioServer;
use crate::proto::tfplugin6::provider_server::ProviderServer;
use crate::provider::Provider;
use crate::tls::TlsError;
use crate::wire::{CONNECTION_WINDOW, MAX_MESSAGE, STREAM_WINDOW};
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tonic::transport::server::Router;

/// A service with the message limits of the protocol.
macro_rules! limited {
    ($service:expr) => {
        $service.max_decoding_message_size(MAX_MESSAGE).max_encoding_message_size(MAX_MESSAGE)
    };
}

/// How long running calls may take to end once the server is told to.
const GRACE: Duration = Duration::from_secs(1);

/// Why a server could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The environment is not that of a plugin.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// No socket could be bound, or the handshake line not be written.
    #[error("the plugin cannot be reached: {0}")]
    Io(#[from] std::io::Error),
    /// The secure channel could not be prepared.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The server broke off.
    #[error("the server broke off: {0}")]
    Transport(#[from] tonic::transport::Error),
}

/// The whole `main` of a provider's binary: serves until the caller says shutdown or is gone.
pub fn main<P: Provider>(provider: P) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return fail(&ServeError::Io(e)),
    };
    let result = runtime.block_on(serve(provider));
    // Handlers that hang must not keep the process alive.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => fail(&e),
    }
}

fn fail(error: &ServeError) -> ExitCode {
    // Nobody else is there to tell.
    _ = writeln!(std::io::stderr(), "{error}");
    ExitCode::FAILURE
}

/// Serves as the environment says: checks the cookie, prints the handshake line on standard output, ends when told to.
pub async fn serve<P: Provider>(provider: P) -> Result<(), ServeError> {
    let launch = Launch::from_env()?;
    control::ignore_interrupts();
    let server = Server::bind(&launch).await?;
    if launch.control {
        control::end_with_the_pipe(server.socket_dir());
    }
    let mut out = std::io::stdout();
    writeln!(out, "{}", server.handshake())?;
    out.flush()?;
    server.run(provider).await
}

/// Serves one caller over a stream that is open already, in plain text, until it hangs up or says shutdown: for a program that is
/// both the provider and its caller.
pub async fn serve_stream<P: Provider>(
    provider: P,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<(), ServeError> {
    let (stop, mut stopped) = watch::channel(false);
    let router = services(provider, &stop);
    let (incoming, hung_up) = connection::alone(stream);
    let over = async move {
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => {}
            _ = hung_up => {}
        }
    };
    Ok(router.serve_with_incoming_shutdown(incoming, over).await?)
}

/// Every service of a plugin. Who says shutdown sets `stop`.
fn services<P: Provider>(provider: P, stop: &watch::Sender<bool>) -> Router {
    let core = Arc::new(core::Core::new(Arc::new(provider)));
    tonic::transport::Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(1 << 16)
        .add_service(limited!(ProviderServer::new(service::Service(core.clone()))))
        .add_service(limited!(ExtensionServer::new(extension::Extension(core))))
        .add_service(GrpcControllerServer::new(helper::Controller(stop.clone())))
        .add_service(GrpcStdioServer::new(helper::Stdio(stop.subscribe())))
        .add_service(HealthServer::new(helper::Health))
}

/// A server that is bound and not yet running.
pub struct Server {
    listener: connection::Listener,
    acceptor: Option<tokio_rustls::TlsAcceptor>,
    handshake: String,
}

impl Server {
    /// Binds a socket and makes the certificate.
    pub async fn bind(launch: &Launch) -> Result<Server, ServeError> {
        let (certificate, acceptor) = match &launch.client_certificate {
            Some(pem) => {
                let identity = crate::tls::Identity::generate()?;
                let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(identity.server(pem)?));
                (launch::unpadded_base64(identity.der()), Some(acceptor))
            }
            None => (String::new(), None),
        };
        let listener = connection::Listener::bind(launch).await?;
        let (network, address) = listener.address();
        let handshake = format!("1|6|{network}|{address}|grpc|{certificate}");
        Ok(Server { listener, acceptor, handshake })
    }

    /// The line that tells a caller where and how to connect, without its end.
    pub fn handshake(&self) -> &str {
        &self.handshake
    }

    /// The directory made for the socket, if there is one.
    fn socket_dir(&self) -> Option<std::path::PathBuf> {
        self.listener.socket_dir()
    }

    /// Serves until a caller says shutdown. Running calls then have a second to end.
    pub async fn run<P: Provider>(self, provider: P) -> Result<(), ServeError> {
        let (stop, stopped) = watch::channel(false);
        let router = services(provider, &stop);
        let incoming = self.listener.incoming(self.acceptor.clone(), stopped.clone());
        let mut told = stopped.clone();
        let served = router.serve_with_incoming_shutdown(incoming, async move {
            _ = told.wait_for(|stop| *stop).await;
        });
        let mut told = stopped;
        let overdue = async move {
            _ = told.wait_for(|stop| *stop).await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            result = served => Ok(result?),
            () = overdue => Ok(()),
        }
    }
}
