//! Deleting.

use super::bench::{Bench, Failure, Outcome, check, names};
use super::{Case, always};
use crate::storage::{Shape, StorageKey};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "what is deleted is gone, what is absent is fine",
        promised: always,
        run: |bench| Box::pin(keys(bench)),
    },
    Case { name: "deleting a prefix takes all beneath it", promised: always, run: |bench| Box::pin(prefix(bench)) },
    Case { name: "writers beside a deleter lose nothing", promised: always, run: |bench| Box::pin(beside(bench)) },
];

async fn keys(bench: Bench) -> Outcome {
    bench.storage.delete(&[]).await?;
    let wanted = ["a/1", "a/2", "b", "keep"];
    for name in wanted {
        bench.put(name, "x").await?;
    }
    let gone: Vec<StorageKey> = ["a/1", "absent", "absent/deep", "b/none", "a/2", "b", "b"]
        .into_iter()
        .map(|name| bench.key(name))
        .collect::<Result<_, Failure>>()?;
    bench.storage.delete(&gone).await?;
    bench.storage.delete(&gone).await?;
    for shape in [Shape::Children, Shape::Subtree] {
        let left = bench.list("", shape, None, 10).await?;
        check!(names(&left) == ["keep"], "{shape:?} shows {:?} after deleting all but one", names(&left));
    }
    bench.put("a/1", "again").await?;
    check!(bench.get("a/1").await?.as_deref() == Some(b"again"), "a deleted key can't be written again");
    Ok(())
}

async fn prefix(bench: Bench) -> Outcome {
    for name in ["a/1", "a/b/2", "a/b/c/3", "ab", "a.b/4"] {
        bench.put(name, "x").await?;
    }
    bench.storage.delete_prefix(&bench.key("absent")?).await?;
    bench.storage.delete_prefix(&bench.key("ab")?).await?;
    check!(bench.get("ab").await?.is_some(), "deleting beneath a key took the key");
    bench.storage.delete_prefix(&bench.key("a")?).await?;
    let left = bench.list("", Shape::Subtree, None, 10).await?;
    check!(names(&left) == ["a.b/4", "ab"], "deleting beneath a left {:?}", names(&left));
    let left = bench.list("", Shape::Children, None, 10).await?;
    check!(names(&left) == ["a.b", "ab"], "deleting beneath a left the prefixes {:?}", names(&left));
    Ok(())
}

/// Each writes and deletes in the same deep directory, which so comes and goes under the others.
async fn beside(bench: Bench) -> Outcome {
    let tasks = (0..bench.options.racers.min(8)).map(|number| {
        let bench = bench.clone();
        tokio::spawn(async move {
            let name = format!("deep/er/object-{number}");
            for round in 0..bench.options.rounds {
                bench.put(&name, format!("{round}")).await?;
                let found = bench.get(&name).await?;
                check!(
                    found.as_deref() == Some(format!("{round}").as_bytes()),
                    "in round {round}, {name} is {found:?}"
                );
                bench.delete(&name).await?;
            }
            Ok(())
        })
    });
    let outcomes = futures_util::future::try_join_all(tasks).await.map_err(|error| Failure(error.to_string()))?;
    outcomes.into_iter().collect::<Outcome>()?;
    let left = bench.list("", Shape::Children, None, 10).await?;
    check!(left.is_empty(), "all is deleted, but {:?} is left", names(&left));
    Ok(())
}
