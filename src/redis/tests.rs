//! The handle against a server of a few lines that misbehaves on demand.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use ::redis::cmd;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::*;
use crate::config::Period;
use crate::config::value::Strings;
use crate::patience::until;

/// What the server does with commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// Answers each with `+OK`, and `HGET` with nothing.
    Answers,
    /// Reads and says nothing.
    Silent,
    /// Refuses `HGET key`, by the words of Redis.
    Refuses,
    /// Refuses it because it has only just started.
    Loads,
}

struct Double {
    address: SocketAddr,
    mood: watch::Sender<Mood>,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Double {
    async fn start(address: &str, mood: Mood) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let (address, connections) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let (mood, watched) = watch::channel(mood);
        let counted = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, SeqCst);
                tokio::spawn(serve(stream, watched.clone()));
            }
        });
        Self { address, mood, connections, task }
    }
}

async fn serve(stream: TcpStream, mood: watch::Receiver<Mood>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut words = Vec::new();
        for _ in 0..number(&mut stream).await? {
            let mut word = vec![0; number(&mut stream).await? + 2];
            stream.read_exact(&mut word).await.ok()?;
            words.push(String::from_utf8_lossy(&word[..word.len() - 2]).into_owned());
        }
        let answer = match (*mood.borrow(), &*words[0]) {
            (Mood::Silent, _) => continue,
            (Mood::Refuses, "HGET") if words[1] == "key" => "-NOPERM this user has no permissions\r\n",
            (Mood::Loads, "HGET") if words[1] == "key" => "-LOADING Redis is loading the dataset in memory\r\n",
            (_, "HGET") => "$-1\r\n",
            _ => "+OK\r\n",
        };
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

/// The number behind the first character of a line.
async fn number(stream: &mut BufReader<TcpStream>) -> Option<usize> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    line.get(1..)?.trim().parse().ok()
}

fn config(address: SocketAddr) -> Config {
    Config {
        addrs: Strings::one(address.to_string()),
        minretrybackoff: Period::millis(10),
        maxretrybackoff: Period::millis(20),
        readtimeout: Period::millis(200),
        dialtimeout: Period::millis(200),
        ..Config::default()
    }
}

async fn ask(redis: &Redis) -> Result<Option<String>, Failure> {
    redis.ask(RedisOperation::Stat, cmd("HGET").arg("key").arg("field")).await
}

/// Polls until it answers.
async fn there(redis: &Redis) {
    until(async || ask(redis).await == Ok(None)).await;
}

#[tokio::test]
async fn a_redis_that_was_not_there_is_used_when_it_comes() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let redis = Redis::open(&config(address), RedisMetrics::default()).await.unwrap();
    assert_eq!(ask(&redis).await, Err(Failure::Away));
    let _double = Double::start(&address.to_string(), Mood::Answers).await;
    there(&redis).await;
    assert!(redis.is_there());
}

#[tokio::test]
async fn one_that_stops_answering_is_waited_for_once() {
    let double = Double::start("127.0.0.1:0", Mood::Answers).await;
    let redis = Redis::open(&config(double.address), RedisMetrics::default()).await.unwrap();
    there(&redis).await;
    double.mood.send(Mood::Silent).unwrap();
    assert_eq!(ask(&redis).await, Err(Failure::Away));
    assert!(!redis.is_there());
    // Away at once from now on: nothing is sent, so nothing can be waited for.
    for _ in 0..1000 {
        assert_eq!(ask(&redis).await, Err(Failure::Away));
    }
    double.mood.send(Mood::Answers).unwrap();
    there(&redis).await;
    assert_eq!(redis.0.slot.made(), 2);
}

#[tokio::test]
async fn one_that_accepts_and_never_answers_costs_a_request_nothing() {
    let double = Double::start("127.0.0.1:0", Mood::Silent).await;
    let redis = Redis::open(&config(double.address), RedisMetrics::default()).await.unwrap();
    let tried_again = async || {
        assert_eq!(ask(&redis).await, Err(Failure::Away));
        double.connections.load(SeqCst) >= 3
    };
    until(tried_again).await;
    double.task.abort();
}

#[tokio::test]
async fn a_refused_command_does_not_cost_the_connection() {
    let double = Double::start("127.0.0.1:0", Mood::Refuses).await;
    let redis = Redis::open(&config(double.address), RedisMetrics::default()).await.unwrap();
    until(async || ask(&redis).await == Err(Failure::Refused)).await;
    double.mood.send(Mood::Answers).unwrap();
    assert_eq!(ask(&redis).await, Ok(None));
    // An answer of another kind than was asked for is no answer either.
    let number: Result<u64, Failure> = redis.ask(RedisOperation::Stat, &cmd("PING")).await;
    assert_eq!(number, Err(Failure::Refused));
    assert_eq!(redis.0.slot.made(), 1);
}

#[tokio::test]
async fn one_that_says_that_it_cannot_answer_now_is_away() {
    let double = Double::start("127.0.0.1:0", Mood::Loads).await;
    let redis = Redis::open(&config(double.address), RedisMetrics::default()).await.unwrap();
    until(async || redis.is_there()).await;
    assert_eq!(ask(&redis).await, Err(Failure::Away));
    assert!(!redis.is_there());
    double.mood.send(Mood::Answers).unwrap();
    there(&redis).await;
}

#[tokio::test]
async fn an_old_connection_is_replaced_and_nobody_notices() {
    let double = Double::start("127.0.0.1:0", Mood::Answers).await;
    let config = Config { connmaxlifetime: Period::millis(20), ..config(double.address) };
    let redis = Redis::open(&config, RedisMetrics::default()).await.unwrap();
    there(&redis).await;
    let replaced = async || {
        assert_eq!(ask(&redis).await, Ok(None));
        redis.0.slot.made() >= 4
    };
    until(replaced).await;
}

#[tokio::test]
async fn wrong_certificates_are_told_at_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut config = config("127.0.0.1:1".parse().unwrap());
    config.tls.rootcas = Strings::one(file.path().display().to_string());
    let error = Redis::open(&config, RedisMetrics::default()).await.err().unwrap().to_string();
    assert!(error.contains("redis.tls.rootcas[0]") && error.contains("no PEM"), "{error}");
    config.tls.rootcas = Strings::one("/nowhere.pem");
    let error = Redis::open(&config, RedisMetrics::default()).await.err().unwrap().to_string();
    assert!(error.contains("/nowhere.pem can't be read"), "{error}");
}
