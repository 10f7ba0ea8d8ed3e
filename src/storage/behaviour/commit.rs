//! Several changes as one.

use bytes::Bytes;

use super::bench::{Bench, Failure, Outcome, check, kind};
use super::{Case, always};
use crate::storage::{Change, ErrorKind, Shape, WriteOptions};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a commit applies all its changes in order",
        promised: always,
        run: |bench| Box::pin(in_order(bench)),
    },
    Case {
        name: "a failed commit leaves the changes before the failure",
        promised: always,
        run: |bench| Box::pin(failed(bench)),
    },
    Case {
        name: "a later change shows only after the earlier ones",
        promised: always,
        run: |bench| Box::pin(watched(bench)),
    },
];

fn put(bench: &Bench, name: &str, content: impl Into<Bytes>) -> Result<Change, Failure> {
    Ok(Change::Put { key: bench.key(name)?, content: content.into() })
}

async fn in_order(bench: Bench) -> Outcome {
    bench.storage.commit(Vec::new()).await?;
    bench.put("staged", "staged").await?;
    bench.put("old", "old").await?;
    let changes = vec![
        put(&bench, "twice", "first")?,
        Change::Assemble { parts: vec![bench.key("staged")?], key: bench.key("moved/here")? },
        put(&bench, "twice", "second")?,
        put(&bench, "made/and/gone", "x")?,
        Change::Delete { keys: vec![bench.key("old")?, bench.key("made/and/gone")?, bench.key("staged")?] },
    ];
    bench.storage.commit(changes).await?;
    check!(bench.get("twice").await?.as_deref() == Some(b"second"), "of two puts to one key the first stayed");
    check!(bench.get("moved/here").await?.as_deref() == Some(b"staged"), "the assembled object is not there");
    let left = bench.list("", Shape::Children, None, 10).await?;
    check!(left.len() == 2, "the deletes left {left:?}");
    Ok(())
}

async fn failed(bench: Bench) -> Outcome {
    let changes = vec![
        put(&bench, "first", "1")?,
        Change::Assemble { parts: vec![bench.key("absent")?], key: bench.key("assembled")? },
        put(&bench, "last", "3")?,
    ];
    let outcome = bench.storage.commit(changes).await;
    check!(kind(&outcome) == Some(ErrorKind::NotFound), "assembling what is absent gave {outcome:?}");
    check!(bench.get("assembled").await?.is_none(), "an object was made of nothing");
    check!(bench.get("last").await?.is_none(), "a change after the failed one stands");
    Ok(())
}

async fn watched(bench: Bench) -> Outcome {
    for round in 0..bench.options.rounds {
        let (data, link) = (format!("{round}/data"), format!("{round}/link"));
        let changes = vec![put(&bench, &data, "data")?, put(&bench, &link, "link")?];
        let (storage, watcher) = (std::sync::Arc::clone(&bench.storage), bench.clone());
        let committing = tokio::spawn(async move { storage.commit(changes).await });
        while watcher.get(&link).await?.is_none() {
            check!(
                !committing.is_finished() || watcher.get(&link).await?.is_some(),
                "the commit is done, its link absent"
            );
            tokio::task::yield_now().await;
        }
        check!(watcher.get(&data).await?.is_some(), "in round {round} the link shows, the data does not");
        committing.await.map_err(|error| Failure(error.to_string()))??;
        let options = WriteOptions::default();
        bench.storage.put(&bench.key(&link)?, Bytes::from_static(b"again"), options).await?;
    }
    Ok(())
}
