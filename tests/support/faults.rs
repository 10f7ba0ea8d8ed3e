//! A proxy between Wharf and a real object store, which does to its requests what networks and overloaded stores do. It changes
//! nothing else: the host name is part of what is signed, and passes as it came.

mod balancer;
mod wire;

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use balancer::Balancer;
use wire::{Head, Message};

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is passed on after so long.
    Delay(Duration),
    /// It is not passed on, but answered with this status, and the code in S3's XML.
    Answer(u16, &'static str),
    /// The same, with `Retry-After` in seconds.
    AnswerLater(u16, &'static str, u64),
    /// The store answers it with a success that holds an error: S3 does that where it had begun to answer already.
    ErrorWithin200(&'static str),
    /// The connection is closed before it is passed on.
    Drop,
    /// The same, by a reset.
    Reset,
    /// It is passed on, and the connection closed before the answer.
    DropAnswer,
    /// The connection is closed in the middle of the answer, after so many bytes of its body.
    Truncate(usize),
    /// So many bytes of the answer's body come, and then nothing more; the connection stays open.
    Stall(usize),
    /// It is never answered, and never passed on.
    Hang,
    /// The entries of a listing come in the opposite order.
    Reorder,
    /// The answer that the same request was given when it came last, before this rule was made.
    Stale,
}

/// Which requests a fault happens to.
#[derive(Clone, Debug)]
pub struct Rule {
    method: &'static str,
    part: String,
    but: Option<String>,
    skip: usize,
    times: usize,
    every: usize,
    fault: Fault,
}

impl Rule {
    /// Every request of this method (`""` is each) with `part` in its path and query.
    pub fn new(method: &'static str, part: impl Into<String>, fault: Fault) -> Self {
        Self { method, part: part.into(), but: None, skip: 0, times: usize::MAX, every: 1, fault }
    }

    /// But none with this in its path and query.
    pub fn but(mut self, part: &str) -> Self {
        self.but = Some(part.to_owned());
        self
    }

    /// Not the first so many.
    pub fn after(mut self, skip: usize) -> Self {
        self.skip = skip;
        self
    }

    /// Only so many.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Only the first of each so many.
    pub fn one_in(mut self, every: usize) -> Self {
        self.every = every;
        self
    }

    fn is_about(&self, method: &str, target: &str) -> bool {
        let other = self.but.as_ref().is_some_and(|part| target.contains(part.as_str()));
        (self.method.is_empty() || self.method == method) && target.contains(&self.part) && !other
    }
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    /// Every request that came, as `GET /path?query`, and whether a fault happened to it.
    seen: Vec<(String, bool)>,
    /// The last small answer to each `GET` and `HEAD`.
    answers: BTreeMap<String, Message>,
    under_way: usize,
    peak: usize,
}

/// The proxy. It lives as long as the test.
#[derive(Clone)]
pub struct FaultProxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    /// What each request has to have in a header, or it is refused as one whose credentials have ended.
    demand: Option<Arc<Demand>>,
}

struct Demand {
    header: &'static str,
    is_good: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

/// How large an answer may be that is remembered.
const REMEMBERED_BYTES_MAX: usize = 64 * 1024;

impl FaultProxy {
    /// Before the store at `target`.
    pub fn to(target: SocketAddr) -> Self {
        Self::before(target, None)
    }

    /// The same for requests only that have something good in this header.
    pub fn demanding(
        target: SocketAddr,
        header: &'static str,
        is_good: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::before(target, Some(Arc::new(Demand { header, is_good: Box::new(is_good) })))
    }

    fn before(target: SocketAddr, demand: Option<Arc<Demand>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let proxy = Self { address: listener.local_addr().expect("an address"), state: Arc::default(), demand };
        let shared = proxy.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || shared.serve(client, target));
            }
        });
        proxy
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// One more rule. The first that is about a request happens to it.
    pub fn rule(&self, rule: Rule) {
        self.state().rules.push(rule);
    }

    /// Nothing happens any more.
    pub fn clear(&self) {
        self.state().rules.clear();
    }

    /// How many requests came of this method (`""` is each) with `part` in path and query.
    pub fn count(&self, method: &str, part: &str) -> usize {
        let about = |line: &str| (method.is_empty() || line.starts_with(&format!("{method} "))) && line.contains(part);
        self.state().seen.iter().filter(|(line, _)| about(line)).count()
    }

    /// How many requests a fault has happened to.
    pub fn faults(&self) -> usize {
        self.state().seen.iter().filter(|(_, hit)| *hit).count()
    }

    /// Every request that came, for the text of a failed assertion.
    pub fn seen(&self) -> String {
        let state = self.state();
        state.seen.iter().map(|(line, hit)| format!("{line}{}\n", if *hit { " !" } else { "" })).collect()
    }

    /// How many requests were under way at the same time, at the most.
    pub fn peak(&self) -> usize {
        self.state().peak
    }

    /// How many requests are under way.
    pub fn under_way(&self) -> usize {
        self.state().under_way
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request, and tells what shall happen to it.
    fn fault_for(&self, line: &str) -> Option<Fault> {
        let (method, target) = line.split_once(' ').unwrap_or((line, ""));
        let mut state = self.state();
        let mut fault = None;
        for rule in state.rules.iter_mut().filter(|rule| rule.is_about(method, target)) {
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if rule.times > 0 {
                rule.skip = rule.every - 1;
                rule.times -= 1;
                fault = Some(rule.fault.clone());
                break;
            }
        }
        state.seen.push((line.to_owned(), fault.is_some()));
        fault
    }

    /// One connection, request after request, until either side closes it or a fault does.
    fn serve(&self, client: TcpStream, target: SocketAddr) -> Option<()> {
        client.set_nodelay(true).ok()?;
        let mut client = Client { from: BufReader::new(client.try_clone().ok()?), to: client };
        let mut store = None;
        loop {
            let head = Head::read(&mut client.from)?;
            self.pass(head, &mut client, &mut store, target)?;
        }
    }

    /// One request. `None` when the connection has ended.
    fn pass(
        &self,
        head: Head,
        client: &mut Client,
        store: &mut Option<BufReader<TcpStream>>,
        target: SocketAddr,
    ) -> Option<()> {
        let line = head.request_line();
        let fault = self.fault_for(&line);
        let under_way = UnderWay::begin(self);
        match &fault {
            Some(Fault::Drop) => return client.close(),
            Some(Fault::Reset) => return client.reset(),
            Some(Fault::Hang) => return client.wait_for_end(),
            Some(Fault::Delay(time)) => std::thread::sleep(*time),
            _ => {}
        }
        let body = head.body(&mut client.from, false)?;
        let bodiless = line.starts_with("HEAD ");
        if self.demand.as_ref().is_some_and(|demand| !(demand.is_good)(&head.header(demand.header).unwrap_or_default()))
        {
            drop(under_way);
            return client.to.write_all(&Message::error(401, "ExpiredToken", None).encode(bodiless)).ok();
        }
        if let Some(answer) = self.instead(&fault, &line) {
            drop(under_way);
            return client.to.write_all(&answer.encode(bodiless)).ok();
        }
        let mut connection = match store.take() {
            Some(connection) => connection,
            None => BufReader::new(TcpStream::connect(target).ok()?),
        };
        connection.get_mut().write_all(&head.bytes).ok()?;
        connection.get_mut().write_all(&body).ok()?;
        let head = Head::read(&mut connection)?;
        let large = head.length().filter(|bytes| fault.is_none() && !bodiless && *bytes > REMEMBERED_BYTES_MAX);
        if let Some(bytes) = large {
            client.to.write_all(&head.bytes).ok()?;
            let passed = std::io::copy(&mut Read::take(&mut connection, bytes as u64), &mut client.to).ok()?;
            *store = Some(connection);
            return if passed == bytes as u64 { Some(()) } else { client.close() };
        }
        let body = head.body(&mut connection, bodiless)?;
        *store = Some(connection);
        let message = Message { head, body };
        if fault.is_none() && (bodiless || line.starts_with("GET ")) {
            self.state().answers.insert(line, message.clone());
        }
        // Before its last byte: with that the other side may begin another.
        drop(under_way);
        client.answer(message, &fault, bodiless)
    }

    /// The answer that is given in the store's place.
    fn instead(&self, fault: &Option<Fault>, line: &str) -> Option<Message> {
        match fault {
            Some(Fault::Answer(status, code)) => Some(Message::error(*status, code, None)),
            Some(Fault::AnswerLater(status, code, seconds)) => Some(Message::error(*status, code, Some(*seconds))),
            Some(Fault::ErrorWithin200(code)) => Some(Message::error(200, code, None)),
            Some(Fault::Stale) => self.state().answers.get(line).cloned(),
            _ => None,
        }
    }
}

/// A request until it is answered.
struct UnderWay<'a>(&'a FaultProxy);

impl<'a> UnderWay<'a> {
    fn begin(proxy: &'a FaultProxy) -> Self {
        let mut state = proxy.state();
        state.under_way += 1;
        state.peak = state.peak.max(state.under_way);
        drop(state);
        Self(proxy)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.state().under_way -= 1;
    }
}

/// The side that asks.
struct Client {
    from: BufReader<TcpStream>,
    to: TcpStream,
}

impl Client {
    /// Passes the store's answer on, or what a fault leaves of it.
    fn answer(&mut self, mut message: Message, fault: &Option<Fault>, bodiless: bool) -> Option<()> {
        match fault {
            Some(Fault::DropAnswer) => self.close(),
            Some(Fault::Truncate(bytes) | Fault::Stall(bytes)) => {
                let whole = message.encode(bodiless);
                let kept = if bodiless { 0 } else { message.body.len().min(*bytes) };
                let end = whole.len() - if bodiless { 0 } else { message.body.len() - kept };
                self.to.write_all(&whole[..end]).ok()?;
                if end == whole.len() {
                    return Some(());
                }
                if matches!(fault, Some(Fault::Stall(_))) { self.wait_for_end() } else { self.close() }
            }
            Some(Fault::Reorder) => {
                message.reverse_listing();
                self.to.write_all(&message.encode(bodiless)).ok()
            }
            _ => self.to.write_all(&message.encode(bodiless)).ok(),
        }
    }

    fn close(&self) -> Option<()> {
        let _ = self.to.shutdown(Shutdown::Both);
        None
    }

    fn reset(&self) -> Option<()> {
        rustix::net::sockopt::set_socket_linger(&self.to, Some(Duration::ZERO)).ok()?;
        None
    }

    /// Keeps the connection open until the other side gives up.
    fn wait_for_end(&mut self) -> Option<()> {
        let mut buffer = [0; 4096];
        while self.from.read(&mut buffer).ok()? > 0 {}
        None
    }
}
