//! A receiver of webhooks: a real HTTP server that keeps what it gets and answers as a test wants.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::http::PATIENCE;

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Post {
    pub request_line: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Post {
    /// Every header of this name, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// `action repository tag-or-digest` of the one event in it.
    pub fn event(&self) -> String {
        let json = self.json();
        let events = json["events"].as_array().expect("events");
        assert_eq!(events.len(), 1, "one event per request: {json}");
        let target = &events[0]["target"];
        let name = if target["tag"].is_string() { &target["tag"] } else { &target["digest"] };
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        format!("{} {} {}", text(&events[0]["action"]), text(&target["repository"]), text(name))
    }
}

/// What to answer; `None` is silence until the client goes away.
pub type Answer = Option<&'static str>;

pub const OK: Answer = Some("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");

/// A listening receiver; ends with the process.
pub struct Receiver {
    address: SocketAddr,
    posts: mpsc::Receiver<Post>,
}

impl Receiver {
    /// Answers everything with 200.
    pub fn start() -> Self {
        Self::answering(|_| OK)
    }

    /// Answers the n-th request, counted from 0, by `answer`.
    pub fn answering(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        Self::on(listener, answer)
    }

    pub fn on(listener: TcpListener, answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().expect("an address");
        let (sender, posts) = mpsc::channel();
        let answer = Arc::new((AtomicUsize::new(0), answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (sender, answer) = (sender.clone(), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let number = || answer.0.fetch_add(1, Ordering::Relaxed);
                    let _ = converse(&stream, &sender, &|| (answer.1)(number()));
                });
            }
        });
        Self { address, posts }
    }

    /// Where it listens, with a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next request.
    #[track_caller]
    pub fn next(&self) -> Post {
        self.posts.recv_timeout(PATIENCE).expect("a webhook is posted")
    }

    /// Everything that has arrived, for tests that know when all has.
    pub fn arrived(&self) -> Vec<Post> {
        self.posts.try_iter().collect()
    }
}

fn converse(mut stream: &TcpStream, posts: &mpsc::Sender<Post>, answer: &dyn Fn() -> Answer) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut request_line = String::new();
        if reader.read_line(&mut request_line)? == 0 {
            return Ok(());
        }
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length").map_or("0", |(_, value)| value);
        let mut body = vec![0; length.parse().map_err(std::io::Error::other)?];
        reader.read_exact(&mut body)?;
        let body = String::from_utf8_lossy(&body).into_owned();
        let answer = answer();
        let _ = posts.send(Post { request_line: request_line.trim_end().to_owned(), headers, body });
        match answer {
            Some(text) => stream.write_all(text.as_bytes())?,
            None => {
                // Until the client closes.
                stream.set_read_timeout(Some(Duration::from_secs(60)))?;
                let _ = reader.read(&mut [0]);
                return Ok(());
            }
        }
    }
}
