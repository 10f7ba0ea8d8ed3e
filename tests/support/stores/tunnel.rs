//! A tunnel, through which a server finds a store under the name that a recipe prints.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// A proxy that leads every connection to one address, whatever host was asked for. It lives as long as the test.
pub struct Tunnel {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    /// To `target`.
    pub fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let list = Arc::clone(&asked);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let list = Arc::clone(&list);
                std::thread::spawn(move || lead(client, target, &list));
            }
        });
        Self { address, asked }
    }

    /// As it stands in `HTTPS_PROXY`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The hosts and ports that were asked for, each once.
    pub fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        asked.sort();
        asked.dedup();
        asked
    }
}

fn lead(client: TcpStream, target: SocketAddr, asked: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let (mut line, mut first) = (String::new(), String::new());
    while reader.read_line(&mut line).ok()? > 2 {
        if first.is_empty() {
            first.clone_from(&line);
        }
        line.clear();
    }
    let host = first.split(' ').nth(1)?.to_owned();
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(host);
    let server = TcpStream::connect(target).ok()?;
    let mut to_client = client;
    to_client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    let mut to_server = server.try_clone().ok()?;
    let back = std::thread::spawn(move || pass(server, to_client));
    let buffered = reader.buffer().to_vec();
    to_server.write_all(&buffered).ok()?;
    pass(reader.into_inner(), to_server);
    let _ = back.join();
    Some(())
}

fn pass(mut from: impl Read, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
