//! On an object store: what passes through, and how often the store is asked.

use super::{Row, Scale, Unit, Who, images, large, lists, pulls};
use crate::bench::contestant::Contestant;
use crate::bench::load::{self, Sample};
use crate::bench::plain::Work;
use crate::bench::usage;
use crate::process::capture;
use anyhow::Result;

pub(super) fn rows(scale: Scale) -> Vec<Row> {
    let mib = scale.large_pull_mib;
    let push = large::docker_push(format!("S3: blob push {mib} MiB, as docker does it"), Who::OnS3, mib);
    let mut rows = vec![push.beside_plain(&[Work::Put, Work::PutHashed, Work::TakeAndPutHashed], mib << 20)];
    rows.extend(pulls::blobs_of("S3: blob GET", Who::OnS3, scale).into_iter().map(|row| {
        let is_large = row.name.contains(&mib.to_string());
        if is_large { row.beside_plain(&[Work::Get, Work::PassOn], mib << 20) } else { row }
    }));
    for (by, by_digest) in [("tag", false), ("digest", true)] {
        let measure = move |contestant: &Contestant, _| {
            let digest = pulls::image().2;
            let reference = if by_digest { digest.digest() } else { pulls::TAG };
            pulls::pull_manifest(contestant, reference, 16, scale)
        };
        let name = format!("S3: manifest GET by {by}, c = 16");
        rows.push(Row::new(name, Who::OnS3, Unit::Each, measure).prepared(pulls::publish_image));
    }
    rows.extend(images::rows("S3", Who::OnS3, scale));
    rows.push(lists::catalog_at_once("S3: catalog", Who::OnS3, Scale { repositories: scale.images, ..scale }));
    let name = "S3: garbage collection of all this".to_owned();
    let collection = Row::new(name, Who::OnS3, Unit::Milliseconds, |contestant, _| collect(contestant));
    // Also where it is the only row that was asked for.
    rows.push(collection.prepared(move |contestant| images::publish(contestant, scale)));
    rows
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
