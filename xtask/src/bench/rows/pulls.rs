//! Manifests and blobs as clients fetch them.

use super::{Row, Scale, Unit, Who};
use crate::bench::content::{Blob, Family, IMAGE, Manifest};
use crate::bench::contestant::Contestant;
use crate::bench::load::{self, Client, Drive, Repeat, Sample};
use anyhow::Result;

pub(super) const REPOSITORY: &str = "bench/image";
pub(super) const TAG: &str = "latest";

/// The client's threads for small exchanges: what is left of the machine is the server's.
pub(super) const THREADS: usize = 2;

pub(super) fn rows(scale: Scale) -> Vec<Row> {
    let mut rows = Vec::new();
    for by_digest in [false, true] {
        for connections in [1, 16, 64] {
            let by = if by_digest { "digest" } else { "tag" };
            let name = format!("manifest GET by {by}, c = {connections}");
            let measure = move |contestant: &Contestant, _| {
                let digest = image().2;
                let reference = if by_digest { digest.digest() } else { TAG };
                pull_manifest(contestant, reference, connections, scale)
            };
            rows.push(Row::new(name, Who::AndNginx, Unit::Each, measure).prepared(publish_image));
        }
    }
    let large = scale.large_pull_mib;
    rows.push(blob_row("blob GET 1 KiB".to_owned(), 1024, 64, THREADS, Who::AndNginx, scale));
    rows.push(blob_row("blob GET 1 MiB".to_owned(), 1 << 20, 16, 16, Who::AndBothNginx, scale));
    rows.push(blob_row(format!("blob GET {large} MiB"), large << 20, 1, 1, Who::AndBothNginx, scale));
    rows
}

/// The larger blobs, with another beginning of their names and others who take part.
pub(super) fn blobs_of(name: &str, who: Who, scale: Scale) -> Vec<Row> {
    let large = scale.large_pull_mib;
    vec![
        blob_row(format!("{name} 1 MiB"), 1 << 20, 16, 16, who, scale),
        blob_row(format!("{name} {large} MiB"), large << 20, 1, 1, who, scale),
    ]
}

/// The config, the layer and the manifest of the image that is pulled.
pub(super) fn image() -> (Blob, Blob, Manifest) {
    let (config, layer) = (Family::new(200).blob(1), Family::new(1024).blob(2));
    let manifest = Manifest::image(&config, &layer);
    (config, layer, manifest)
}

/// Makes sure that the image is there.
pub(super) fn publish_image(contestant: &Contestant) -> Result<()> {
    let (config, layer, manifest) = image();
    contestant.publish_blob(REPOSITORY, &config)?;
    contestant.publish_blob(REPOSITORY, &layer)?;
    contestant.publish_manifest(REPOSITORY, TAG, &manifest)
}

/// Pulls the image's manifest for a while.
pub(super) fn pull_manifest(
    contestant: &Contestant,
    reference: &str,
    connections: usize,
    scale: Scale,
) -> Result<Sample> {
    let path = format!("/v2/{REPOSITORY}/manifests/{reference}");
    let request = contestant.request("GET", &path, &format!("Accept: {IMAGE}\r\n"));
    repeat(contestant, request, connections, Drive { seconds: scale.seconds, threads: THREADS }, 0)
}

fn blob_row(name: String, bytes: u64, connections: usize, threads: usize, who: Who, scale: Scale) -> Row {
    let family = Family::new(bytes);
    let number = 1000;
    let name = format!("{name}, c = {connections}");
    let seconds = scale.seconds.max(if bytes > 1 << 20 { 1.5 } else { 0.0 });
    let pulled = family.clone();
    let measure = move |contestant: &Contestant, _| {
        let path = format!("/v2/{REPOSITORY}/blobs/{}", pulled.blob(number).digest());
        let request = contestant.request("GET", &path, "");
        repeat(contestant, request, connections, Drive { seconds, threads }, bytes)
    };
    Row::new(name, who, if bytes < 1 << 20 { Unit::Each } else { Unit::Bytes }, measure)
        .prepared(move |contestant| contestant.publish_blob(REPOSITORY, &family.blob(number)))
}

fn repeat(contestant: &Contestant, request: Vec<u8>, connections: usize, drive: Drive, bytes: u64) -> Result<Sample> {
    // Caches are warm in every server, or in none.
    contestant.exchange(&request)?.expect(200)?;
    let client = || Box::new(Repeat { request: request.clone() }) as Box<dyn Client>;
    load::run(contestant, std::iter::repeat_with(client).take(connections).collect(), drive, bytes as f64)
}
