//! Writing and reading one object.

use bytes::Bytes;

use super::bench::{Bench, Outcome, check, kind, noise};
use super::{Case, always};
use crate::storage::{ByteRange, ErrorKind, WriteOptions};

pub(super) const CASES: &[Case] = &[
    Case { name: "what is put comes back", promised: always, run: |bench| Box::pin(round_trips(bench)) },
    Case { name: "what is written in pieces comes back", promised: always, run: |bench| Box::pin(pieces(bench)) },
    Case { name: "a range gives exactly its bytes", promised: always, run: |bench| Box::pin(ranges(bench)) },
    Case { name: "an absent object is not found", promised: always, run: |bench| Box::pin(absent(bench)) },
    Case { name: "a prefix is no object", promised: always, run: |bench| Box::pin(prefix(bench)) },
    Case { name: "get refuses more than it may hold", promised: always, run: |bench| Box::pin(too_large(bench)) },
    Case { name: "a copy is equal and independent", promised: always, run: |bench| Box::pin(copy(bench)) },
];

async fn round_trips(bench: Bench) -> Outcome {
    for (size, seed) in [0, 1, 4096, bench.options.large_bytes].into_iter().zip(1..) {
        let content = Bytes::from(noise(size, seed));
        bench.put("object", content.clone()).await?;
        let meta = bench.storage.stat(&bench.key("object")?).await?;
        check!(meta.size == size as u64, "stat says {} bytes, not {size}", meta.size);
        check!(bench.get("object").await? == Some(content.clone()), "get gave other bytes than put for {size} bytes");
        check!(bench.read("object", 0, None).await? == content, "read gave other bytes than put for {size} bytes");
    }
    Ok(())
}

async fn pieces(bench: Bench) -> Outcome {
    let content = Bytes::from(noise(bench.options.large_bytes, 7));
    // Pieces of every kind of size: none, one byte, odd, large.
    let mut pieces = vec![Bytes::new(), content.slice(..1), content.slice(1..1), content.slice(1..70_000)];
    let mut at = 70_000;
    while at < content.len() {
        let end = (at + 1_048_577).min(content.len());
        pieces.push(content.slice(at..end));
        at = end;
    }
    let size = bench.write("object", WriteOptions::default(), pieces).await?;
    check!(size == content.len() as u64, "finish says {size} bytes, not {}", content.len());
    check!(bench.read("object", 0, None).await? == content, "other bytes came back");
    let mut writer = bench.storage.write(&bench.key("many")?, WriteOptions::default()).await?;
    let tiny: Vec<Bytes> = (0..5000).map(|at| content.slice(at..at + 1)).collect();
    writer.write(tiny).await?;
    writer.write(Vec::new()).await?;
    let size = writer.finish().await?;
    check!(size == 5000, "finish says {size} bytes, not 5000");
    check!(bench.get("many").await? == Some(content.slice(..5000)), "5000 pieces of one byte came back otherwise");
    let size = bench.write("empty", WriteOptions::default(), Vec::new()).await?;
    check!(
        size == 0 && bench.get("empty").await? == Some(Bytes::new()),
        "a writer without pieces made no empty object"
    );
    let volatile = WriteOptions { volatile: true, ..WriteOptions::default() };
    bench.storage.put(&bench.key("volatile")?, Bytes::from_static(b"v"), volatile).await?;
    check!(bench.get("volatile").await?.as_deref() == Some(b"v"), "a volatile object did not come back");
    Ok(())
}

async fn ranges(bench: Bench) -> Outcome {
    let content = Bytes::from(noise(bench.options.large_bytes, 3));
    let size = content.len() as u64;
    bench.put("object", content.clone()).await?;
    for (start, len) in [
        (0, Some(1)),
        (0, Some(0)),
        (1, Some(1)),
        (size - 1, Some(1)),
        (size - 1, None),
        (0, Some(size)),
        (0, Some(size + 1)),
        (5, Some(u64::MAX)),
        (1_048_575, Some(2)),
        (262_143, Some(1_048_578)),
    ] {
        let end = len.map_or(size, |len| start.saturating_add(len).min(size));
        let read = bench.read("object", start, len).await?;
        let want = &content[start as usize..end as usize];
        check!(
            read == want,
            "{len:?} bytes from {start} gave {} other bytes than the {} wanted",
            read.len(),
            want.len()
        );
    }
    let key = bench.key("object")?;
    let behind = bench.storage.read(&key, ByteRange { start: size + 1, len: None }).await.map(drop);
    check!(kind(&behind) == Some(ErrorKind::RangeNotSatisfiable), "a range behind the end gave {behind:?}");
    let part = bench.storage.read(&key, ByteRange { start: 9, len: Some(2) }).await?;
    check!(part.meta.size == size, "a range is said to belong to an object of {} bytes, not {size}", part.meta.size);
    Ok(())
}

async fn absent(bench: Bench) -> Outcome {
    let key = bench.key("nothing/here")?;
    let stat = bench.storage.stat(&key).await;
    check!(kind(&stat) == Some(ErrorKind::NotFound), "stat gave {stat:?}");
    let get = bench.storage.get(&key, 10).await;
    check!(kind(&get) == Some(ErrorKind::NotFound), "get gave {get:?}");
    let read = bench.storage.read(&key, ByteRange::ALL).await.map(drop);
    check!(kind(&read) == Some(ErrorKind::NotFound), "read gave {read:?}");
    let copy = bench.storage.copy(&key, &bench.key("target")?).await;
    check!(kind(&copy) == Some(ErrorKind::NotFound), "copy gave {copy:?}");
    check!(bench.get("target").await?.is_none(), "copying nothing made an object");
    Ok(())
}

async fn prefix(bench: Bench) -> Outcome {
    bench.put("a/b/c", "x").await?;
    for name in ["a", "a/b", "a/b/c/d"] {
        let stat = bench.storage.stat(&bench.key(name)?).await;
        check!(kind(&stat) == Some(ErrorKind::NotFound), "stat of {name:?} gave {stat:?}");
        check!(bench.get(name).await?.is_none(), "get of {name:?} gave an object");
        let read = bench.storage.read(&bench.key(name)?, ByteRange::ALL).await.map(drop);
        check!(kind(&read) == Some(ErrorKind::NotFound), "read of {name:?} gave {read:?}");
        bench.delete(name).await?;
    }
    check!(bench.get("a/b/c").await?.is_some(), "deleting its prefix as an object removed it");
    Ok(())
}

async fn too_large(bench: Bench) -> Outcome {
    bench.put("object", "12345").await?;
    let key = bench.key("object")?;
    let exact = bench.storage.get(&key, 5).await?;
    check!(exact == "12345", "5 of at most 5 bytes came back as {exact:?}");
    let over = bench.storage.get(&key, 4).await;
    check!(kind(&over) == Some(ErrorKind::TooLarge), "5 of at most 4 bytes gave {over:?}");
    Ok(())
}

async fn copy(bench: Bench) -> Outcome {
    let content = Bytes::from(noise(bench.options.large_bytes, 11));
    bench.put("from", content.clone()).await?;
    bench.put("deep/to", "old").await?;
    bench.storage.copy(&bench.key("from")?, &bench.key("deep/to")?).await?;
    check!(bench.get("deep/to").await? == Some(content.clone()), "the copy has other bytes");
    bench.put("from", "new").await?;
    check!(bench.get("deep/to").await? == Some(content), "overwriting the original changed the copy");
    Ok(())
}
