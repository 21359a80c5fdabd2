//! What is done on another machine: scripts that run there, files and directories that are put there.

use super::connection::Connection;
use super::ssh::{Session, SshError, quote};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// What a script without a first line of its own is run by.
const SHEBANG: &[u8] = b"#!/bin/sh\n";

/// Deeper trees are no configuration any more.
const MOST_LEVELS: usize = 64;

/// What is to be done there.
#[derive(Clone, Debug)]
pub(super) enum Errand {
    /// Each is put there, run, and taken away.
    Scripts(Vec<Vec<u8>>),
    /// A file of this content.
    Content { content: Vec<u8>, destination: String },
    /// A copy of a file or a directory of this machine.
    Copy { source: String, destination: String },
}

/// Connects and does it.
pub(super) async fn run(
    errand: &Errand,
    connection: &Connection,
    stopped: &dyn Fn() -> bool,
    tell: &mut dyn FnMut(String),
) -> Result<(), SshError> {
    let target = &connection.target;
    tell(format!("Connecting to {}@{}:{} by SSH ...", target.user, target.host, target.port));
    let session = Session::open(connection, stopped).await?;
    tell("Connected.".into());
    let done = match errand {
        Errand::Scripts(scripts) => run_scripts(&session, connection, scripts, tell).await,
        Errand::Content { content, destination } => session.write(destination, content, "0644").await,
        Errand::Copy { source, destination } => copy(&session, source, destination).await,
    };
    session.close().await;
    done
}

async fn run_scripts(
    session: &Session,
    connection: &Connection,
    scripts: &[Vec<u8>],
    tell: &mut dyn FnMut(String),
) -> Result<(), SshError> {
    for script in scripts {
        // Two runs on one machine must not take each other's script.
        let number = Uuid::new_v4().as_u128().to_string();
        let path = connection.script_path.replace("%RAND%", &number);
        let shebang = if script.starts_with(b"#!") { &[][..] } else { SHEBANG };
        session.write(&path, &[shebang, script].concat(), "0700").await?;
        let ended = session.run(&quote(&path), tell).await;
        // The script may have ended the machine.
        let _ = session.quietly(&format!("rm -f {}", quote(&path)), "").await;
        let ended = ended?;
        match ended.status {
            Some(0) => {}
            Some(status) => {
                return Err(SshError::Failed(format!("error executing {path:?}: Process exited with status {status}")));
            }
            None if ended.complaint.is_empty() => {
                return Err(SshError::Failed(format!("error executing {path:?}: the connection broke")));
            }
            None => return Err(SshError::Failed(format!("error executing {path:?}: {}", ended.complaint))),
        }
    }
    Ok(())
}

/// A directory goes into the destination under its own name; with a slash at its end only what is in it does.
async fn copy(session: &Session, source: &str, destination: &str) -> Result<(), SshError> {
    let unreadable = |path: &Path, error: std::io::Error| SshError::Failed(format!("{}: {error}", path.display()));
    let path = PathBuf::from(source);
    if !path.is_dir() {
        let content = std::fs::read(&path).map_err(|e| unreadable(&path, e))?;
        return session.write(destination, &content, "0644").await;
    }
    let base = destination.trim_end_matches('/');
    let own = path.file_name().filter(|_| !source.ends_with('/')).map(|name| name.to_string_lossy().into_owned());
    let root = own.map_or_else(|| base.to_string(), |name| format!("{base}/{name}"));
    let mut open = vec![(path, root, 0)];
    while let Some((directory, there, level)) = open.pop() {
        if level > MOST_LEVELS {
            return Err(SshError::Failed(format!("{} lies too deep", directory.display())));
        }
        session.quietly(&format!("mkdir -p {}", quote(&there)), &format!("{there} cannot be made")).await?;
        let entries = std::fs::read_dir(&directory).map_err(|e| unreadable(&directory, e))?;
        let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(|e| unreadable(&directory, e))?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let (here, there) = (entry.path(), format!("{there}/{}", entry.file_name().to_string_lossy()));
            if here.is_dir() {
                open.push((here, there, level + 1));
            } else {
                let content = std::fs::read(&here).map_err(|e| unreadable(&here, e))?;
                session.write(&there, &content, "0644").await?;
            }
        }
    }
    Ok(())
}
