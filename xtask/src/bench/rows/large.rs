//! Large blobs: one stream in the two ways that clients send it, and eight at once.

use super::{Row, Scale, Unit, Who};
use crate::bench::client::Connection;
use crate::bench::content::{Blob, Family};
use crate::bench::contestant::{Contestant, with_digest};
use crate::bench::load::{self, Sample};
use anyhow::{Context, Result, bail};
use std::thread;

const REPOSITORY: &str = "bench/large";

/// What docker's client copies at a time, and therefore the size of its chunks.
const DOCKER_CHUNK_BYTES: usize = 32 * 1024;

const PARALLEL: u64 = 8;

/// How one blob is pushed.
type Way = fn(&Contestant, &mut Connection, &Blob) -> Result<()>;

/// One stream of `mib`.
fn one(name: String, who: Who, mib: u64, way: Way) -> Row {
    let family = Family::new(mib << 20);
    let measure = move |contestant: &Contestant, round| {
        let blob = family.blob(round);
        let mut connection = Connection::open(contestant.address())?;
        load::measured(contestant, || {
            way(contestant, &mut connection, &blob)?;
            Ok((1.0, blob.bytes() as f64))
        })
    };
    Row::new(name, who, Unit::Bytes, measure).fresh()
}

/// One stream of `mib` as docker sends it, for others who take part.
pub(super) fn docker_push(name: String, who: Who, mib: u64) -> Row {
    one(name, who, mib, patch_and_put)
}

pub(super) fn rows(scale: Scale) -> Vec<Row> {
    let mib = scale.large_push_mib;
    let parallel_mib = scale.parallel_push_mib;
    let family = Family::new(parallel_mib << 20);
    let parallel = move |contestant: &Contestant, round| all_at_once(contestant, &family, round);
    vec![
        one(format!("blob push {mib} MiB, POST + PUT"), Who::Registries, mib, put_whole),
        docker_push(format!("blob push {mib} MiB, as docker does it"), Who::Registries, mib),
        Row::new(format!("{PARALLEL} × {parallel_mib} MiB pushed at once"), Who::Registries, Unit::Bytes, parallel)
            .fresh(),
    ]
}

fn all_at_once(contestant: &Contestant, family: &Family, round: u64) -> Result<Sample> {
    let blobs: Vec<Blob> = (0..PARALLEL).map(|number| family.blob(round * PARALLEL + number)).collect();
    let mut sample = load::measured(contestant, || {
        thread::scope(|scope| {
            let push = |blob| patch_and_put(contestant, &mut Connection::open(contestant.address())?, blob);
            let pushes: Vec<_> = blobs.iter().map(|blob| scope.spawn(move || push(blob))).collect();
            pushes.into_iter().try_for_each(|thread| match thread.join() {
                Ok(outcome) => outcome,
                Err(_) => bail!("a thread of the load generator died"),
            })
        })?;
        Ok((blobs.len() as f64, blobs.iter().map(Blob::bytes).sum::<u64>() as f64))
    })?;
    sample.memory_mib = Some(contestant.memory_mib("VmHWM")?);
    Ok(sample)
}

/// POST, then everything in one PUT.
fn put_whole(contestant: &Contestant, connection: &mut Connection, blob: &Blob) -> Result<()> {
    let location = contestant.begin_upload(connection, REPOSITORY)?;
    put_at(contestant, connection, &location, blob)
}

/// Everything in one PUT to an upload that was begun.
pub(super) fn put_at(contestant: &Contestant, connection: &mut Connection, location: &str, blob: &Blob) -> Result<()> {
    let headers = format!("Content-Type: application/octet-stream\r\nContent-Length: {}\r\n", blob.bytes());
    connection.send(&contestant.request("PUT", &with_digest(location, blob.digest()), &headers))?;
    blob.pieces().try_for_each(|piece| connection.send(piece))?;
    connection.receive()?.expect(201)
}

/// POST, everything in one PATCH of unannounced length, and a PUT that only closes.
fn patch_and_put(contestant: &Contestant, connection: &mut Connection, blob: &Blob) -> Result<()> {
    let location = contestant.begin_upload(connection, REPOSITORY)?;
    connection.send(&contestant.request("PATCH", &location, "Transfer-Encoding: chunked\r\n"))?;
    let mut framed = Vec::new();
    let mut framed_from = None;
    for piece in blob.pieces() {
        // Almost all pieces are the same one, which is put into chunks only once.
        if framed_from != Some(piece.as_ptr_range()) {
            framed.clear();
            for chunk in piece.chunks(DOCKER_CHUNK_BYTES) {
                framed.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                framed.extend_from_slice(chunk);
                framed.extend_from_slice(b"\r\n");
            }
            framed_from = Some(piece.as_ptr_range());
        }
        connection.send(&framed)?;
    }
    connection.send(b"0\r\n\r\n")?;
    let answer = connection.receive()?;
    answer.expect(202)?;
    let location = answer.location.context("an upload without a Location")?;
    let path = with_digest(&location, blob.digest());
    connection.exchange(&contestant.request("PUT", &path, "Content-Length: 0\r\n"))?.expect(201)
}
