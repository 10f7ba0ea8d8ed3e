//! Blobs of ordinary sizes, each with content that the server has not seen, by POST and PUT.

use super::{Row, Scale, Unit, Who};
use crate::bench::client::Answer;
use crate::bench::content::Family;
use crate::bench::contestant::with_digest;
use crate::bench::load::{self, Client, Drive};
use anyhow::{Context, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const REPOSITORY: &str = "bench/pushes";

pub(super) fn rows(scale: Scale) -> Vec<Row> {
    rows_of("blob push", Who::Registries, scale)
}

/// The same, with another beginning of their names and others who take part.
pub(super) fn rows_of(name: &str, who: Who, scale: Scale) -> Vec<Row> {
    let seconds = scale.seconds * 1.5;
    let small = Drive { seconds, threads: super::pulls::THREADS };
    vec![
        row(format!("{name} 4 KiB, c = 16"), who, 4 << 10, 16, Unit::Each, small),
        row(format!("{name} 1 MiB, c = 4"), who, 1 << 20, 4, Unit::Bytes, Drive { seconds, threads: 4 }),
    ]
}

fn row(name: String, who: Who, bytes: u64, connections: usize, unit: Unit, drive: Drive) -> Row {
    let family = Family::new(bytes);
    // Goes on from round to round and from server to server, so that nobody gets the same blob twice.
    let numbers = Arc::new(AtomicU64::new(0));
    Row::new(name, who, unit, move |contestant, _| {
        let client = || {
            Box::new(Push {
                post: contestant.request("POST", &format!("/v2/{REPOSITORY}/blobs/uploads/"), "Content-Length: 0\r\n"),
                authorization: contestant.authorization.clone(),
                family: family.clone(),
                numbers: Arc::clone(&numbers),
                location: None,
                putting: false,
            }) as Box<dyn Client>
        };
        let clients = std::iter::repeat_with(client).take(connections).collect();
        load::run(contestant, clients, drive, bytes as f64)
    })
}

/// POST, PUT, POST, PUT…
struct Push {
    post: Vec<u8>,
    authorization: String,
    family: Family,
    numbers: Arc<AtomicU64>,
    /// Where the upload that was begun goes on.
    location: Option<String>,
    putting: bool,
}

impl Client for Push {
    fn request(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let Some(location) = self.location.take() else {
            self.putting = false;
            out.extend_from_slice(&self.post);
            return Ok(true);
        };
        self.putting = true;
        let blob = self.family.blob(self.numbers.fetch_add(1, Ordering::Relaxed));
        let head = format!(
            "PUT {} HTTP/1.1\r\nHost: bench\r\n{}Content-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
            with_digest(&location, blob.digest()),
            self.authorization,
            blob.bytes(),
        );
        out.extend_from_slice(head.as_bytes());
        blob.pieces().for_each(|piece| out.extend_from_slice(piece));
        Ok(true)
    }

    fn answer(&mut self, answer: &Answer) -> Result<u64> {
        if self.putting {
            answer.expect(201)?;
            return Ok(1);
        }
        answer.expect(202)?;
        self.location = Some(answer.location.clone().context("an upload without a Location")?);
        Ok(0)
    }
}
