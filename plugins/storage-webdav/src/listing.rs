//! What lies in a folder, and all that lies beneath one, in order.

use crate::bindings::wharf::storage::types::{Error, ListEntry, ListPage, ListRequest, ObjectMeta};
use crate::date;
use crate::path::{self, Meaning};
use crate::server::{self, Server};
use roxmltree::{Document, Node};

/// The largest answer that is read: some 20,000 entries.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

const ASKED: &str = r#"<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/></prop></propfind>"#;

/// Something in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// An object, by its name.
    Object(String, u64, Option<u64>),
    /// A folder, by its name.
    Folder(String),
}

impl Entry {
    /// By what it stands in the order of keys: what is in the folder `a` comes where `a/` does, behind the object `a-b`.
    fn place(&self) -> String {
        match self {
            Self::Object(name, ..) => name.clone(),
            Self::Folder(name) => format!("{name}/"),
        }
    }
}

/// What lies in a folder; nothing, if it is not there.
pub(crate) fn folder(server: &Server, prefix: &str) -> Result<Vec<Entry>, Error> {
    let path = if prefix.is_empty() { String::new() } else { format!("{}/", path::of_folder(prefix)) };
    match properties(server, &path, "1") {
        Ok(body) => entries(&body),
        Err(Error::NotFound) if !prefix.is_empty() => Ok(Vec::new()),
        Err(Error::NotFound) => Err(Error::Other("the server has no folder at `url`: make it first".to_owned())),
        Err(error) => Err(error),
    }
}

/// An object by its key. (HEAD would be simpler, but Apache tells no length for an empty one.)
pub(crate) fn object(server: &Server, key: &str) -> Result<ObjectMeta, Error> {
    let body = properties(server, &path::of(key), "0")?;
    let found = parsed(&body, |root| root.children().find_map(entry))?;
    match found {
        Some(Entry::Object(_, size_bytes, modified_ms)) => Ok(ObjectMeta { size_bytes, modified_ms }),
        Some(Entry::Folder(_)) | None => Err(Error::Other(format!("the server does not say how long {key} is"))),
    }
}

/// The `multistatus` of a path.
fn properties(server: &Server, path: &str, depth: &str) -> Result<Vec<u8>, Error> {
    let request = server.request("PROPFIND", path).header("depth", depth).header("content-type", "application/xml");
    let mut response = request.send(ASKED.as_bytes()).map_err(|error| server::lost(&error))?;
    match response.status {
        207 => response.body(ANSWER_BYTES_MAX).map_err(|error| server::lost(&error)),
        200 | 405 => Err(Error::Other("the server at `url` does not speak WebDAV".to_owned())),
        _ => Err(server::refused(&response, "PROPFIND")),
    }
}

fn parsed<T>(body: &[u8], read: impl FnOnce(Node<'_, '_>) -> T) -> Result<T, Error> {
    let wrong = || Error::Other("the server's listing can't be understood".to_owned());
    let text = std::str::from_utf8(body).map_err(|_| wrong())?;
    let document = Document::parse(text).map_err(|_| wrong())?;
    Ok(read(document.root_element()))
}

/// The entries of a folder's `multistatus`.
fn entries(body: &[u8]) -> Result<Vec<Entry>, Error> {
    parsed(body, |root| {
        let length = |node: &Node<'_, '_>| href(*node).map(|href| path_of(href).trim_end_matches('/').len());
        // The folder itself stands among what is in it: its path is the shortest.
        let own = root.children().filter_map(|node| length(&node)).min();
        root.children().filter(|node| length(node) > own).filter_map(entry).collect()
    })
}

fn href<'a>(response: Node<'a, '_>) -> Option<&'a str> {
    let response = Some(response).filter(|node| node.has_tag_name(("DAV:", "response")))?;
    response.children().find(|node| node.has_tag_name(("DAV:", "href")))?.text().map(str::trim)
}

/// The path of an address, which servers write with or without what stands before it.
fn path_of(href: &str) -> &str {
    match href.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
        None => href,
    }
}

fn entry(response: Node<'_, '_>) -> Option<Entry> {
    let property = |name: &'static str| response.descendants().find(move |node| node.has_tag_name(("DAV:", name)));
    let name = path::last_name(href(response)?)?;
    match path::meaning(&name, property("collection").is_some()) {
        Meaning::Folder(name) => Some(Entry::Folder(name)),
        Meaning::Object(name) => {
            let size_bytes = property("getcontentlength")?.text()?.trim().parse().ok()?;
            let modified_ms = property("getlastmodified").and_then(|node| date::parse(node.text()?.trim()));
            Some(Entry::Object(name, size_bytes, modified_ms))
        }
        Meaning::Stranger => None,
    }
}

/// A page of all objects beneath a prefix. `folder` gives what lies in one.
pub(crate) fn subtree(
    request: &ListRequest,
    folder: &mut dyn FnMut(&str) -> Result<Vec<Entry>, Error>,
) -> Result<ListPage, Error> {
    // One more than asked for tells whether there is more.
    let limit = request.limit as usize + 1;
    let mut found = Vec::new();
    let after = request.after.as_deref().unwrap_or_default();
    walk(&request.prefix, "", after, limit, folder, &mut found)?;
    let more = found.len() == limit;
    found.truncate(request.limit as usize);
    Ok(ListPage { entries: found, more })
}

fn walk(
    prefix: &str,
    beneath: &str,
    after: &str,
    limit: usize,
    folder: &mut dyn FnMut(&str) -> Result<Vec<Entry>, Error>,
    found: &mut Vec<ListEntry>,
) -> Result<(), Error> {
    let mut entries = folder(format!("{prefix}/{beneath}").trim_matches('/'))?;
    entries.sort_by_cached_key(Entry::place);
    for entry in entries {
        if found.len() == limit {
            return Ok(());
        }
        let path = format!("{beneath}{}", entry.place());
        match entry {
            Entry::Object(_, size_bytes, modified_ms) if path.as_str() > after => {
                found.push(ListEntry { name: path, object: Some(ObjectMeta { size_bytes, modified_ms }) });
            }
            // A folder all of whose keys come before is not looked into.
            Entry::Folder(_) if path.as_str() > after || after.starts_with(&path) => {
                walk(prefix, &path, after, limit, folder, found)?;
            }
            Entry::Object(..) | Entry::Folder(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::wharf::storage::types::Shape;

    #[test]
    fn an_answer_is_read_as_apache_writes_it() {
        let body = r#"<?xml version="1.0" encoding="utf-8"?>
<D:multistatus xmlns:D="DAV:" xmlns:lp1="DAV:">
<D:response><D:href>/dav/a%20b/</D:href><D:propstat><D:prop><lp1:resourcetype><D:collection/></lp1:resourcetype></D:prop></D:propstat></D:response>
<D:response><D:href>/dav/a%20b/c~</D:href><D:propstat><D:prop><lp1:resourcetype/><lp1:getcontentlength>12</lp1:getcontentlength>
<lp1:getlastmodified>Sun, 06 Nov 1994 08:49:37 GMT</lp1:getlastmodified></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
<D:response><D:href>http://h/dav/a%20b/d/</D:href><D:propstat><D:prop><lp1:resourcetype><D:collection/></lp1:resourcetype></D:prop></D:propstat></D:response>
<D:response><D:href>/dav/a%20b/.DS_Store</D:href><D:propstat><D:prop><lp1:resourcetype/></D:prop></D:propstat></D:response>
</D:multistatus>"#;
        let expected = [Entry::Object("c".to_owned(), 12, Some(784_111_777_000)), Entry::Folder("d".to_owned())];
        assert_eq!(entries(body.as_bytes()).ok(), Some(expected.to_vec()));
        assert!(entries(b"<html>").is_err());
        assert_eq!(entries(b"<html/>").ok(), Some(Vec::new()));
    }

    #[test]
    fn pages_come_in_the_order_of_keys() {
        let keys = ["a", "a-b", "a/b", "a/c/d", "a0", "b/x"];
        let mut folder = |prefix: &str| {
            let start = if prefix == "p" { String::new() } else { format!("{}/", prefix.strip_prefix("p/").unwrap()) };
            let mut entries = Vec::new();
            for rest in keys.iter().filter_map(|key| key.strip_prefix(start.as_str())) {
                let entry = match rest.split_once('/') {
                    Some((name, _)) => Entry::Folder(name.to_owned()),
                    None => Entry::Object(rest.to_owned(), 1, None),
                };
                if !entries.contains(&entry) {
                    entries.insert(0, entry);
                }
            }
            Ok(entries)
        };
        let mut after = None;
        let mut seen = Vec::new();
        loop {
            let request = ListRequest { prefix: "p".to_owned(), after: after.clone(), limit: 2, shape: Shape::Subtree };
            let page = subtree(&request, &mut folder).unwrap();
            seen.extend(page.entries.iter().map(|entry| entry.name.clone()));
            after = seen.last().cloned();
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, keys);
    }
}
