//! On an object store: what passes through, and how often the store is asked.

use super::{Row, Scale, Unit, Who, large, pulls};
use crate::bench::client::Connection;
use crate::bench::content::{Family, Manifest};
use crate::bench::contestant::Contestant;
use crate::bench::load::{self, Sample};
use crate::bench::usage;
use crate::process::capture;
use anyhow::{Result, bail};
use std::thread;

const REPOSITORY: &str = "bench/images";

const LAYERS: u64 = 10;
const LAYER_BYTES: u64 = 4096;

/// Images that are pushed at the same time.
const PUSHERS: u64 = 4;

pub(super) fn rows(scale: Scale) -> Vec<Row> {
    let (mib, images) = (scale.large_pull_mib, scale.images);
    let mut rows = vec![large::docker_push(format!("S3: blob push {mib} MiB, as docker does it"), Who::OnS3, mib)];
    rows.extend(pulls::blobs_of("S3: blob GET", Who::OnS3, scale));
    for (by, by_digest) in [("tag", false), ("digest", true)] {
        let measure = move |contestant: &Contestant, _| {
            let digest = pulls::image().2;
            let reference = if by_digest { digest.digest() } else { pulls::TAG };
            pulls::pull_manifest(contestant, reference, 16, scale)
        };
        let name = format!("S3: manifest GET by {by}, c = 16");
        rows.push(Row::new(name, Who::OnS3, Unit::Each, measure).prepared(pulls::publish_image));
    }
    let push = move |contestant: &Contestant, round| push_images(contestant, images, round);
    let name = format!("S3: push of {images} images of {LAYERS} small layers, c = {PUSHERS}");
    rows.push(Row::new(name, Who::OnS3, Unit::Each, push));
    let tags = |contestant: &Contestant, _| {
        let request = contestant.request("GET", &format!("/v2/{REPOSITORY}/tags/list"), "");
        let mut connection = Connection::open(contestant.address())?;
        load::measured(contestant, || connection.exchange(&request)?.expect(200).map(|()| (1.0, 0.0)))
    };
    rows.push(Row::new("S3: list of their tags".to_owned(), Who::OnS3, Unit::Milliseconds, tags));
    let name = "S3: garbage collection of them".to_owned();
    rows.push(Row::new(name, Who::OnS3, Unit::Milliseconds, |contestant, _| collect(contestant)));
    rows
}

/// Layers and configs of their own, all in one repository, under a tag each.
fn push_images(contestant: &Contestant, images: u64, round: u64) -> Result<Sample> {
    let pusher = |number: u64| {
        let mut connection = Connection::open(contestant.address())?;
        (number..images)
            .step_by(PUSHERS as usize)
            .try_for_each(|image| push_image(contestant, &mut connection, image, round))
    };
    load::measured(contestant, || {
        thread::scope(|scope| {
            let pushers: Vec<_> = (0..PUSHERS).map(|number| scope.spawn(move || pusher(number))).collect();
            pushers.into_iter().try_for_each(|thread| match thread.join() {
                Ok(outcome) => outcome,
                Err(_) => bail!("a thread of the load generator died"),
            })
        })?;
        Ok((images as f64, (images * LAYERS * LAYER_BYTES) as f64))
    })
}

fn push_image(contestant: &Contestant, connection: &mut Connection, image: u64, round: u64) -> Result<()> {
    let family = Family::new(LAYER_BYTES);
    let first = (round << 32) + image * (LAYERS + 1);
    let layers: Vec<_> = (1..=LAYERS).map(|layer| family.blob(first + layer)).collect();
    let config = Family::new(200).blob(first);
    for blob in layers.iter().chain([&config]) {
        let location = contestant.begin_upload(connection, REPOSITORY)?;
        large::put_at(contestant, connection, &location, blob)?;
    }
    let manifest = Manifest::image_of(&config, &layers);
    let path = format!("/v2/{REPOSITORY}/manifests/{round}-{image}");
    connection.exchange(&contestant.request_with("PUT", &path, manifest.media_type(), manifest.bytes()))?.expect(201)
}

/// The collection is a process of its own, started beside the idle server.
fn collect(contestant: &Contestant) -> Result<Sample> {
    let before = usage::ended_children_cpu_seconds()?;
    let sample = load::measured(contestant, || {
        capture(&mut contestant.command("garbage-collect"))?;
        Ok((1.0, 0.0))
    })?;
    Ok(Sample { cpu_seconds: usage::ended_children_cpu_seconds()? - before, ..sample })
}
