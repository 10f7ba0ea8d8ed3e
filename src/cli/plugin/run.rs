//! `wharf plugin run`: one call of a component, from a request in JSON to an answer in JSON.
//!
//! | World | Request |
//! |---|---|
//! | auth provider | `{"authorize": {"basic": "alice:secret", "wanted": ["repository:a/b:pull"]}}`, as in `plugin-tests.toml` |
//! | notification hook | `{"handle": ["push", "panic", "started"]}`: kinds of events; all of them when the list is empty |
//! | storage backend | `{"put": {"key": "a", "content": "text"}}`, `{"get": {"key": "a"}}`, `{"stat": {"key": "a"}}`, `{"list": {"prefix": "a"}}`, `{"delete": {"key": "a"}}` |
//!
//! A list of requests makes one call after the other. The configuration of `plugin-tests.toml` beside the component
//! counts here too.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use super::subject::{Kind, Ready, Subject};
use super::test::below;
use super::{Failure, hints};
use crate::config::plugin::Plugin;
use crate::plugin::kit::auth::table::Row;
use crate::plugin::kit::auth::{self, Provider};
use crate::plugin::kit::hook::{Hook, events};
use crate::plugin::storage::PluginStorage;
use crate::storage::{ListRequest, Result as Stored, Shape, Storage, StorageError, StorageKey, WriteOptions};

/// A whole object is shown, so it should be small.
const CONTENT_BYTES_MAX: u64 = 4 << 20;

/// What to call.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    subject: Subject,
    /// The request, or a list of them; "-" is standard input
    request: PathBuf,
}

/// One call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Request {
    Authorize(Box<Row>),
    Handle(Vec<String>),
    Stat {
        key: String,
    },
    Get {
        key: String,
    },
    Put {
        key: String,
        content: String,
    },
    List {
        prefix: String,
        after: Option<String>,
        limit: Option<usize>,
        #[serde(default)]
        children: bool,
    },
    Delete {
        key: String,
    },
}

/// Makes the calls, and prints what the component answers.
pub(super) fn run(arguments: &Arguments) -> Result<String, Failure> {
    let text = match arguments.request.to_str() {
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        }
        _ => std::fs::read_to_string(&arguments.request),
    };
    let shown = arguments.request.display();
    let text = text.map_err(|error| Failure::Said(format!("{shown}: {error}")))?;
    let requests: Vec<Request> = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(&text),
        false => serde_json::from_str(&text).map(|request| vec![request]),
    }
    .map_err(|error| Failure::Said(format!("{shown}: {error}")))?;
    let ready = arguments.subject.ready()?;
    let table = arguments.subject.table(None)?;
    let answers = super::block_on(answers(&ready, &ready.under(&table), requests))??;
    let lines: Result<Vec<String>, _> = answers.iter().map(serde_json::to_string_pretty).collect();
    Ok(lines.map_err(Failure::from)?.join("\n") + "\n")
}

async fn answers(ready: &Ready, plugin: &Plugin, requests: Vec<Request>) -> Result<Vec<Value>, Failure> {
    let host = &ready.host;
    let mut answers = Vec::new();
    match ready.kind {
        Kind::Auth => {
            let provider = Provider::open(host, plugin).await.map_err(hints::refused)?;
            for request in requests {
                let Request::Authorize(row) = request else { return Err(other("authorize")) };
                let wanted = row.access().map_err(Failure::Said)?;
                let answer = provider.ask(&row.context(), &wanted).await.map_err(hints::failed)?;
                answers.push(json!({ "answer": auth::shown(&answer), "details": format!("{answer:?}") }));
            }
        }
        Kind::Hook => {
            let hook = Hook::open(host, plugin).await.map_err(hints::refused)?;
            for request in requests {
                let Request::Handle(kinds) = request else { return Err(other("handle")) };
                let wanted =
                    |event: &_| kinds.is_empty() || kinds.iter().any(|kind| events::name(event).contains(kind));
                let events: Vec<_> = events::all().into_iter().filter(wanted).collect();
                let outcomes = hook.handle(&events).await.map_err(hints::failed)?;
                let names = events.iter().map(events::name).zip(&outcomes);
                answers.push(
                    names.map(|(name, outcome)| json!({ "event": name, "outcome": format!("{outcome:?}") })).collect(),
                );
            }
        }
        Kind::Storage => {
            let storage = PluginStorage::open(host, "storage", plugin, below(ready)).await.map_err(hints::refused)?;
            for request in requests {
                answers.push(stored(&storage, request).await?);
            }
            storage.settle().await;
        }
    }
    Ok(answers)
}

fn other(wanted: &str) -> Failure {
    Failure::Said(format!("a component of this world answers {{\"{wanted}\": …}}"))
}

async fn stored(storage: &PluginStorage, request: Request) -> Result<Value, Failure> {
    let key = |text: String| StorageKey::parse(text).map_err(Failure::from);
    Ok(match request {
        Request::Stat { key: text } => told(storage.stat(&key(text)?).await, |meta| json!({ "size-bytes": meta.size })),
        Request::Get { key: text } => told(
            storage.get(&key(text)?, CONTENT_BYTES_MAX).await,
            |content| json!({ "size-bytes": content.len(), "content": String::from_utf8_lossy(&content) }),
        ),
        Request::Put { key: text, content } => {
            told(storage.put(&key(text)?, content.into(), WriteOptions::default()).await, |()| json!("stored"))
        }
        Request::Delete { key: text } => told(storage.delete(&[key(text)?]).await, |()| json!("deleted")),
        Request::List { prefix, after, limit, children } => {
            let shape = if children { Shape::Children } else { Shape::Subtree };
            let request = ListRequest { prefix: key(prefix)?, after, limit: limit.unwrap_or(1000), shape };
            told(storage.list(&request).await, |page| {
                let entries = page.entries.iter();
                let entry = |entry: &crate::storage::ListEntry| json!({ "name": entry.name, "size-bytes": entry.object.map(|object| object.size) });
                json!({ "entries": entries.map(entry).collect::<Vec<_>>(), "more": page.more })
            })
        }
        Request::Authorize(_) | Request::Handle(_) => return Err(other("stat")),
    })
}

/// An error of the component is an answer too.
fn told<T>(answer: Stored<T>, show: impl FnOnce(T) -> Value) -> Value {
    let failed = |error: StorageError| json!({ "error": format!("{:?}", error.kind()), "text": error.to_string() });
    answer.map_or_else(failed, show)
}
