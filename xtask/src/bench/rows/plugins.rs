//! What components cost: asked about each request, stored in, exchanged under load, compiled.

use super::{Row, Scale, Unit, Who, pulls, pushes};
use crate::bench::contestant::Contestant;
use crate::bench::load::Sample;
use crate::bench::plugins::{ADMIN_SOCKET, AUTH};
use anyhow::{Context, Result, bail, ensure};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Between two exchanges: what `wharf plugin swap` in a loop would do, made worse.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) fn rows(scale: Scale) -> Vec<Row> {
    let mut rows = Vec::new();
    for connections in [1, 16] {
        let name = format!("auth plugin, manifest GET, c = {connections}");
        let measure =
            move |contestant: &Contestant, _| pulls::pull_manifest(contestant, pulls::TAG, connections, scale);
        rows.push(Row::new(name, Who::AuthPlugins, Unit::Each, measure).prepared(pulls::publish_image));
    }
    let memory = move |contestant: &Contestant, _| {
        pulls::publish_image(contestant)?;
        let sample = pulls::pull_manifest(contestant, pulls::TAG, 16, scale)?;
        Ok(Sample { memory_mib: Some(contestant.memory_mib("VmRSS")?), ..sample })
    };
    let name = "auth plugin, memory (RSS) after c = 16".to_owned();
    rows.push(Row::new(name, Who::AuthPlugins, Unit::Memory, memory).fresh());
    let swap = move |contestant: &Contestant, _| exchange_under_load(contestant, scale);
    let name = "auth plugin exchanged under c = 16".to_owned();
    rows.push(Row::new(name, Who::SwappedPlugin, Unit::Milliseconds, swap).prepared(pulls::publish_image));
    for kept in [false, true] {
        let name = if kept { "start, compiled code kept" } else { "start, nothing compiled" };
        rows.push(
            Row::new(name.to_owned(), Who::Compiling { kept }, Unit::Milliseconds, super::process::start).fresh(),
        );
    }
    rows.extend(pushes::rows_of("storage plugin, push", Who::StoragePlugins, scale));
    rows.extend(pulls::blobs_of("storage plugin, GET", Who::StoragePlugins, scale));
    rows
}

/// Exchanges the auth provider again and again while 16 connections pull, each answer checked. A unit is an exchange, its time
/// the server's from request to answer.
fn exchange_under_load(contestant: &Contestant, scale: Scale) -> Result<Sample> {
    let over = AtomicBool::new(false);
    let (exchanges, micros) = (AtomicU64::new(0), AtomicU64::new(0));
    let load = thread::scope(|scope| {
        let exchanging = scope.spawn(|| {
            for component in contestant.exchanged.iter().cycle() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let begin = Instant::now();
                if !exchange(&contestant.folder().join(ADMIN_SOCKET), component)? {
                    continue;
                }
                exchanges.fetch_add(1, Ordering::Relaxed);
                micros.fetch_add(begin.elapsed().as_micros() as u64, Ordering::Relaxed);
                thread::sleep(PAUSE);
            }
            Ok(())
        });
        let load = pulls::pull_manifest(contestant, pulls::TAG, 16, scale);
        over.store(true, Ordering::Relaxed);
        match exchanging.join() {
            Ok(outcome) => outcome.and(load),
            Err(_) => bail!("the thread that exchanges died"),
        }
    })?;
    let seconds = micros.into_inner() as f64 / 1e6;
    Ok(Sample { units: exchanges.into_inner() as f64, seconds, ..load })
}

/// `POST /plugins/auth/swap` on the admin listener's socket. False when this component is in service already, as after the round before.
fn exchange(socket: &Path, component: &Path) -> Result<bool> {
    let mut stream = UnixStream::connect(socket).with_context(|| format!("cannot reach {}", socket.display()))?;
    let body = serde_json::json!({ "component": component }).to_string();
    let head = format!(
        "POST /plugins/{AUTH}/swap HTTP/1.1\r\nHost: admin\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "no exchange: {answer}");
    Ok(answer.contains("\"changed\":true"))
}
