//! The gRPC channel to a plugin.

use super::handshake::Address;
use hyper_util::rt::TokioIo;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use straddle_sdk::tls::SERVER_NAME;
use straddle_sdk::wire::{CONNECTION_WINDOW, STREAM_WINDOW};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Connects. `tls`: the configuration that pins the plugin's certificate; `None`: plain text.
pub(super) async fn connect(
    address: Address,
    tls: Option<Arc<rustls::ClientConfig>>,
) -> Result<Channel, tonic::transport::Error> {
    let opened = AtomicBool::new(false);
    let connector = tower::service_fn(move |_: Uri| {
        let (address, tls) = (address.clone(), tls.clone());
        // Behind a door there is a new provider each time, and the old one does not come back.
        let gone = matches!(address, Address::Inside(_)) && opened.swap(true, Ordering::Relaxed);
        async move {
            if gone {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            stream(&address, tls).await.map(TokioIo::new)
        }
    });
    // TLS is done by hand; the authority is never the socket's path.
    Endpoint::from_static("http://localhost")
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .connect_with_connector(connector)
        .await
}

async fn stream(address: &Address, tls: Option<Arc<rustls::ClientConfig>>) -> io::Result<Box<dyn Io>> {
    let raw: Box<dyn Io> = match address {
        #[cfg(unix)]
        Address::Unix(path) => Box::new(tokio::net::UnixStream::connect(path).await?),
        #[cfg(not(unix))]
        Address::Unix(_) => return Err(io::ErrorKind::Unsupported.into()),
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
        Address::Inside(door) => Box::new(door.open()),
    };
    let Some(config) = tls else { return Ok(raw) };
    let name = rustls::pki_types::ServerName::try_from(SERVER_NAME).map_err(io::Error::other)?;
    Ok(Box::new(TlsConnector::from(config).connect(name, raw).await?))
}
