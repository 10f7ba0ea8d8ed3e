//! Listings: complete, in order, in pages of any size, from anywhere.

use std::collections::BTreeMap;

use super::bench::{Bench, Failure, Outcome, check, names};
use super::{Case, always};
use crate::storage::{Change, ListRequest, Shape};

pub(super) const CASES: &[Case] = &[
    Case { name: "what holds nothing lists nothing", promised: always, run: |bench| Box::pin(nothing(bench)) },
    Case {
        name: "children come in the order of their names",
        promised: always,
        run: |bench| Box::pin(children(bench)),
    },
    Case {
        name: "many directories are listed as each by itself",
        promised: always,
        run: |bench| Box::pin(each(bench)),
    },
    Case { name: "a subtree comes in the order of its keys", promised: always, run: |bench| Box::pin(subtree(bench)) },
    Case { name: "a listing shows sizes", promised: always, run: |bench| Box::pin(sizes(bench)) },
    Case { name: "a listing shows each change at once", promised: always, run: |bench| Box::pin(changes(bench)) },
    Case { name: "a listing of many keys comes in pages", promised: always, run: |bench| Box::pin(many(bench)) },
];

/// Names that sort otherwise as names than as the beginnings of keys, and some that lie deep.
const TRICKY: &[&str] = &[
    "V1", "a!/x", "a", "b/c/d", "b/c/e", "b/c.d", "b/c-d/x", "v1-rc/x", "v1.0/x", "v1/x", "v1/y", "v10/x", "v1+1",
    "v1_/x", "z/z/z/z", "é/x", "~",
];

/// Places to begin that are no names, beside those that are.
const BETWEEN: &[&str] =
    &["", "!", "0", "b/", "b/c", "b/c/", "b/c/d!", "v1", "v1/", "v1-", "v1.", "v1/x!", "v2", "zz", "\u{10FFFF}"];

async fn fill(bench: &Bench) -> Outcome {
    for name in TRICKY {
        bench.put(name, *name).await?;
    }
    Ok(())
}

async fn nothing(bench: Bench) -> Outcome {
    bench.put("object", "x").await?;
    for prefix in ["absent", "absent/deep", "object", "obj"] {
        for shape in [Shape::Children, Shape::Subtree] {
            let request = ListRequest { prefix: bench.key(prefix)?, after: None, limit: 10, shape };
            let page = bench.storage.list(&request).await?;
            check!(page.entries.is_empty() && !page.more, "{shape:?} of {prefix:?} gave {page:?}");
        }
    }
    Ok(())
}

async fn every_way(bench: &Bench, shape: Shape, all: &[String]) -> Outcome {
    for limit in 1..=all.len() + 1 {
        let listed = bench.list("", shape, None, limit).await?;
        check!(names(&listed) == all, "{shape:?} in pages of {limit} gave {:?}, not {all:?}", names(&listed));
    }
    // The store itself sees keys, so an empty `after` is no beginning but it must be none of an end either.
    let starts =
        BETWEEN.iter().filter(|start| !start.is_empty() && !start.ends_with('/')).map(|start| (*start).to_owned());
    for after in starts.chain(all.iter().cloned()) {
        let want: Vec<&String> = all.iter().filter(|name| **name > after).collect();
        for limit in [1, 3, 100] {
            let listed = bench.list("", shape, Some(&after), limit).await?;
            check!(names(&listed) == want, "{shape:?} after {after:?} gave {:?}, not {want:?}", names(&listed));
        }
    }
    Ok(())
}

async fn children(bench: Bench) -> Outcome {
    fill(&bench).await?;
    let mut model: BTreeMap<String, bool> = BTreeMap::new();
    for name in TRICKY {
        match name.split_once('/') {
            Some((first, _)) => model.insert(first.to_owned(), false),
            None => model.insert((*name).to_owned(), true),
        };
    }
    let all: Vec<String> = model.keys().cloned().collect();
    every_way(&bench, Shape::Children, &all).await?;
    for entry in bench.list("", Shape::Children, None, 100).await? {
        let is_object = model.get(&entry.name).copied();
        check!(is_object == Some(entry.object.is_some()), "{:?} is told as {:?}", entry.name, entry.object);
    }
    Ok(())
}

/// In whatever order they are asked for, small ones and large ones, beside each other and beneath each other.
async fn each(bench: Bench) -> Outcome {
    fill(&bench).await?;
    for number in 0..30 {
        bench.put(&format!("large/n{number:02}/x"), "x").await?;
        bench.put(&format!("small-{number}/x"), "x").await?;
    }
    let small: Vec<String> = (0..30).map(|number| format!("small-{number}")).collect();
    let some = ["v1_", "b", "v1-rc", "absent", "large", "v1", "a", "b/c", "v1.0", "a!", "z", "v10", "é", "large/n03"];
    let prefixes = some.into_iter().chain(small.iter().map(String::as_str)).map(|name| bench.key(name));
    let prefixes = prefixes.collect::<Result<Vec<_>, _>>()?;
    for count in [0, 1, 2, prefixes.len()] {
        for limit in [1, 3, 100] {
            let pages = bench.storage.list_each(prefixes[..count].to_vec(), limit).await?;
            check!(pages.len() == count, "{count} prefixes gave {} pages", pages.len());
            for (prefix, page) in prefixes.iter().zip(pages) {
                let request = ListRequest { prefix: prefix.clone(), after: None, limit, shape: Shape::Children };
                let alone = bench.storage.list(&request).await?;
                let same = names(&page.entries) == names(&alone.entries) && page.more == alone.more;
                check!(same, "of many, {prefix} gave {page:?}, and by itself {alone:?}");
            }
        }
    }
    Ok(())
}

async fn subtree(bench: Bench) -> Outcome {
    fill(&bench).await?;
    let mut all: Vec<String> = TRICKY.iter().map(|name| (*name).to_owned()).collect();
    all.sort_unstable();
    every_way(&bench, Shape::Subtree, &all).await
}

async fn sizes(bench: Bench) -> Outcome {
    bench.put("empty", "").await?;
    bench.put("five", "12345").await?;
    for shape in [Shape::Children, Shape::Subtree] {
        let listed = bench.list("", shape, None, 10).await?;
        let found: Vec<_> = listed.iter().map(|entry| entry.object.map(|object| object.size)).collect();
        check!(found == [Some(0), Some(5)], "{shape:?} tells the sizes {found:?}, not 0 and 5");
    }
    Ok(())
}

async fn changes(bench: Bench) -> Outcome {
    for round in 0..bench.options.rounds {
        for (shape, want) in [(Shape::Children, "dir"), (Shape::Subtree, "dir/object")] {
            bench.put("dir/object", "x").await?;
            let listed = bench.list("", shape, None, 10).await?;
            check!(names(&listed) == [want], "in round {round}, {shape:?} shows {:?} after a put", names(&listed));
            bench.delete("dir/object").await?;
            let listed = bench.list("", shape, None, 10).await?;
            check!(listed.is_empty(), "in round {round}, {shape:?} shows {:?} after a delete", names(&listed));
        }
    }
    Ok(())
}

async fn many(bench: Bench) -> Outcome {
    let count = bench.options.listing_keys;
    let name = |number: usize| format!("t{number:06}");
    for start in (0..count).step_by(500) {
        let changes = (start..count.min(start + 500)).map(|number| {
            let key = bench.key(&format!("many/{}/link", name(number)))?;
            Ok(Change::Put { key, content: "x".into() })
        });
        bench.storage.commit(changes.collect::<Result<_, Failure>>()?).await?;
    }
    for (shape, tail) in [(Shape::Children, ""), (Shape::Subtree, "/link")] {
        for limit in [1000, 1001, 3333, count.saturating_sub(1).max(1), count, count + 1] {
            let listed = bench.list("many", shape, None, limit).await?;
            check!(listed.len() == count, "{shape:?} in pages of {limit} gave {} of {count} names", listed.len());
            let right = listed.iter().enumerate().all(|(at, entry)| entry.name == name(at) + tail);
            check!(right, "{shape:?} in pages of {limit} gave wrong names, or in the wrong order");
        }
        let late = bench.list("many", shape, Some(&name(count - 3)), 1).await?;
        let want = if shape == Shape::Children { 2 } else { 3 };
        check!(late.len() == want, "{shape:?} after the last but two gave {}", late.len());
    }
    bench.storage.delete_prefix(&bench.key("many")?).await?;
    let left = bench.list("", Shape::Subtree, None, 10).await?;
    check!(left.is_empty(), "deleting all of them left {:?}", names(&left));
    Ok(())
}
