//! Which names an object can have.

use super::bench::{Bench, Outcome, check, names};
use super::{Case, always};
use crate::storage::Shape;

pub(super) const CASES: &[Case] = &[
    Case { name: "every name of a registry can be stored", promised: always, run: |bench| Box::pin(registry(bench)) },
    Case {
        name: "every printable character but a backslash can be in a name",
        promised: always,
        run: |bench| Box::pin(printable(bench)),
    },
    Case { name: "names that begin alike are kept apart", promised: always, run: |bench| Box::pin(alike(bench)) },
];

async fn store_all(bench: &Bench, wanted: &[String]) -> Outcome {
    for name in wanted {
        bench.put(name, name.clone().into_bytes()).await?;
    }
    for name in wanted {
        let content = bench.get(name).await?;
        check!(content.as_deref() == Some(name.as_bytes()), "{name:?} came back as {content:?}");
    }
    let listed = bench.list("", Shape::Subtree, None, 1000).await?;
    let mut sorted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    check!(names(&listed) == sorted, "listed are {:?}, not {sorted:?}", names(&listed));
    Ok(())
}

/// A tag begins with a letter, a digit or `_`, and has up to 128 characters; repository components are a subset.
async fn registry(bench: Bench) -> Outcome {
    let mut wanted: Vec<String> = Vec::new();
    for letter in ('a'..='z').chain('A'..='Z').chain('0'..='9').chain(['_']) {
        wanted.push(format!("tags/{letter}.-_9/link"));
    }
    // Some file systems and stores do not tell capitals from small letters; the registry needs them told apart.
    wanted.extend(["tags/latest/link", "tags/LATEST/link", "_layers/sha256/ab/link"].map(str::to_owned));
    wanted.push(format!("tags/{}/link", "t".repeat(128)));
    wanted.push(format!("{}/link", ["component"; 24].join("/")));
    store_all(&bench, &wanted).await
}

async fn printable(bench: Bench) -> Outcome {
    // Azure keeps a backslash as a slash, and no name of a registry has one.
    let mut wanted: Vec<String> =
        ('!'..='~').filter(|letter| !matches!(letter, '/' | '\\')).map(|letter| format!("a{letter}b")).collect();
    wanted.extend(["a b", "ä", "日本", "a..b", "...", ".hidden", "%2F", "a%20b", "x.tmp"].map(str::to_owned));
    store_all(&bench, &wanted).await
}

async fn alike(bench: Bench) -> Outcome {
    for name in ["a/b/1", "a/bc", "a/b.c/1", "a/b-c", "ab"] {
        bench.put(name, name.to_owned()).await?;
    }
    let listed = bench.list("a/b", Shape::Subtree, None, 10).await?;
    check!(names(&listed) == ["1"], "beneath a/b are {:?}", names(&listed));
    let listed = bench.list("a/b", Shape::Children, None, 10).await?;
    check!(names(&listed) == ["1"], "the children of a/b are {:?}", names(&listed));
    bench.storage.delete_prefix(&bench.key("a/b")?).await?;
    let listed = bench.list("", Shape::Subtree, None, 10).await?;
    check!(
        names(&listed) == ["a/b-c", "a/b.c/1", "a/bc", "ab"],
        "after deleting beneath a/b there are {:?}",
        names(&listed)
    );
    Ok(())
}
