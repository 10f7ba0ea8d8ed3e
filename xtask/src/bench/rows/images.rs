//! Whole images of many small layers, as a build farm pushes and a cluster pulls them.

use super::{Row, Scale, Unit, Who, large};
use crate::bench::client::Connection;
use crate::bench::content::{Blob, Family, IMAGE, Manifest};
use crate::bench::contestant::Contestant;
use crate::bench::load::{self, Sample};
use anyhow::{Result, bail};
use std::thread;

const REPOSITORY: &str = "bench/images";

const LAYERS: u64 = 10;
const LAYER_BYTES: u64 = 4096;

/// Images that are on their way at the same time.
const AT_ONCE: u64 = 4;

/// The images that are pulled are those of a round that no run reaches.
const PULLED: u64 = 1 << 20;

/// What is done with one image.
type Step = fn(&Contestant, &mut Connection, Image) -> Result<()>;

pub(super) fn rows(name: &str, who: Who, scale: Scale) -> Vec<Row> {
    let images = scale.images;
    let row = |what: &str, step: Step, round_of: fn(u64) -> u64| {
        let name = format!("{name}: {what} of {images} images of {LAYERS} small layers, c = {AT_ONCE}");
        Row::new(name, who, Unit::Each, move |contestant, round| each_image(contestant, images, round_of(round), step))
    };
    let publish = move |contestant: &Contestant| publish(contestant, scale);
    vec![
        row("push", Image::push, |round| round),
        row("pull", Image::pull, |_| PULLED).prepared(publish),
        Row::new(format!("{name}: list of their tags"), who, Unit::Milliseconds, |contestant, _| tags(contestant))
            .prepared(publish),
    ]
}

/// Makes sure that the images to pull are there.
pub(super) fn publish(contestant: &Contestant, scale: Scale) -> Result<()> {
    let last = Image { round: PULLED, number: scale.images - 1 };
    if contestant.exchange(&contestant.request("GET", &last.path(), ""))?.status == 200 {
        return Ok(());
    }
    each_image(contestant, scale.images, PULLED, Image::push).map(drop)
}

/// The list of tags, all at once.
fn tags(contestant: &Contestant) -> Result<Sample> {
    let request = contestant.request("GET", &format!("/v2/{REPOSITORY}/tags/list"), "");
    let mut connection = Connection::open(contestant.address())?;
    load::measured(contestant, || connection.exchange(&request)?.expect(200).map(|()| (1.0, 0.0)))
}

fn each_image(contestant: &Contestant, images: u64, round: u64, step: Step) -> Result<Sample> {
    let some_of_them = |first: u64| {
        let mut connection = Connection::open(contestant.address())?;
        let mut numbers = (first..images).step_by(AT_ONCE as usize);
        numbers.try_for_each(|number| step(contestant, &mut connection, Image { round, number }))
    };
    load::measured(contestant, || {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..AT_ONCE).map(|first| scope.spawn(move || some_of_them(first))).collect();
            threads.into_iter().try_for_each(|thread| match thread.join() {
                Ok(outcome) => outcome,
                Err(_) => bail!("a thread of the load generator died"),
            })
        })?;
        Ok((images as f64, (images * LAYERS * LAYER_BYTES) as f64))
    })
}

/// An image whose layers and config no other one has.
#[derive(Clone, Copy)]
struct Image {
    round: u64,
    number: u64,
}

impl Image {
    fn blobs(self) -> (Blob, Vec<Blob>) {
        let first = (self.round << 32) + self.number * (LAYERS + 1);
        let family = Family::new(LAYER_BYTES);
        (Family::new(200).blob(first), (1..=LAYERS).map(|layer| family.blob(first + layer)).collect())
    }

    fn path(self) -> String {
        format!("/v2/{REPOSITORY}/manifests/{}-{}", self.round, self.number)
    }

    fn push(contestant: &Contestant, connection: &mut Connection, image: Self) -> Result<()> {
        let (config, layers) = image.blobs();
        for blob in layers.iter().chain([&config]) {
            let location = contestant.begin_upload(connection, REPOSITORY)?;
            large::put_at(contestant, connection, &location, blob)?;
        }
        let manifest = Manifest::image_of(&config, &layers);
        let request = contestant.request_with("PUT", &image.path(), manifest.media_type(), manifest.bytes());
        connection.exchange(&request)?.expect(201)
    }

    fn pull(contestant: &Contestant, connection: &mut Connection, image: Self) -> Result<()> {
        let (config, layers) = image.blobs();
        let headers = format!("Accept: {IMAGE}\r\n");
        connection.exchange(&contestant.request("GET", &image.path(), &headers))?.expect(200)?;
        for blob in layers.iter().chain([&config]) {
            let path = format!("/v2/{REPOSITORY}/blobs/{}", blob.digest());
            connection.exchange(&contestant.request("GET", &path, ""))?.expect(200)?;
        }
        Ok(())
    }
}
