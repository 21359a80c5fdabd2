//! A server of files in memory, over TLS, for one test.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What is at a path: status, headers, bytes.
#[derive(Clone, Default)]
pub struct Page {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub bytes: Vec<u8>,
}

/// A server; it ends when it is dropped.
pub struct Server {
    address: SocketAddr,
    pages: Arc<Mutex<BTreeMap<String, Page>>>,
    asked: Arc<Mutex<Vec<String>>>,
    /// The authority that vouches for it.
    pub authority: PathBuf,
    _dir: tempfile::TempDir,
}

impl Server {
    pub fn start() -> Server {
        let authority_key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "the authority of this test");
        let authority = parameters.self_signed(&authority_key).unwrap();
        let issuer = rcgen::Issuer::new(parameters, authority_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let own =
            rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("authority.pem");
        std::fs::write(&path, authority.pem()).unwrap();

        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let pages: Arc<Mutex<BTreeMap<String, Page>>> = Arc::default();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (shared, log, config) = (pages.clone(), asked.clone(), Arc::new(config));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (pages, log, config) = (shared.clone(), log.clone(), config.clone());
                std::thread::spawn(move || {
                    // A client that breaks off is its own affair.
                    _ = serve(stream, config, &pages, &log);
                });
            }
        });
        Server { address, pages, asked, authority: path, _dir: dir }
    }

    /// `localhost:PORT`.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.host())
    }

    pub fn put(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        let page = Page { status: 200, headers: Vec::new(), bytes: bytes.into() };
        self.page(path, page);
    }

    pub fn json(&self, path: &str, value: &serde_json::Value) {
        self.put(path, value.to_string());
    }

    pub fn page(&self, path: &str, page: Page) {
        self.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    /// Everything in a directory.
    pub fn tree(&self, prefix: &str, dir: &Path) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{prefix}/{}", entry.file_name().to_str().unwrap());
            match entry.path().is_dir() {
                true => self.tree(&path, &entry.path()),
                false => self.put(&path, std::fs::read(entry.path()).unwrap()),
            }
        }
    }

    /// The paths asked for so far, and what authorised it.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(
    stream: TcpStream,
    config: Arc<rustls::ServerConfig>,
    pages: &Mutex<BTreeMap<String, Page>>,
    log: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let connection = rustls::ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut tls = BufReader::new(rustls::StreamOwned::new(connection, stream));
    let mut line = String::new();
    tls.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
    let mut authorization = String::new();
    loop {
        let mut header = String::new();
        tls.read_line(&mut header)?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(("authorization", value)) =
            header.trim().split_once(": ").map(|(n, v)| (n.to_lowercase(), v)).as_ref().map(|(n, v)| (n.as_str(), *v))
        {
            authorization = format!(" {value}");
        }
    }
    log.lock().unwrap().push(format!("{path}{authorization}"));
    let found = pages.lock().unwrap().get(&path).cloned();
    let page = found.unwrap_or_else(|| Page { status: 404, headers: Vec::new(), bytes: b"nothing here".to_vec() });
    let kind = match path.rsplit('.').next() {
        Some("zip") => "application/zip",
        Some("html") => "text/html",
        _ => "application/json",
    };
    let mut head = format!(
        "HTTP/1.1 {} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n",
        page.status,
        page.bytes.len()
    );
    page.headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    let tls = tls.get_mut();
    tls.write_all(head.as_bytes())?;
    tls.write_all(b"\r\n")?;
    tls.write_all(&page.bytes)?;
    tls.conn.send_close_notify();
    tls.flush()?;
    tls.sock.shutdown(Shutdown::Write)
}
