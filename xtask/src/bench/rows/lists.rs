//! Many tags in one repository, and many repositories.

use super::{Row, Scale, Unit, Who};
use crate::bench::client::{Answer, Connection};
use crate::bench::content::{Family, Manifest};
use crate::bench::contestant::Contestant;
use crate::bench::load::{self, Client, Drive, Sample};
use anyhow::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const PAGE: u64 = 100;

pub(super) fn rows(scale: Scale) -> Vec<Row> {
    let (tags, repositories) = (scale.tags, scale.repositories);
    let put = move |contestant: &Contestant, round| {
        let repository = tagged(round);
        put_tags(contestant, &repository, scale)
    };
    vec![
        catalog(
            format!("catalog of {repositories} in pages of {PAGE}"),
            format!("/v2/_catalog?n={PAGE}"),
            Who::Registries,
            scale,
        ),
        catalog_at_once("catalog", Who::Registries, scale),
        Row::new(format!("PUT of {tags} tags, c = 64"), Who::Registries, Unit::Each, put).prepared(move |contestant| {
            (0..scale.rounds as u64).try_for_each(|round| publish_layers(contestant, &tagged(round)))
        }),
        Row::new(format!("tags/list?n={PAGE} of {tags}, c = 4"), Who::Registries, Unit::Each, move |contestant, _| {
            let first = format!("/v2/{}/tags/list?n={PAGE}", tagged(0));
            let clients = (0..4).map(|_| {
                let request = contestant.request("GET", &first, "");
                Box::new(Pages {
                    contestant_headers: contestant.authorization.clone(),
                    first: request.clone(),
                    next: request,
                }) as Box<dyn Client>
            });
            load::run(contestant, clients.collect(), Drive { seconds: scale.seconds, threads: 2 }, 0.0)
        })
        .prepared(move |contestant| fill_tags(contestant, scale)),
    ]
}

/// All repositories in one answer, with another beginning of the row's name and others who take part.
pub(super) fn catalog_at_once(name: &str, who: Who, scale: Scale) -> Row {
    let (repositories, everything) = (scale.repositories, scale.repositories + 1000);
    catalog(format!("{name} of {repositories} at once"), format!("/v2/_catalog?n={everything}"), who, scale)
}

fn catalog(name: String, first: String, who: Who, scale: Scale) -> Row {
    let measure = move |contestant: &Contestant, _| walk_for_a_while(contestant, &first, scale);
    Row::new(name, who, Unit::Each, measure).prepared(move |contestant| fill_catalog(contestant, scale))
}

fn tagged(round: u64) -> String {
    format!("bench/tags-{round}")
}

fn manifest() -> (crate::bench::content::Blob, crate::bench::content::Blob, Manifest) {
    let (config, layer) = (Family::new(200).blob(3), Family::new(1024).blob(4));
    let manifest = Manifest::image(&config, &layer);
    (config, layer, manifest)
}

fn publish_layers(contestant: &Contestant, repository: &str) -> Result<()> {
    let (config, layer, _) = manifest();
    contestant.publish_blob(repository, &config)?;
    contestant.publish_blob(repository, &layer)
}

/// Makes sure that the repository of the first round has its tags, when the row before has not been run.
fn fill_tags(contestant: &Contestant, scale: Scale) -> Result<()> {
    let path = format!("/v2/{}/tags/list?n=1", tagged(0));
    if contestant.exchange(&contestant.request("GET", &path, ""))?.status == 200 {
        return Ok(());
    }
    publish_layers(contestant, &tagged(0))?;
    put_tags(contestant, &tagged(0), scale).map(drop)
}

fn put_tags(contestant: &Contestant, repository: &str, scale: Scale) -> Result<Sample> {
    let (_, _, manifest) = manifest();
    let paths = format!("/v2/{repository}/manifests/tag-");
    fill(contestant, paths, &manifest, scale.tags, 64, scale.fill_seconds_max)
}

fn fill_catalog(contestant: &Contestant, scale: Scale) -> Result<()> {
    let path = "/v2/bench/many/repository-00000/manifests/latest";
    if contestant.exchange(&contestant.request("GET", path, ""))?.status == 200 {
        return Ok(());
    }
    let paths = "/v2/bench/many/repository-{}/manifests/latest".to_owned();
    fill(contestant, paths, &Manifest::empty_index(), scale.repositories, 16, scale.fill_seconds_max).map(drop)
}

/// Puts a manifest to many paths, in which `{}` (or the end) stands for a number.
fn fill(
    contestant: &Contestant,
    paths: String,
    manifest: &Manifest,
    count: u64,
    connections: usize,
    seconds: f64,
) -> Result<Sample> {
    let path = if paths.contains("{}") { paths } else { paths + "{}" };
    let request = contestant.request_with("PUT", &path, manifest.media_type(), manifest.bytes());
    let template = Arc::new(String::from_utf8(request)?);
    let number = Arc::new(AtomicU64::new(0));
    let client = || {
        Box::new(Numbered { template: Arc::clone(&template), number: Arc::clone(&number), count }) as Box<dyn Client>
    };
    let clients = std::iter::repeat_with(client).take(connections).collect();
    load::run(contestant, clients, Drive { seconds, threads: 2 }, 0.0)
}

/// The same request with another number each time.
struct Numbered {
    template: Arc<String>,
    number: Arc<AtomicU64>,
    count: u64,
}

impl Client for Numbered {
    fn request(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        if number < self.count {
            let request = self.template.replacen("{}", &format!("{number:05}"), 1);
            out.extend_from_slice(request.as_bytes());
        }
        Ok(number < self.count)
    }

    fn answer(&mut self, answer: &Answer) -> Result<u64> {
        answer.expect(201)?;
        Ok(1)
    }
}

/// Page after page, and from the front again.
struct Pages {
    contestant_headers: String,
    first: Vec<u8>,
    next: Vec<u8>,
}

impl Client for Pages {
    fn request(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        out.extend_from_slice(&self.next);
        Ok(true)
    }

    fn answer(&mut self, answer: &Answer) -> Result<u64> {
        answer.expect(200)?;
        self.next = match &answer.next {
            Some(path) => format!("GET {path} HTTP/1.1\r\nHost: bench\r\n{}\r\n", self.contestant_headers).into_bytes(),
            None => self.first.clone(),
        };
        Ok(1)
    }
}

/// Walks the whole list again and again; a unit is one walk.
fn walk_for_a_while(contestant: &Contestant, first: &str, scale: Scale) -> Result<Sample> {
    let mut connection = Connection::open(contestant.address())?;
    load::measured(contestant, || {
        let start = std::time::Instant::now();
        let mut walks = 0.0;
        while walks == 0.0 || start.elapsed().as_secs_f64() < scale.seconds {
            let mut path = Some(first.to_owned());
            while let Some(at) = path {
                let answer = connection.exchange(&contestant.request("GET", &at, ""))?;
                answer.expect(200)?;
                path = answer.next;
            }
            walks += 1.0;
        }
        Ok((walks, 0.0))
    })
}
