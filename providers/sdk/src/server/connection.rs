//! Sockets, with and without TLS, as the stream of connections tonic serves.

use super::launch::Launch;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};

/// A peer that does not finish the TLS handshake in this time is dropped.
const TLS_DEADLINE: Duration = Duration::from_secs(10);

/// Where a server listens.
#[derive(Debug)]
pub(super) enum Listener {
    #[cfg(unix)]
    Unix {
        listener: UnixListener,
        /// Readable by this user only; removed with the server.
        dir: tempfile::TempDir,
        path: PathBuf,
    },
    Tcp {
        listener: TcpListener,
        address: SocketAddr,
    },
}

impl Listener {
    /// A socket in a private directory; a port of the loopback interface where that is not possible.
    pub(super) async fn bind(launch: &Launch) -> io::Result<Listener> {
        #[cfg(unix)]
        if let Ok(listener) = Listener::unix(launch) {
            return Ok(listener);
        }
        let listener = match &launch.ports {
            None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?,
            Some(ports) => {
                let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
                let mut bound = None;
                for port in ports.clone() {
                    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
                        Ok(listener) => {
                            bound = Some(listener);
                            break;
                        }
                        Err(e) => last = e,
                    }
                }
                bound.ok_or(last)?
            }
        };
        let address = listener.local_addr()?;
        Ok(Listener::Tcp { listener, address })
    }

    #[cfg(unix)]
    fn unix(launch: &Launch) -> io::Result<Listener> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("plugin");
        let dir = match &launch.socket_dir {
            Some(parent) => builder.tempdir_in(parent)?,
            None => builder.tempdir()?,
        };
        let path = dir.path().join("s");
        // A path with `|` would break the handshake line, one that is no text cannot be written into it.
        if path.to_str().is_none_or(|p| p.contains(['|', '\n'])) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(Listener::Unix { listener: UnixListener::bind(&path)?, dir, path })
    }

    /// Network and address as the handshake line has them.
    pub(super) fn address(&self) -> (&'static str, String) {
        match self {
            #[cfg(unix)]
            Listener::Unix { path, .. } => ("unix", path.to_string_lossy().into_owned()),
            Listener::Tcp { address, .. } => ("tcp", address.to_string()),
        }
    }

    /// The directory made for the socket.
    pub(super) fn socket_dir(&self) -> Option<PathBuf> {
        match self {
            #[cfg(unix)]
            Listener::Unix { dir, .. } => Some(dir.path().to_owned()),
            Listener::Tcp { .. } => None,
        }
    }

    async fn accept(&self) -> io::Result<Connection> {
        match self {
            #[cfg(unix)]
            Listener::Unix { listener, .. } => Ok(Connection::of(listener.accept().await?.0)),
            Listener::Tcp { listener, .. } => {
                let stream = listener.accept().await?.0;
                stream.set_nodelay(true)?;
                Ok(Connection::of(stream))
            }
        }
    }

    /// Connections, after their TLS handshake, until `stopped`.
    pub(super) fn incoming(
        self,
        acceptor: Option<TlsAcceptor>,
        mut stopped: watch::Receiver<bool>,
    ) -> ReceiverStream<io::Result<Connection>> {
        let (sender, receiver) = mpsc::channel(8);
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = self.accept() => accepted,
                    _ = stopped.wait_for(|stop| *stop) => return,
                };
                let connection = match accepted {
                    Ok(connection) => connection,
                    Err(e) => {
                        super::log(super::Level::Error, "cannot accept a connection", &[("error", &e.to_string())]);
                        // Out of descriptors, most likely: do not spin.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                };
                let (sender, acceptor) = (sender.clone(), acceptor.clone());
                tokio::spawn(async move {
                    if let Some(connection) = secured(connection, acceptor).await {
                        _ = sender.send(Ok(connection)).await;
                    }
                });
            }
        });
        ReceiverStream::new(receiver)
    }
}

async fn secured(connection: Connection, acceptor: Option<TlsAcceptor>) -> Option<Connection> {
    let Some(acceptor) = acceptor else { return Some(connection) };
    let error = match tokio::time::timeout(TLS_DEADLINE, acceptor.accept(connection)).await {
        Ok(Ok(stream)) => return Some(Connection::of(stream)),
        Ok(Err(e)) => e.to_string(),
        Err(_) => "no handshake in time".to_owned(),
    };
    super::log(super::Level::Error, "connection refused", &[("error", &error)]);
    None
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// One connection.
pub(super) struct Connection {
    stream: Box<dyn Io>,
    /// Dropped with it.
    _open: Option<oneshot::Sender<()>>,
}

impl Connection {
    fn of(stream: impl Io + 'static) -> Connection {
        Connection { stream: Box::new(stream), _open: None }
    }
}

/// A single connection and none after it, and its end.
pub(super) fn alone(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> (impl Stream<Item = io::Result<Connection>>, oneshot::Receiver<()>) {
    let (open, hung_up) = oneshot::channel();
    let connection = Connection { stream: Box::new(stream), _open: Some(open) };
    (tokio_stream::once(Ok(connection)).chain(tokio_stream::pending()), hung_up)
}

impl tonic::transport::server::Connected for Connection {
    type ConnectInfo = ();
    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
