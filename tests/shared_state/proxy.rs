//! A line to a server that can be cut: before a request goes through, or after it went and before its answer comes back.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// What happens to the next bytes that pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Cut {
    Nothing = 0,
    /// The next request is lost.
    Request = 1,
    /// The next request arrives; its answer is lost.
    Answer = 2,
    /// Until told otherwise nothing gets through, in any direction.
    Everything = 3,
    /// Until told otherwise requests arrive and answers are lost.
    Answers = 4,
}

impl Cut {
    fn of(n: u8) -> Cut {
        [Cut::Nothing, Cut::Request, Cut::Answer, Cut::Everything, Cut::Answers][usize::from(n)]
    }
}

pub struct Proxy {
    pub address: SocketAddr,
    cut: Arc<AtomicU8>,
    pub cuts: Arc<AtomicUsize>,
}

impl Proxy {
    pub fn to(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, cuts) = (Arc::new(AtomicU8::new(0)), Arc::new(AtomicUsize::new(0)));
        let (ours, counted) = (cut.clone(), cuts.clone());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let (cut, cuts) = (ours.clone(), counted.clone());
                std::thread::spawn(move || {
                    // A line that breaks is what this is for.
                    let _ = carry(client, server, &cut, &cuts);
                });
            }
        });
        Proxy { address, cut, cuts }
    }

    pub fn set(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
    }
}

/// Whether this is the moment; a single cut is used up by it.
fn now(cut: &AtomicU8, once: Cut, always: &[Cut]) -> bool {
    if always.contains(&Cut::of(cut.load(Ordering::SeqCst))) {
        return true;
    }
    cut.compare_exchange(once as u8, Cut::Nothing as u8, Ordering::SeqCst, Ordering::SeqCst).is_ok()
}

fn carry(client: TcpStream, server: SocketAddr, cut: &Arc<AtomicU8>, cuts: &Arc<AtomicUsize>) -> std::io::Result<()> {
    let upstream = TcpStream::connect(server)?;
    let (mut from, mut to) = (client.try_clone()?, upstream.try_clone()?);
    let (theirs, counted) = (cut.clone(), cuts.clone());
    let back = std::thread::spawn(move || {
        let (mut from, mut to) = (upstream, client);
        let mut bytes = [0u8; 65_536];
        while let Ok(n @ 1..) = from.read(&mut bytes) {
            if now(&theirs, Cut::Answer, &[Cut::Answers, Cut::Everything]) {
                counted.fetch_add(1, Ordering::SeqCst);
                break;
            }
            if to.write_all(&bytes[..n]).is_err() {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    });
    let mut bytes = [0u8; 65_536];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        if now(cut, Cut::Request, &[Cut::Everything]) {
            cuts.fetch_add(1, Ordering::SeqCst);
            break;
        }
        if to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    let _ = back.join();
    Ok(())
}
