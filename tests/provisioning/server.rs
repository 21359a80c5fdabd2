//! A machine to be provisioned: an SSH server on 127.0.0.1 that runs commands with `sh` on this very machine.

use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{PrivateKey, PublicKey};
use russh::server::{self, Auth, ChannelOpenHandle, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelMsg};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

/// What lets in by word.
pub const PASSWORD: &str = "open sesame";

/// A running server, ended with this.
pub struct Server {
    pub port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    _runtime: tokio::runtime::Runtime,
}

/// A key that is always the same.
pub fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

/// In the text of a file.
pub fn key_text(seed: u8) -> String {
    key(seed).to_openssh(Default::default()).unwrap().to_string()
}

/// The line of the public half.
pub fn public(seed: u8) -> String {
    key(seed).public_key().to_openssh().unwrap()
}

impl Server {
    /// Shows the key 1 and lets in the user `somebody` with the key 2, or with the password.
    pub fn start() -> Server {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let config = Arc::new(server::Config {
            keys: vec![key(1)],
            auth_rejection_time: std::time::Duration::ZERO,
            auth_rejection_time_initial: Some(std::time::Duration::ZERO),
            ..Default::default()
        });
        let heard = seen.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let guest = Guest { seen: heard.clone(), allowed: key(2).public_key().clone() };
                let config = config.clone();
                tokio::spawn(async move {
                    if let Ok(session) = server::run_stream(config, stream, guest).await {
                        let _ = session.await;
                    }
                });
            }
        });
        Server { port, seen, _runtime: runtime }
    }

    /// How guests came in and where they went on to, since this was asked last.
    pub fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

struct Guest {
    seen: Arc<Mutex<Vec<String>>>,
    allowed: PublicKey,
}

impl Guest {
    fn judged(&self, how: &str, ok: bool) -> Auth {
        if ok {
            self.seen.lock().unwrap().push(how.to_string());
            Auth::Accept
        } else {
            Auth::reject()
        }
    }
}

impl server::Handler for Guest {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        Ok(self.judged("password", user == "somebody" && password == PASSWORD))
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let allowed = key.public_key.key_data() == self.allowed.key_data();
        Ok(self.judged("key", user == "somebody" && allowed))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        tokio::spawn(serve(channel));
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "the shape of the protocol")]
    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _from: &str,
        _from_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.seen.lock().unwrap().push(format!("on to {host}"));
        let mut stream = TcpStream::connect((host, port as u16)).await?;
        reply.accept().await;
        tokio::spawn(async move {
            let mut channel = channel.into_stream();
            let _ = tokio::io::copy_bidirectional(&mut channel, &mut stream).await;
        });
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "the shape of the protocol")]
    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(russh::Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn exec_request(&mut self, channel: ChannelId, _: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }
}

/// Runs the command of a channel: what is sent goes to it, what it says comes back.
async fn serve(mut channel: Channel<Msg>) {
    let mut input = None;
    let mut child = None;
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Exec { command, .. } => {
                let text = String::from_utf8(command).unwrap();
                let mut started = Command::new("sh")
                    .args(["-c", &text])
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .kill_on_drop(true)
                    .spawn()
                    .unwrap();
                input = started.stdin.take();
                child = Some(started);
                // A command that is fed ends when its input does; others end by themselves.
                if !text.contains("cat >") {
                    break;
                }
            }
            ChannelMsg::Data { data } => {
                if let Some(input) = &mut input {
                    let _ = input.write_all(&data).await;
                    let _ = input.flush().await;
                }
            }
            ChannelMsg::Eof => break,
            _ => {}
        }
    }
    drop(input);
    let Some(child) = child else { return };
    let Ok(output) = child.wait_with_output().await else { return };
    let _ = channel.data_bytes(output.stdout).await;
    let _ = channel.extended_data_bytes(1, output.stderr).await;
    let _ = channel.exit_status(output.status.code().unwrap_or(255) as u32).await;
    let _ = channel.eof().await;
    let _ = channel.close().await;
}
