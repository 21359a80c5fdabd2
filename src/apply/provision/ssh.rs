//! A session on another machine over SSH: made with patience, used for commands and files, ended.

use super::connection::{Connection, Login};
use russh::client::{self, AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Certificate, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate, decode_secret_key};
use russh::{ChannelMsg, ChannelReadHalf, Disconnect};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The first break between two attempts; each is twice as long as the one before.
const FIRST_BREAK: Duration = Duration::from_millis(500);
/// The longest.
const LONGEST_BREAK: Duration = Duration::from_secs(10);
/// Bytes of a file that leave at once.
const PART: usize = 32 * 1024;

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum SshError {
    #[error("{0}")]
    Protocol(#[from] russh::Error),
    #[error("the key that {host} shows is not its host_key: somebody else answers there, or the machine was made anew")]
    HostKey { host: String },
    #[error("{host_key} of the connection is no public key: {why}")]
    NoKey { host_key: &'static str, why: String },
    #[error("{host} does not let {user} in; tried: {tried}")]
    Refused { host: String, user: String, tried: String },
    #[error("no connection within {within:?}: {last}")]
    TimedOut { within: Duration, last: String },
    #[error("the run was told to stop")]
    Stopped,
    #[error("{0}")]
    Failed(String),
}

impl SshError {
    /// Whether a later attempt may fare better. A machine that boots refuses everybody for a while.
    fn may_pass(&self) -> bool {
        !matches!(self, SshError::HostKey { .. } | SshError::NoKey { .. } | SshError::Stopped)
    }
}

/// Judges the key of the machine that answers.
struct Doorkeeper {
    host: String,
    wanted: Option<PublicKey>,
}

impl client::Handler for Doorkeeper {
    type Error = SshError;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, SshError> {
        let Some(wanted) = &self.wanted else { return Ok(true) };
        let matches = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => key.key_data() == wanted.key_data(),
            PublicKeyOrCertificate::Certificate(certificate) => signed_by(certificate, wanted),
        };
        if matches { Ok(true) } else { Err(SshError::HostKey { host: self.host.clone() }) }
    }
}

fn signed_by(certificate: &Certificate, by: &PublicKey) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    certificate.signature_key() == by.key_data()
        && certificate.verify_signature().is_ok()
        && (certificate.valid_after()..certificate.valid_before()).contains(&now)
}

/// A session that is let in.
pub(super) struct Session {
    handle: Handle<Doorkeeper>,
    /// Kept as long as what goes through it.
    through: Option<Handle<Doorkeeper>>,
}

/// What a command did.
pub(super) struct Ended {
    /// `None`: it was ended by a signal, or the connection broke.
    pub status: Option<u32>,
    /// What it complained of last.
    pub complaint: String,
}

impl Session {
    /// Connects, again and again until the connection's time is over or somebody wants it to end.
    pub async fn open(connection: &Connection, stopped: &dyn Fn() -> bool) -> Result<Session, SshError> {
        let until = Instant::now() + connection.timeout;
        let mut pause = FIRST_BREAK;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let attempt = tokio::time::timeout(left, Session::once(connection)).await;
            let problem = match attempt {
                Ok(Ok(session)) => return Ok(session),
                Ok(Err(problem)) => problem,
                Err(_) => SshError::Failed("the machine does not answer".into()),
            };
            if !problem.may_pass() {
                return Err(problem);
            }
            if Instant::now() + pause >= until {
                return Err(SshError::TimedOut { within: connection.timeout, last: problem.to_string() });
            }
            if stopped() {
                return Err(SshError::Stopped);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_BREAK);
        }
    }

    async fn once(connection: &Connection) -> Result<Session, SshError> {
        let target = &connection.target;
        let Some(bastion) = &connection.bastion else {
            let keeper = doorkeeper(target, "host_key")?;
            let mut handle = client::connect(settings(), (target.host.as_str(), target.port), keeper).await?;
            let_in(&mut handle, target).await?;
            return Ok(Session { handle, through: None });
        };
        let keeper = doorkeeper(bastion, "bastion_host_key")?;
        let mut through = client::connect(settings(), (bastion.host.as_str(), bastion.port), keeper).await?;
        let_in(&mut through, bastion).await?;
        let tunnel =
            through.channel_open_direct_tcpip(target.host.clone(), u32::from(target.port), "127.0.0.1", 0).await?;
        let keeper = doorkeeper(target, "host_key")?;
        let mut handle = client::connect_stream(settings(), tunnel.into_stream(), keeper).await?;
        let_in(&mut handle, target).await?;
        Ok(Session { handle, through: Some(through) })
    }

    /// Runs a command; its lines are told as they come.
    pub async fn run(&self, command: &str, tell: &mut dyn FnMut(String)) -> Result<Ended, SshError> {
        let (read, write) = self.handle.channel_open_session().await?.split();
        write.exec(true, command).await?;
        listen(read, tell).await
    }

    /// Writes a file of the other machine.
    pub async fn write(&self, path: &str, content: &[u8], mode: &str) -> Result<(), SshError> {
        let (read, write) = self.handle.channel_open_session().await?.split();
        let quoted = quote(path);
        write.exec(true, format!("cat > {quoted} && chmod {mode} {quoted}")).await?;
        let send = async {
            for part in content.chunks(PART) {
                write.data_bytes(part.to_vec()).await?;
            }
            write.eof().await
        };
        let mut silence = |_: String| {};
        let mut listening = std::pin::pin!(listen(read, &mut silence));
        // What comes back is read meanwhile; whoever ends early has a reason, and that is what is told.
        let ended = tokio::select! {
            ended = &mut listening => ended?,
            _ = send => listening.await?,
        };
        well(ended, &format!("{path} cannot be written"))
    }

    /// Runs a command that is to end well and say nothing.
    pub async fn quietly(&self, command: &str, otherwise: &str) -> Result<(), SshError> {
        well(self.run(command, &mut |_| {}).await?, otherwise)
    }

    /// Says goodbye.
    pub async fn close(self) {
        for handle in std::iter::once(self.handle).chain(self.through) {
            // Whoever has gone already need not be told.
            let _ = handle.disconnect(Disconnect::ByApplication, "", "en").await;
        }
    }
}

fn well(ended: Ended, otherwise: &str) -> Result<(), SshError> {
    match ended.status {
        Some(0) => Ok(()),
        _ if ended.complaint.is_empty() => Err(SshError::Failed(otherwise.into())),
        _ => Err(SshError::Failed(format!("{otherwise}: {}", ended.complaint))),
    }
}

fn settings() -> Arc<client::Config> {
    // A script may be silent for hours; a machine that is gone is noticed all the same.
    Arc::new(client::Config { keepalive_interval: Some(Duration::from_secs(30)), ..client::Config::default() })
}

fn doorkeeper(login: &Login, host_key: &'static str) -> Result<Doorkeeper, SshError> {
    let wanted = login.host_key.as_deref().map(public_key).transpose();
    let wanted = wanted.map_err(|why| SshError::NoKey { host_key, why })?;
    Ok(Doorkeeper { host: login.host.clone(), wanted })
}

/// A key as one line of `known_hosts` or `authorized_keys` has it.
fn public_key(text: &str) -> Result<PublicKey, String> {
    let text = text.trim();
    PublicKey::from_openssh(text).map_err(|error| error.to_string())
}

/// Proves who we are, by each means there is.
async fn let_in(handle: &mut Handle<Doorkeeper>, login: &Login) -> Result<(), SshError> {
    let mut tried = Vec::new();
    if let Some(text) = &login.private_key {
        tried.push("private_key");
        if by_key(handle, login, text).await? {
            return Ok(());
        }
    }
    if login.agent && std::env::var_os("SSH_AUTH_SOCK").is_some_and(|path| !path.is_empty()) {
        tried.push("agent");
        if by_agent(handle, login).await? {
            return Ok(());
        }
    }
    if let Some(password) = &login.password {
        tried.push("password");
        if handle.authenticate_password(&login.user, password).await?.success() {
            return Ok(());
        }
        tried.push("keyboard-interactive");
        if by_keyboard(handle, login, password).await? {
            return Ok(());
        }
    }
    if tried.is_empty() {
        tried.push("none");
        if handle.authenticate_none(&login.user).await?.success() {
            return Ok(());
        }
    }
    Err(SshError::Refused { host: login.host.clone(), user: login.user.clone(), tried: tried.join(", ") })
}

async fn by_key(handle: &mut Handle<Doorkeeper>, login: &Login, text: &str) -> Result<bool, SshError> {
    let key = decode_secret_key(text, None)
        .map_err(|error| SshError::Failed(format!("the private_key of the connection cannot be read: {error}")))?;
    let key = Arc::new(key);
    if let Some(line) = &login.certificate {
        let certificate = Certificate::from_openssh(line)
            .map_err(|error| SshError::Failed(format!("the certificate of the connection cannot be read: {error}")))?;
        return Ok(handle.authenticate_openssh_cert(&login.user, key, certificate).await?.success());
    }
    let hash = handle.best_supported_rsa_hash().await?.flatten();
    let key = PrivateKeyWithHashAlg::new(key, hash);
    Ok(handle.authenticate_publickey(&login.user, key).await?.success())
}

async fn by_agent(handle: &mut Handle<Doorkeeper>, login: &Login) -> Result<bool, SshError> {
    let failed = |error: &dyn std::fmt::Display| SshError::Failed(format!("the SSH agent: {error}"));
    let mut agent = AgentClient::connect_env().await.map_err(|e| failed(&e))?;
    let hash = handle.best_supported_rsa_hash().await?.flatten();
    for identity in agent.request_identities().await.map_err(|e| failed(&e))? {
        let AgentIdentity::PublicKey { key, comment } = identity else { continue };
        if login.agent_identity.as_deref().is_some_and(|wanted| !is_meant(wanted, &key, &comment)) {
            continue;
        }
        let hash = hash.filter(|_| key.algorithm().is_rsa());
        let answer = handle.authenticate_publickey_with(&login.user, key, hash, &mut agent).await;
        if answer.is_ok_and(|answer: AuthResult| answer.success()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a key of the agent is the one that is named, by its comment, itself, or the file of its public half.
fn is_meant(wanted: &str, key: &PublicKey, comment: &str) -> bool {
    let same = |text: &str| public_key(text).is_ok_and(|wanted| wanted.key_data() == key.key_data());
    let file = |path: String| std::fs::read_to_string(path).is_ok_and(|text| same(&text));
    wanted == comment || same(wanted) || file(format!("{wanted}.pub")) || file(wanted.to_string())
}

async fn by_keyboard(handle: &mut Handle<Doorkeeper>, login: &Login, password: &str) -> Result<bool, SshError> {
    let mut answer = handle.authenticate_keyboard_interactive_start(&login.user, None).await?;
    // A machine that never stops asking is one that does not let us in.
    for _ in 0..8 {
        answer = match answer {
            KeyboardInteractiveAuthResponse::Success => return Ok(true),
            KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => {
                let answers = prompts.iter().map(|_| password.to_string()).collect();
                handle.authenticate_keyboard_interactive_respond(answers).await?
            }
        };
    }
    Ok(false)
}

/// Hears a command out.
async fn listen(mut channel: ChannelReadHalf, tell: &mut dyn FnMut(String)) -> Result<Ended, SshError> {
    let mut ended = Ended { status: None, complaint: String::new() };
    let (mut said, mut complained) = (Lines::default(), Lines::default());
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } => said.take(&data, tell),
            ChannelMsg::ExtendedData { data, .. } => complained.take(&data, &mut |line| {
                ended.complaint.clone_from(&line);
                tell(line);
            }),
            ChannelMsg::ExitStatus { exit_status } => ended.status = Some(exit_status),
            ChannelMsg::ExitSignal { signal_name, .. } => {
                ended.complaint = format!("ended by the signal {signal_name:?}")
            }
            ChannelMsg::Failure => return Err(SshError::Failed("the machine runs no commands".into())),
            _ => {}
        }
    }
    said.end(tell);
    complained.end(&mut |line| {
        ended.complaint.clone_from(&line);
        tell(line);
    });
    Ok(ended)
}

/// Whole lines of what arrives in pieces.
#[derive(Default)]
struct Lines(Vec<u8>);

/// A line that is longer is told in parts.
const LONGEST_LINE: usize = 64 * 1024;

impl Lines {
    fn take(&mut self, bytes: &[u8], tell: &mut dyn FnMut(String)) {
        for byte in bytes {
            if *byte == b'\n' || self.0.len() >= LONGEST_LINE {
                self.end(tell);
            }
            if *byte != b'\n' {
                self.0.push(*byte);
            }
        }
    }

    fn end(&mut self, tell: &mut dyn FnMut(String)) {
        if !self.0.is_empty() {
            let line = std::mem::take(&mut self.0);
            tell(String::from_utf8_lossy(&line).trim_end_matches('\r').to_string());
        }
    }
}

/// A text as one word of a shell.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

    use super::*;

    #[test]
    fn lines_are_whole_whatever_the_pieces() {
        let mut heard = Vec::new();
        let mut lines = Lines::default();
        for piece in ["a", "b\r\nc", "\n\n", "안", "녕"] {
            lines.take(piece.as_bytes(), &mut |line| heard.push(line));
        }
        lines.end(&mut |line| heard.push(line));
        assert_eq!(heard, ["ab", "c", "안녕"]);
    }

    #[test]
    fn a_quoted_text_is_one_word() {
        let text = "it's $HOME; `x` \"y\"\n";
        let output = std::process::Command::new("sh").args(["-c", &format!("printf %s {}", quote(text))]).output();
        assert_eq!(output.unwrap().stdout, text.as_bytes());
    }
}
