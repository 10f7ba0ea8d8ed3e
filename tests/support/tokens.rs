//! A double of what gives out credentials: token services and the metadata services of machines. What it answers is the test's; it
//! keeps what it was asked, and can be away for a while.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What it was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Method and target.
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// How many credentials it has given before.
    pub number: usize,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

/// A credential's name and its end; it stands in an answer somewhere.
#[derive(Clone, Debug)]
pub struct Given {
    pub token: String,
    pub ends: SystemTime,
}

impl Given {
    /// The n-th one of a service, which lives so long.
    pub fn new(number: usize, life: Duration) -> Self {
        Self { token: format!("session-token-{number}"), ends: SystemTime::now() + life }
    }

    /// As services of Amazon's kind write a time.
    pub fn ends_text(&self) -> String {
        let ends = jiff::Timestamp::try_from(self.ends).expect("a time");
        ends.strftime("%Y-%m-%dT%H:%M:%S%.fZ").to_string()
    }

    /// In seconds since 1970.
    pub fn ends_unix(&self) -> u64 {
        self.ends.duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
    }
}

/// What it answers: a body, and the credential in it if there is one.
pub type Answer = Result<(String, Option<Given>), u16>;

#[derive(Default)]
struct State {
    asked: Vec<Asked>,
    given: Vec<Given>,
}

/// The service; ends with the process.
#[derive(Clone)]
pub struct TokenService {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    away: Arc<AtomicBool>,
}

impl TokenService {
    pub fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let service = Self { address, state: Arc::default(), away: Arc::default() };
        let (shared, answer) = (service.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, answer) = (shared.clone(), Arc::clone(&answer));
                std::thread::spawn(move || shared.converse(stream, answer.as_ref()));
            }
        });
        service
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on it answers 503, or does what it should again.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that it was asked.
    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// How many credentials it has given.
    pub fn given(&self) -> usize {
        self.state().given.len()
    }

    /// Those that it has given.
    pub fn tokens(&self) -> Vec<String> {
        self.state().given.iter().map(|given| given.token.clone()).collect()
    }

    /// From now on nothing that it has given so far is good, whenever that was to end.
    pub fn revoke(&self) {
        self.state().given.iter_mut().for_each(|given| given.ends = SystemTime::UNIX_EPOCH);
    }

    /// Whether it has given this one, and it is still good.
    pub fn is_good(&self, token: &str) -> bool {
        let now = SystemTime::now();
        self.state().given.iter().any(|given| given.token == token && given.ends > now)
    }

    fn converse(&self, mut stream: TcpStream, answer: &dyn Fn(&Asked) -> Answer) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.rsplit_once(' ')?.0.to_owned();
        let mut headers = Vec::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length").map_or("0", |(_, value)| value);
        let mut body = vec![0; length.parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        let body = String::from_utf8_lossy(&body).into_owned();
        let asked = Asked { line, headers, body, number: self.given() };
        let answer = if self.away.load(Ordering::SeqCst) { Err(503) } else { answer(&asked) };
        let (status, body, given) = match answer {
            Ok((body, given)) => (200, body, given),
            Err(status) => (status, String::from("{}"), None),
        };
        let mut state = self.state();
        state.asked.push(asked);
        state.given.extend(given);
        drop(state);
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).ok()
    }
}
