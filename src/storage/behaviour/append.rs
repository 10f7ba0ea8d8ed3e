//! Growing objects.

use bytes::Bytes;

use super::Case;
use super::bench::{Bench, Failure, Outcome, check, kind, noise};
use crate::storage::{Capabilities, ErrorKind, Shape, WriteOptions};

pub(super) const CASES: &[Case] = &[
    Case { name: "an object grows by appending", promised: told, run: |bench| Box::pin(grows(bench)) },
    Case {
        name: "appending elsewhere than at the end is told apart",
        promised: told,
        run: |bench| Box::pin(offsets(bench)),
    },
    Case { name: "an unfinished append is thrown away", promised: told, run: |bench| Box::pin(unfinished(bench)) },
    Case { name: "of several appenders one gets in", promised: told, run: |bench| Box::pin(race(bench)) },
    Case { name: "what is appended to can't be assembled", promised: told, run: |bench| Box::pin(assembled(bench)) },
];

fn told(capabilities: Capabilities) -> bool {
    capabilities.append
}

fn at(offset: u64) -> WriteOptions {
    WriteOptions { append_at: Some(offset), ..WriteOptions::default() }
}

async fn grows(bench: Bench) -> Outcome {
    let content = Bytes::from(noise(bench.options.large_bytes, 21));
    let mut offset = 0;
    for size in [0, 1, 4095, 1_048_576, content.len() - 1_052_672] {
        let piece = content.slice(offset..offset + size);
        let total = bench.write("up/data", at(offset as u64), vec![piece]).await?;
        offset += size;
        check!(total == offset as u64, "the object has {offset} bytes, but finish says {total}");
    }
    check!(bench.get("up/data").await? == Some(content), "other bytes came back");
    Ok(())
}

async fn offsets(bench: Bench) -> Outcome {
    let absent = bench.write("absent/data", at(1), Vec::new()).await;
    check!(kind(&absent) == Some(ErrorKind::Conflict), "appending at 1 to nothing gave {absent:?}");
    check!(bench.get("absent/data").await?.is_none(), "a refused append made an object");
    let listed = bench.list("", Shape::Children, None, 10).await?;
    check!(listed.is_empty(), "a refused append left {listed:?}");
    bench.write("data", at(0), vec![Bytes::from_static(b"12345")]).await?;
    let short = bench.write("data", at(6), Vec::new()).await;
    check!(kind(&short) == Some(ErrorKind::Conflict), "appending at 6 to 5 bytes gave {short:?}");
    check!(bench.get("data").await?.as_deref() == Some(b"12345"), "a refused append changed the object");
    bench.write("data", at(2), vec![Bytes::from_static(b"x")]).await?;
    check!(bench.get("data").await?.as_deref() == Some(b"12x"), "what lay behind the offset was not cut off");
    Ok(())
}

async fn unfinished(bench: Bench) -> Outcome {
    bench.write("data", at(0), vec![Bytes::from_static(b"12345")]).await?;
    let key = bench.key("data")?;
    let mut writer = bench.storage.write(&key, at(5)).await?;
    writer.write(vec![Bytes::from_static(b"aborted")]).await?;
    writer.abort().await?;
    check!(bench.get("data").await?.as_deref() == Some(b"12345"), "an aborted append stayed");
    let mut writer = bench.storage.write(&key, at(5)).await?;
    writer.write(vec![Bytes::from_static(b"dropped")]).await?;
    drop(writer);
    // Dropping can't wait until the lock is free again; the next writer may have to.
    for _ in 0..10_000 {
        match bench.write("data", at(5), vec![Bytes::from_static(b"6")]).await {
            Err(error) if error.kind() == ErrorKind::Conflict => tokio::task::yield_now().await,
            other => {
                other?;
                break;
            }
        }
    }
    let found = bench.get("data").await?;
    check!(found.as_deref() == Some(b"123456"), "after a dropped append and a finished one there is {found:?}");
    Ok(())
}

async fn race(bench: Bench) -> Outcome {
    for round in 0..bench.options.rounds {
        let name = format!("{round}/data");
        bench.write(&name, at(0), vec![Bytes::from_static(b"begin")]).await?;
        let first = bench.storage.write(&bench.key(&name)?, at(5)).await?;
        let second = bench.storage.write(&bench.key(&name)?, at(5)).await.map(drop);
        check!(kind(&second) == Some(ErrorKind::Conflict), "a second writer beside the first gave {second:?}");
        first.abort().await?;
        let racers = (0..bench.options.racers).map(|number| {
            let (bench, name) = (bench.clone(), name.clone());
            tokio::spawn(async move { bench.write(&name, at(5), vec![Bytes::from(vec![number as u8; 3000])]).await })
        });
        let outcomes = futures_util::future::try_join_all(racers).await.map_err(|error| Failure(error.to_string()))?;
        check!(outcomes.iter().any(Result::is_ok), "nobody got in: {outcomes:?}");
        let refused = |outcome: &&crate::storage::Result<u64>| kind(outcome) == Some(ErrorKind::Conflict);
        let (won, lost) = (outcomes.iter().filter(|o| o.is_ok()).count(), outcomes.iter().filter(refused).count());
        check!(won + lost == outcomes.len(), "an appender was told something else than a conflict: {outcomes:?}");
        // Those who came one after the other have each cut off what the one before had written.
        let content = bench.get(&name).await?.unwrap_or_default();
        let whole = content.len() == 3005 && content[5..].iter().all(|byte| *byte == content[5]);
        check!(whole && content.starts_with(b"begin"), "{} bytes are a mixture of several appenders", content.len());
    }
    Ok(())
}

async fn assembled(bench: Bench) -> Outcome {
    let key = bench.key("data")?;
    bench.write("data", at(0), vec![Bytes::from_static(b"12345")]).await?;
    let writer = bench.storage.write(&key, at(5)).await?;
    let target = bench.key("blob")?;
    let beside = bench.storage.assemble(std::slice::from_ref(&key), &target).await;
    check!(kind(&beside) == Some(ErrorKind::Conflict), "assembling beside an appender gave {beside:?}");
    check!(bench.get("blob").await?.is_none(), "an object was made of what is still written");
    writer.abort().await?;
    bench.storage.assemble(std::slice::from_ref(&key), &target).await?;
    check!(bench.get("blob").await?.as_deref() == Some(b"12345"), "other bytes were assembled");
    Ok(())
}
