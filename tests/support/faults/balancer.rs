//! What stands before several replicas: it sends each request to the next one, and knows nothing of what they do.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::wire::Head;

/// A round-robin proxy. It lives as long as the test.
#[derive(Clone)]
pub struct Balancer {
    address: SocketAddr,
    replicas: Arc<Vec<SocketAddr>>,
    requests: Arc<AtomicUsize>,
    failures: Arc<AtomicUsize>,
}

const BAD_GATEWAY: &[u8] = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";

impl Balancer {
    /// Before these.
    pub fn of(replicas: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let balancer =
            Self { address, replicas: Arc::new(replicas), requests: Arc::default(), failures: Arc::default() };
        let shared = balancer.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || shared.serve(client));
            }
        });
        balancer
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests have come.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// How many of them no replica has answered.
    pub fn failures(&self) -> usize {
        self.failures.load(Ordering::SeqCst)
    }

    fn serve(&self, mut client: TcpStream) -> Option<()> {
        client.set_nodelay(true).ok()?;
        let mut from_client = BufReader::new(client.try_clone().ok()?);
        loop {
            let head = Head::read(&mut from_client)?;
            let body = head.body(&mut from_client, false)?;
            let turn = self.requests.fetch_add(1, Ordering::SeqCst);
            let replica = self.replicas[turn % self.replicas.len()];
            let mut answer = match ask(replica, &head, &body) {
                Some(answer) => answer,
                None => {
                    self.failures.fetch_add(1, Ordering::SeqCst);
                    client.write_all(BAD_GATEWAY).ok()?;
                    continue;
                }
            };
            // As it comes, and no further when the replica dies in the middle of it.
            let bodiless = head.request_line().starts_with("HEAD ");
            client.write_all(&answer.0.bytes).ok()?;
            if answer.0.length().is_some_and(|bytes| bytes > 0) && !bodiless {
                let bytes = answer.0.length().unwrap_or_default() as u64;
                if std::io::copy(&mut Read::take(&mut answer.1, bytes), &mut client).ok()? < bytes {
                    self.failures.fetch_add(1, Ordering::SeqCst);
                    return None;
                }
            } else if answer.0.is_chunked() && !bodiless {
                return std::io::copy(&mut answer.1, &mut client).ok().map(drop);
            }
        }
    }
}

/// The beginning of a replica's answer; `None` when there is no replica.
fn ask(replica: SocketAddr, head: &Head, body: &[u8]) -> Option<(Head, BufReader<TcpStream>)> {
    let mut connection = BufReader::new(TcpStream::connect(replica).ok()?);
    connection.get_mut().write_all(&head.bytes).ok()?;
    connection.get_mut().write_all(body).ok()?;
    let answer = Head::read(&mut connection)?;
    Some((answer, connection))
}
