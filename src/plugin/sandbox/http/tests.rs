//! The client against servers of the tests' own, with a name server that says what the test wants.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::destination::Pattern;
use super::super::dial::Dialler;
use super::super::quota::Connections;
use super::super::reach::Reach;
use super::super::refusals::Refusals;
use super::super::resolver::Resolve;
use super::*;
use crate::telemetry::metrics::PluginMetrics;

/// Each name has a list of answers; the last one stays.
struct Script(Mutex<HashMap<String, Vec<Vec<IpAddr>>>>);

#[async_trait::async_trait]
impl Resolve for Script {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut script = self.0.lock().unwrap();
        let answers = script.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })
    }
}

fn names(names: &[(&str, &[&str])]) -> Arc<Script> {
    let answers = |of: &[&str]| of.iter().map(|address| vec![address.parse().unwrap()]).collect();
    Arc::new(Script(Mutex::new(names.iter().map(|(name, of)| ((*name).to_owned(), answers(of))).collect())))
}

struct Setup {
    client: Arc<Client>,
    metrics: Arc<PluginMetrics>,
}

fn setup(grants: &[String], resolver: Arc<Script>, connections_max: u32) -> Setup {
    let granted = grants.iter().map(|grant| Pattern::http(grant).unwrap()).collect();
    let reach = Reach::new(&[Pattern::http("*").unwrap()], granted, Vec::new());
    let metrics = Arc::new(PluginMetrics::new("test"));
    let dialler = Dialler::new(Arc::new(reach), resolver);
    let refusals = Arc::new(Refusals::new("test", Arc::clone(&metrics)));
    let client = Client::new(dialler, None, Arc::new(Connections::new(connections_max)), refusals);
    Setup { client: Arc::new(client), metrics }
}

fn get(uri: &str) -> Request<WasiBody> {
    post(uri, "")
}

fn post(uri: &str, body: impl Into<Bytes>) -> Request<WasiBody> {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
    Request::builder().uri(uri).header("host", "test").body(body).unwrap()
}

fn unlimited() -> Arc<Meter> {
    Arc::new(Meter::new(u64::MAX, u64::MAX))
}

/// A server that counts its connections, and answers each request with what `answer` says.
async fn server(answer: &'static [u8]) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, SeqCst);
            tokio::spawn(serve(stream, answer));
        }
    });
    (address, accepted)
}

async fn serve(mut stream: TcpStream, answer: &'static [u8]) {
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        seen.extend_from_slice(&buffer[..read]);
        if seen.windows(4).any(|end| end == b"\r\n\r\n") {
            seen.clear();
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
    }
}

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

#[tokio::test]
async fn a_granted_host_answers_and_its_connection_is_used_again() {
    let (address, accepted) = server(HELLO).await;
    let Setup { client, .. } = setup(&[format!("http://{address}")], names(&[]), 2);
    for _ in 0..10 {
        let request = get(&format!("http://{address}/path?query"));
        let response = Arc::clone(&client).send(request, RequestOptions::default(), unlimited()).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    }
    assert_eq!(accepted.load(SeqCst), 1);
}

#[tokio::test]
async fn what_is_not_granted_is_denied_without_a_connection() {
    let (address, accepted) = server(HELLO).await;
    let Setup { client, metrics } = setup(&["http://127.0.0.1:1".to_owned()], names(&[]), 2);
    for uri in [format!("http://{address}/"), format!("https://{address}/"), "http://localhost:1/".to_owned()] {
        let refused = Arc::clone(&client).send(get(&uri), RequestOptions::default(), unlimited()).await;
        assert!(matches!(refused, Err(Error::HttpRequestDenied)), "{uri}");
    }
    assert_eq!((accepted.load(SeqCst), metrics.refusals()), (0, 3));
}

#[tokio::test]
async fn a_name_that_is_rebound_to_loopback_is_refused() {
    let (address, accepted) = server(HELLO).await;
    let grant = format!("http://rebind.test:{}", address.port());
    // The first answer is public, and nobody is there; each later one is the server's own machine.
    let resolver = names(&[("rebind.test", &["192.0.2.1", "127.0.0.1"]), ("mapped.test", &["::ffff:127.0.0.1"])]);
    let Setup { client, metrics } = setup(&[grant.clone(), "http://*:*".into()], resolver, 2);
    for _ in 0..3 {
        let refused = Arc::clone(&client).send(get(&grant), RequestOptions::default(), unlimited()).await;
        assert!(matches!(refused, Err(Error::DestinationIpProhibited)));
    }
    let mapped = get(&format!("http://mapped.test:{}/", address.port()));
    let refused = Arc::clone(&client).send(mapped, RequestOptions::default(), unlimited()).await;
    assert!(matches!(refused, Err(Error::DestinationIpProhibited)));
    assert_eq!((accepted.load(SeqCst), metrics.refusals()), (0, 4));
}

#[tokio::test]
async fn what_was_checked_is_what_is_dialled() {
    let (address, accepted) = server(HELLO).await;
    // Asked once, the name stands for the granted address; a second question would get another.
    let resolver = names(&[("once.test", &["127.0.0.1", "192.0.2.1"])]);
    let port = address.port();
    let Setup { client, .. } =
        setup(&[format!("http://once.test:{port}"), format!("http://127.0.0.1:{port}")], resolver, 2);
    let request = get(&format!("http://once.test:{port}/"));
    let response = client.send(request, RequestOptions::default(), unlimited()).await.unwrap();
    assert_eq!((response.status().as_u16(), accepted.load(SeqCst)), (200, 1));
}

#[tokio::test]
async fn a_redirect_to_the_metadata_service_is_the_guests_to_follow_and_refused() {
    let (address, _) =
        server(b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest\r\ncontent-length: 0\r\n\r\n").await;
    let Setup { client, .. } = setup(&[format!("http://{address}"), "http://*".into()], names(&[]), 2);
    let request = get(&format!("http://{address}/"));
    let response = Arc::clone(&client).send(request, RequestOptions::default(), unlimited()).await.unwrap();
    let location = response.headers()["location"].to_str().unwrap();
    let refused = Arc::clone(&client).send(get(location), RequestOptions::default(), unlimited()).await;
    assert!(matches!(refused, Err(Error::DestinationIpProhibited)));
}

#[tokio::test]
async fn ways_around_the_check_are_no_requests() {
    let Setup { client, .. } = setup(&["*".to_owned()], names(&[]), 2);
    for uri in [
        "http://127.1/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://granted.test@127.0.0.1/",
        "http://a.test:0/",
    ] {
        let refused = Arc::clone(&client).send(get(uri), RequestOptions::default(), unlimited()).await;
        assert!(matches!(refused, Err(Error::HttpRequestUriInvalid)), "{uri}");
    }
    let mut tunnel = get("http://example.test/");
    *tunnel.method_mut() = http::Method::CONNECT;
    let refused = Arc::clone(&client).send(tunnel, RequestOptions::default(), unlimited()).await;
    assert!(matches!(refused, Err(Error::HttpRequestMethodInvalid)));
}

#[tokio::test]
async fn ten_thousand_requests_have_only_the_connections_of_their_limit() {
    // Accepts, and never answers.
    let (address, accepted) = server(b"").await;
    let Setup { client, .. } = setup(&[format!("http://{address}")], names(&[]), 4);
    let options = RequestOptions {
        connect_timeout: Some(Duration::from_millis(300)),
        first_byte_timeout: Some(Duration::from_secs(5)),
        between_bytes_timeout: None,
    };
    let tasks: Vec<_> = (0..10_000)
        .map(|_| tokio::spawn(Arc::clone(&client).send(get(&format!("http://{address}/")), options, unlimited())))
        .collect();
    let mut limited = 0;
    for task in tasks {
        let outcome = task.await.unwrap();
        limited += usize::from(matches!(outcome, Err(Error::ConnectionLimitReached)));
    }
    assert!(accepted.load(SeqCst) <= 8, "{} connections", accepted.load(SeqCst));
    assert!(limited >= 9_990, "{limited}");
}

#[tokio::test]
async fn a_response_that_is_dropped_frees_its_place() {
    let (address, accepted) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nhello").await;
    let Setup { client, .. } = setup(&[format!("http://{address}")], names(&[]), 1);
    for round in 1..=3 {
        let request = get(&format!("http://{address}/"));
        drop(Arc::clone(&client).send(request, RequestOptions::default(), unlimited()).await.unwrap());
        assert_eq!(accepted.load(SeqCst), round, "the rest of a body is never waited for");
    }
}

#[tokio::test]
async fn bytes_beyond_the_limits_of_a_call_end_the_exchange() {
    let (address, _) = server(HELLO).await;
    let Setup { client, .. } = setup(&[format!("http://{address}")], names(&[]), 2);
    let uri = format!("http://{address}/");
    let meter = Arc::new(Meter::new(10, 7));
    let send =
        |request, meter: &Arc<Meter>| Arc::clone(&client).send(request, RequestOptions::default(), Arc::clone(meter));
    let first = send(get(&uri), &meter).await.unwrap().into_body().collect().await;
    assert!(first.is_ok());
    let second = send(get(&uri), &meter).await.unwrap().into_body().collect().await;
    assert!(matches!(second, Err(Error::HttpResponseBodySize(Some(7)))));
    meter.reset();
    let third = send(get(&uri), &meter).await.unwrap().into_body().collect().await;
    assert!(third.is_ok(), "the next call has its own");
    let large = send(post(&uri, vec![0; 11]), &meter).await;
    assert!(matches!(large, Err(Error::HttpRequestBodySize(Some(10)))), "{:?}", large.err());
}

#[tokio::test]
async fn a_server_that_floods_or_stalls_ends_in_an_error_that_says_so() {
    let flood: &'static [u8] =
        Box::leak(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(200 << 10)).into_bytes().into_boxed_slice());
    let many = "x: y\r\n".repeat(1000);
    let many: &'static [u8] = Box::leak(format!("HTTP/1.1 200 OK\r\n{many}\r\n").into_bytes().into_boxed_slice());
    for answer in [flood, many] {
        let (address, _) = server(answer).await;
        let Setup { client, .. } = setup(&[format!("http://{address}")], names(&[]), 2);
        let refused = client.send(get(&format!("http://{address}/")), RequestOptions::default(), unlimited()).await;
        assert!(matches!(refused, Err(Error::HttpResponseHeaderSectionSize(_))), "{:?}", refused.err());
    }
    let (address, _) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhal").await;
    let Setup { client, .. } = setup(&[format!("http://{address}")], names(&[]), 2);
    let pause = RequestOptions { between_bytes_timeout: Some(Duration::from_millis(50)), ..RequestOptions::default() };
    let response = client.send(get(&format!("http://{address}/")), pause, unlimited()).await.unwrap();
    assert!(matches!(response.into_body().collect().await, Err(Error::ConnectionReadTimeout)));
}
