//! Whole or not at all.

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::try_join_all;

use super::bench::{Bench, Failure, Outcome, check, kind, noise};
use super::{Case, always};
use crate::storage::{ByteRange, ErrorKind, Shape, WriteOptions};

pub(super) const CASES: &[Case] = &[
    Case { name: "nothing is visible before finish", promised: always, run: |bench| Box::pin(before_finish(bench)) },
    Case { name: "a dropped writer leaves nothing", promised: always, run: |bench| Box::pin(dropped(bench)) },
    Case { name: "an aborted writer leaves nothing", promised: always, run: |bench| Box::pin(aborted(bench)) },
    Case {
        name: "a reader sees the old or the new object, whole",
        promised: always,
        run: |bench| Box::pin(overwritten(bench)),
    },
    Case { name: "of several writers one wins whole", promised: always, run: |bench| Box::pin(writers(bench)) },
    Case { name: "a reader outlives its object", promised: always, run: |bench| Box::pin(deleted(bench)) },
];

async fn before_finish(bench: Bench) -> Outcome {
    let mut writer = bench.storage.write(&bench.key("dir/object")?, WriteOptions::default()).await?;
    writer.write(vec![Bytes::from(noise(bench.options.large_bytes, 1))]).await?;
    check!(bench.get("dir/object").await?.is_none(), "an unfinished object can be read");
    let listed = bench.list("", Shape::Subtree, None, 10).await?;
    check!(listed.is_empty(), "an unfinished object is listed: {listed:?}");
    let listed = bench.list("", Shape::Children, None, 10).await?;
    check!(listed.is_empty(), "the prefix of an unfinished object is listed: {listed:?}");
    writer.finish().await?;
    check!(bench.get("dir/object").await?.is_some(), "a finished object can't be read");
    Ok(())
}

async fn dropped(bench: Bench) -> Outcome {
    bench.put("old", "old").await?;
    for name in ["old", "new"] {
        let mut writer = bench.storage.write(&bench.key(name)?, WriteOptions::default()).await?;
        writer.write(vec![Bytes::from(noise(bench.options.large_bytes, 2))]).await?;
        drop(writer);
    }
    check!(bench.get("old").await?.as_deref() == Some(b"old"), "a dropped writer changed the object that was there");
    check!(bench.get("new").await?.is_none(), "a dropped writer made an object");
    let listed = bench.list("", Shape::Children, None, 10).await?;
    check!(listed.len() == 1, "a dropped writer left something: {listed:?}");
    Ok(())
}

async fn aborted(bench: Bench) -> Outcome {
    bench.put("old", "old").await?;
    for name in ["old", "new"] {
        let mut writer = bench.storage.write(&bench.key(name)?, WriteOptions::default()).await?;
        writer.write(vec![Bytes::from(noise(bench.options.large_bytes, 2))]).await?;
        writer.abort().await?;
    }
    check!(bench.get("old").await?.as_deref() == Some(b"old"), "an aborted writer changed the object that was there");
    check!(bench.get("new").await?.is_none(), "an aborted writer made an object");
    Ok(())
}

/// Whether the bytes are one of the contents that [`content_of`] makes.
fn is_whole(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| bytes.iter().all(|byte| byte == first) && bytes.len() == len_of(*first))
}

fn len_of(mark: u8) -> usize {
    50_000 + 17_001 * usize::from(mark)
}

fn content_of(mark: u8) -> Bytes {
    vec![mark; len_of(mark)].into()
}

async fn overwritten(bench: Bench) -> Outcome {
    bench.put("object", content_of(0)).await?;
    let writer = bench.clone();
    let writing = tokio::spawn(async move {
        for round in 0..writer.options.rounds * 4 {
            writer.put("object", content_of((round % 7) as u8)).await?;
        }
        Outcome::Ok(())
    });
    let reading = |way: bool| {
        let (bench, writing) = (bench.clone(), writing.abort_handle());
        async move {
            // As long as there is writing, however much faster reading is.
            loop {
                let bytes = match way {
                    true => bench.get("object").await?.map(Vec::from),
                    false => Some(bench.read("object", 0, None).await?),
                };
                let Some(bytes) = bytes else { return Err(Failure("the object was gone for a moment".to_owned())) };
                check!(is_whole(&bytes), "{} bytes were read that nobody wrote so", bytes.len());
                if writing.is_finished() {
                    return Ok(());
                }
                // A storage that never waits would keep the writer from its turn.
                tokio::task::yield_now().await;
            }
        }
    };
    let readers = try_join_all((0..4).map(|number| tokio::spawn(reading(number % 2 == 0)))).await;
    writing.await.map_err(|error| Failure(error.to_string()))??;
    readers.map_err(|error| Failure(error.to_string()))?.into_iter().collect()
}

async fn writers(bench: Bench) -> Outcome {
    for _ in 0..bench.options.rounds.div_ceil(4) {
        let racers = (0..bench.options.racers.min(40)).map(|number| {
            let bench = bench.clone();
            tokio::spawn(async move { bench.put("a/deep/object", content_of(number as u8)).await })
        });
        let outcomes = try_join_all(racers).await.map_err(|error| Failure(error.to_string()))?;
        outcomes.into_iter().collect::<Outcome>()?;
        let Some(bytes) = bench.get("a/deep/object").await? else {
            return Err(Failure("nobody's object is there".to_owned()));
        };
        check!(is_whole(&bytes), "the object of {} bytes is a mixture", bytes.len());
        bench.delete("a/deep/object").await?;
    }
    Ok(())
}

/// A remote storage may break off; but none may end as if that were the whole object.
async fn deleted(bench: Bench) -> Outcome {
    let content = noise(bench.options.large_bytes, 5);
    for replaced in [false, true] {
        bench.put("object", content.clone()).await?;
        let mut body = bench.storage.read(&bench.key("object")?, ByteRange::ALL).await?.body;
        let mut read = Vec::new();
        if let Some(piece) = body.next().await {
            read.extend_from_slice(&piece?);
        }
        match replaced {
            true => bench.put("object", "short").await?,
            false => bench.delete("object").await?,
        }
        let rest: Result<Vec<Bytes>, _> = body.collect::<Vec<_>>().await.into_iter().collect();
        match rest {
            Ok(pieces) => {
                pieces.iter().for_each(|piece| read.extend_from_slice(piece));
                check!(read == content, "{} of {} bytes came before a clean end", read.len(), content.len());
            }
            Err(error) => check!(bench.storage.capabilities().remote, "the reader broke off: {error}"),
        }
    }
    let gone = bench.storage.stat(&bench.key("nothing")?).await;
    check!(kind(&gone) == Some(ErrorKind::NotFound), "what was never there is found: {gone:?}");
    Ok(())
}
