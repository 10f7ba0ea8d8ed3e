//! A real guest (`plugins/fixtures/reach-fixture`) reaches for what it was and was not granted.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use wasmtime::Store;
use wasmtime::component::{Component, TypedFunc};

use super::resolver::{Resolve, System};
use super::*;
use crate::config::ByteSize;
use crate::config::plugin::{Directory, Plugin, SecretSource};
use crate::config::value::Strings;
use crate::plugin::engine::Runtime;
use crate::plugin::manifest::Manifest;

/// The engine and the component are made once for all tests.
async fn fixture() -> &'static (Runtime, Component) {
    static FIXTURE: OnceCell<(Runtime, Component)> = OnceCell::const_new();
    let make = || async {
        let runtime = Runtime::start(None).unwrap();
        let bytes = std::fs::read(component()).unwrap();
        let component = Component::new(runtime.engine(), bytes).unwrap();
        (runtime, component)
    };
    FIXTURE.get_or_init(make).await
}

fn component() -> PathBuf {
    let folder = std::env::var_os("WHARF_GUESTS").map(PathBuf::from).unwrap_or_else(|| {
        let test = std::env::current_exe().unwrap();
        test.ancestors().find(|folder| folder.ends_with("deps")).unwrap().ancestors().nth(2).unwrap().join("guests")
    });
    let component = folder.join("reach-fixture.wasm");
    assert!(component.is_file(), "{} is missing: run `cargo xtask guests`", component.display());
    component
}

struct Guest {
    store: Store<Sandbox>,
    run: TypedFunc<(String, String), (Result<String, String>,)>,
}

impl Guest {
    async fn run(&mut self, what: &str, argument: &str) -> Result<String, String> {
        let (runtime, _) = fixture().await;
        let _running = runtime.running();
        self.store.data_mut().begin_call();
        let call = self.run.call_async(&mut self.store, (what.to_owned(), argument.to_owned()));
        match call.await {
            Ok((answer,)) => answer,
            Err(trap) => Err(format!("trap: {trap:#}")),
        }
    }

    async fn refuses(&mut self, what: &str, argument: &str, code: &str) {
        let answer = self.run(what, argument).await;
        assert!(answer.as_ref().is_err_and(|problem| problem.contains(code)), "{what} {argument}: {answer:?}");
    }
}

/// What the operator and the author wrote, and the rest of the world.
struct Setup {
    asks: &'static str,
    plugin: Plugin,
    resolver: Arc<dyn Resolve>,
    keyvalue: Arc<Namespaces>,
}

impl Setup {
    fn new(asks: &'static str) -> Self {
        Self { asks, plugin: Plugin::default(), resolver: Arc::new(System), keyvalue: Arc::default() }
    }

    async fn guest(&self) -> Guest {
        let (runtime, component) = fixture().await;
        let manifest = Manifest::parse(self.asks).unwrap();
        let permissions = Permissions::of(&manifest, &self.plugin).unwrap().with_resolver(Arc::clone(&self.resolver));
        let context = Context {
            plugin: "test".into(),
            request: None,
            metrics: Arc::new(PluginMetrics::new("test")),
            keyvalue: Arc::clone(&self.keyvalue),
        };
        let mut store = Store::new(runtime.engine(), Sandbox::new(&Arc::new(permissions), context));
        store.limiter(|sandbox| sandbox.limiter_mut());
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let instance = runtime.linker().instantiate_async(&mut store, component).await.unwrap();
        let run = instance.get_typed_func(&mut store, "run").unwrap();
        Guest { store, run }
    }
}

/// Names and what they stand for, one answer after the other; the last one stays.
struct Script(Mutex<HashMap<&'static str, Vec<IpAddr>>>);

#[async_trait::async_trait]
impl Resolve for Script {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut script = self.0.lock().unwrap();
        let answers = script.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(vec![if answers.len() > 1 { answers.remove(0) } else { answers[0] }])
    }
}

fn script(name: &'static str, answers: &[&str]) -> Arc<Script> {
    let answers = answers.iter().map(|address| address.parse().unwrap()).collect();
    Arc::new(Script(Mutex::new([(name, answers)].into())))
}

/// Answers every connection with these bytes, and counts them.
async fn server(answer: &'static str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Relaxed);
            if answer.is_empty() {
                kept.push(stream);
                continue;
            }
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    (port, accepted)
}

#[tokio::test]
async fn without_a_grant_everything_links_and_nothing_is_reached() {
    let (port, accepted) = server("").await;
    let mut guest = Setup::new("").guest().await;
    for what in ["directories", "environment", "config"] {
        assert_eq!(guest.run(what, "").await, Ok(String::new()), "{what}");
    }
    guest.refuses("get", &format!("http://127.0.0.1:{port}/"), "HttpRequestDenied").await;
    guest.refuses("read", "/etc/passwd", "no directory").await;
    guest.refuses("resolve", "localhost", "access-denied").await;
    guest.refuses("connect", &format!("127.0.0.1:{port}"), "access-denied").await;
    guest.refuses("listen", "", "access-denied").await;
    guest.refuses("udp", "", "access-denied").await;
    guest.refuses("get-key", "default key", "AccessDenied").await;
    assert_eq!(accepted.load(Relaxed), 0);
    let refusals = guest.store.data().limiter().passed();
    assert!(!refusals.memory() && !refusals.tables());
}

#[tokio::test]
async fn a_directory_ends_where_it_was_granted() {
    let directory = tempfile::tempdir().unwrap();
    let jail = directory.path().join("jail");
    std::fs::create_dir(&jail).unwrap();
    std::fs::write(jail.join("inside"), "inside").unwrap();
    std::fs::write(directory.path().join("outside"), "outside").unwrap();
    std::os::unix::fs::symlink("../outside", jail.join("relative")).unwrap();
    std::os::unix::fs::symlink(directory.path().join("outside"), jail.join("absolute")).unwrap();
    std::os::unix::fs::symlink("inside", jail.join("within")).unwrap();
    let mut setup = Setup::new("[asks]\ndirectories = [{ path = \"/data\", write = true }]");
    for write in [false, true] {
        setup.plugin.grants.directories = vec![Directory { path: jail.clone(), guest: "/data".into(), write }];
        let mut guest = setup.guest().await;
        assert_eq!(guest.run("directories", "").await.as_deref(), Ok("/data"));
        assert_eq!(guest.run("read", "inside").await.as_deref(), Ok("inside"));
        assert_eq!(guest.run("read", "within").await.as_deref(), Ok("inside"));
        for path in ["../outside", "relative", "absolute", "/etc/passwd", "within/../../outside"] {
            let answer = guest.run("read", path).await;
            assert!(answer.as_ref().is_err_and(|problem| !problem.contains("trap")), "{path}: {answer:?}");
        }
        let written = guest.run("write", "new").await;
        assert_eq!(written.is_ok(), write, "{written:?}");
        assert!(guest.run("write", "../new").await.is_err() && !directory.path().join("new").exists());
    }
}

#[tokio::test]
async fn a_name_that_is_rebound_to_loopback_gives_no_socket() {
    let (port, accepted) = server("").await;
    let mut setup = Setup::new("[asks]\nsockets = [\"*\"]");
    setup.plugin.grants.sockets = Strings::one(format!("rebind.test:{port}"));
    setup.resolver = script("rebind.test", &["127.0.0.1"]);
    let mut guest = setup.guest().await;
    assert_eq!(guest.run("resolve", "rebind.test").await.as_deref(), Ok("127.0.0.1"));
    guest.refuses("connect", &format!("rebind.test:{port}"), "access-denied").await;
    guest.refuses("connect", &format!("127.0.0.1:{port}"), "access-denied").await;
    guest.refuses("connect", &format!("[::ffff:127.0.0.1]:{port}"), "").await;
    guest.refuses("resolve", "other.test", "access-denied").await;
    assert_eq!(accepted.load(Relaxed), 0);

    setup.plugin.grants.networks = Strings::one("127.0.0.0/8");
    let mut guest = setup.guest().await;
    guest.refuses("connect", &format!("127.0.0.1:{port}"), "access-denied").await;
    assert_eq!(guest.run("connect", &format!("rebind.test:{port}")).await.as_deref(), Ok("connected"));
    guest.refuses("connect", &format!("rebind.test:{}", port ^ 1), "access-denied").await;
}

#[tokio::test]
async fn http_reaches_neither_a_rebound_name_nor_what_a_redirect_names() {
    const AWAY: &str =
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/meta-data\r\ncontent-length: 0\r\n\r\n";
    let (port, _) = server(AWAY).await;
    let mut setup = Setup::new("[asks]\nhosts = [\"*\"]");
    setup.plugin.grants.hosts =
        [format!("http://127.0.0.1:{port}"), "http://*".into(), "http://rebind.test:1".into()].into_iter().collect();
    setup.resolver = script("rebind.test", &["::ffff:10.0.0.1", "127.0.0.1"]);
    let mut guest = setup.guest().await;
    guest.refuses("get", &format!("http://127.0.0.1:{port}/"), "DestinationIpProhibited").await;
    guest.refuses("get", "http://rebind.test:1/", "DestinationIpProhibited").await;
    guest.refuses("get", "http://rebind.test:1/", "DestinationIpProhibited").await;
    guest.refuses("get", "http://127.0.0.1/", "DestinationIpProhibited").await;
    guest.refuses("get", "http://localhost:1/", "HttpRequestDenied").await;
    guest.refuses("get", "http://127.1/", "HttpRequestUriInvalid").await;
}

#[tokio::test]
async fn what_is_granted_is_reached() {
    let (port, _) = server("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
    let mut setup = Setup::new("[asks]\nhosts = [\"*\"]\nsecrets = [\"password\"]\nenvironment = [\"TZ\"]");
    // An answer that comes before all of the body was sent is an answer all the same; this one never answers.
    let (silent, _) = server("").await;
    setup.plugin.grants.hosts = [port, silent].map(|port| format!("http://127.0.0.1:{port}")).into_iter().collect();
    setup.plugin.grants.environment = [("TZ".into(), "UTC".into()), ("HOME".into(), "/root".into())].into();
    // Set by cargo for every test.
    setup.plugin.grants.secrets =
        [("password".into(), SecretSource { env: "CARGO_PKG_NAME".into(), ..Default::default() })].into();
    setup.plugin.config = [("user".into(), "alice".into())].into();
    setup.plugin.limits.outgoing_bytes_max = ByteSize::new(50_000);
    let mut guest = setup.guest().await;
    for _ in 0..3 {
        assert_eq!(guest.run("get", &format!("http://127.0.0.1:{port}/")).await.as_deref(), Ok("200 hello"));
    }
    assert_eq!(guest.run("environment", "").await.as_deref(), Ok("TZ=UTC"));
    assert_eq!(guest.run("config", "").await.as_deref(), Ok("password=wharf,user=alice"));
    guest.refuses("post", &format!("http://127.0.0.1:{silent}/ 200000"), "HttpRequestBodySize").await;
}

/// wasmtime-wasi-http keeps the options of each request: an instance trapped when it had made as many as it may hold resources.
#[tokio::test]
async fn requests_with_options_do_not_use_up_the_resources_of_an_instance() {
    let (port, _) = server("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
    let mut setup = Setup::new("[asks]\nhosts = [\"*\"]");
    setup.plugin.grants.hosts = Strings::one(format!("http://127.0.0.1:{port}"));
    let mut guest = setup.guest().await;
    for _ in 0..4 {
        let answer = guest.run("options", &format!("http://127.0.0.1:{port}/ 1000")).await;
        assert_eq!(answer.as_deref(), Ok("200 hello"));
    }
    assert!(setup.plugin.limits.resources_max < 4000);
}

#[tokio::test]
async fn ten_thousand_connections_end_at_the_limit_and_are_given_back() {
    let (port, accepted) = server("").await;
    let mut setup = Setup::new("[asks]\nsockets = [\"*\"]");
    setup.plugin.grants.sockets = Strings::one(format!("127.0.0.1:{port}"));
    setup.plugin.limits.connections_max = 16;
    let mut guest = setup.guest().await;
    for round in 1..=3 {
        let answer = guest.run("connections", &format!("127.0.0.1:{port} 10000")).await;
        assert_eq!(answer.as_deref(), Ok("16: new-socket-limit"), "round {round}");
    }
    assert!(accepted.load(Relaxed) <= 48);
}

/// What went over a socket was not counted once.
#[tokio::test]
async fn the_bytes_of_a_socket_count_for_each_call() {
    let (port, _) = server("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
    let mut setup = Setup::new("[asks]\nsockets = [\"*\"]");
    setup.plugin.grants.sockets = Strings::one(format!("127.0.0.1:{port}"));
    setup.plugin.limits.outgoing_bytes_max = ByteSize::new(50_000);
    setup.plugin.limits.incoming_bytes_max = ByteSize::new(20);
    let mut guest = setup.guest().await;
    let place = format!("127.0.0.1:{port}");
    for _ in 0..2 {
        assert_eq!(guest.run("send", &format!("{place} 40000")).await.as_deref(), Ok("40000"));
    }
    guest.refuses("send", &format!("{place} 60000"), "limits.outgoing_bytes_max").await;
    guest.refuses("receive", &place, "limits.incoming_bytes_max").await;
}

#[tokio::test]
async fn a_namespace_has_a_bound_belongs_to_its_plugin_and_outlives_an_instance() {
    let mut setup = Setup::new("[asks]\nkeyvalue = [\"tokens\", \"others\"]");
    setup.plugin.grants.keyvalue = Strings::one("tokens");
    setup.plugin.limits.keyvalue_bytes_max = ByteSize::kib(64);
    let mut first = setup.guest().await;
    first.run("set-key", "tokens greeting hello").await.unwrap();
    assert_eq!(first.run("count-key", "tokens count").await.as_deref(), Ok("1"));
    first.refuses("get-key", "others greeting", "AccessDenied").await;
    drop(first);
    let mut second = setup.guest().await;
    assert_eq!(second.run("get-key", "tokens greeting").await.as_deref(), Ok("hello"));
    assert_eq!(second.run("count-key", "tokens count").await.as_deref(), Ok("2"));
    let full = second.run("fill", "tokens 1024").await.unwrap();
    let count: usize = full.split(':').next().unwrap().parse().unwrap();
    assert!((50..64).contains(&count) && full.contains("keyvalue_bytes_max"), "{full}");
    setup.keyvalue = Arc::default();
    assert_eq!(setup.guest().await.run("get-key", "tokens greeting").await.as_deref(), Ok("nothing"), "another plugin");
}

/// Keeps the messages of guests.
struct Heard(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Heard {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let mut text = String::new();
        let mut visit = |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            if field.name() == "message" {
                text = format!("{value:?}");
            }
        };
        event.record(&mut visit);
        self.0.lock().unwrap().push(text);
    }
}

#[tokio::test]
async fn a_flood_of_the_log_is_cut_and_forges_no_line() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(Heard(Arc::clone(&heard))));
    let mut setup = Setup::new("");
    setup.plugin.limits.log_lines_per_second_max = 10;
    let mut guest = setup.guest().await;
    guest.run("flood", "20000").await.unwrap();
    let heard: Vec<String> = heard.lock().unwrap().iter().filter(|line| line.starts_with("line ")).cloned().collect();
    assert!((10..1000).contains(&heard.len()), "{} lines", heard.len());
    assert_eq!(heard[0], "line 0\\nlevel=error forged");
}

#[tokio::test]
async fn huge_headers_and_a_long_sleep_end_the_call_and_not_the_server() {
    let setup = Setup::new("");
    let answer = setup.guest().await.run("headers", "10000").await;
    assert!(answer.is_err(), "{answer:?}");
    let mut guest = setup.guest().await;
    let sleep = tokio::time::timeout(Duration::from_millis(200), guest.run("sleep", "600000")).await;
    assert!(sleep.is_err(), "the host's time limit ends what waits in a host call");
    drop(guest);
    assert!(setup.guest().await.run("directories", "").await.is_ok());
}
