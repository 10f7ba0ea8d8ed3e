//! Making an object out of parts.

use bytes::Bytes;

use super::bench::{Bench, Failure, Outcome, check, kind, noise};
use super::{Case, always};
use crate::storage::{ErrorKind, StorageKey};

pub(super) const CASES: &[Case] = &[
    Case { name: "parts make an object", promised: always, run: |bench| Box::pin(parts(bench)) },
    Case { name: "no object is made when a part is missing", promised: always, run: |bench| Box::pin(missing(bench)) },
];

async fn parts(bench: Bench) -> Outcome {
    for count in [0, 1, 2, 7] {
        let target = format!("target/{count}");
        bench.put(&target, "old").await?;
        let mut want = Vec::new();
        let mut keys = Vec::new();
        for number in 0..count {
            // One of them is empty, one is large.
            let size = [70_000, bench.options.large_bytes, 0, 1][number % 4];
            let content = noise(size, 31 + number as u64);
            want.extend_from_slice(&content);
            let name = format!("parts/{count}/{number}");
            bench.put(&name, content).await?;
            keys.push(bench.key(&name)?);
        }
        bench.storage.assemble(&keys, &bench.key(&target)?).await?;
        let found = bench.get(&target).await?;
        check!(found == Some(Bytes::from(want)), "{count} parts made other bytes");
        bench.storage.delete(&keys).await?;
        check!(bench.get(&target).await?.is_some(), "deleting the {count} parts took the object");
    }
    Ok(())
}

async fn missing(bench: Bench) -> Outcome {
    bench.put("part", "x").await?;
    let one: Vec<StorageKey> = vec![bench.key("absent")?];
    let several: Vec<StorageKey> =
        ["part", "absent"].into_iter().map(|name| bench.key(name)).collect::<Result<_, Failure>>()?;
    for parts in [one, several] {
        let outcome = bench.storage.assemble(&parts, &bench.key("target")?).await;
        check!(kind(&outcome) == Some(ErrorKind::NotFound), "a missing part gave {outcome:?}");
        check!(bench.get("target").await?.is_none(), "an object was made although a part is missing");
    }
    Ok(())
}
