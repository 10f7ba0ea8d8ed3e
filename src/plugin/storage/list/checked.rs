//! Whether a page is what was asked for. A listing that lies would hide tags, or make the garbage collection delete what is
//! needed.

use wharf_bindings::storage::wharf::storage::types as wit;

use super::super::convert;
use crate::storage::{ListEntry, ListPage, ListRequest, Shape};

/// The page, or what is wrong with it.
pub(super) fn page(page: wit::ListPage, request: &ListRequest) -> Result<ListPage, String> {
    if page.entries.len() > request.limit {
        return Err(format!("a listing of at most {} entries has {}", request.limit, page.entries.len()));
    }
    if page.more && page.entries.is_empty() {
        return Err("an empty page of a listing says that there is more".to_owned());
    }
    let mut last = request.after.as_deref();
    for entry in &page.entries {
        check_name(entry, request)?;
        if last.is_some_and(|last| entry.name.as_str() <= last) {
            let behind = last.unwrap_or_default();
            return Err(format!("a listing is out of order: {:?} comes after {behind:?}", entry.name));
        }
        last = Some(&entry.name);
    }
    let entry = |entry: wit::ListEntry| ListEntry { name: entry.name, object: entry.object.map(convert::meta) };
    Ok(ListPage { entries: page.entries.into_iter().map(entry).collect(), more: page.more })
}

fn check_name(entry: &wit::ListEntry, request: &ListRequest) -> Result<(), String> {
    let name = &entry.name;
    if let Err(error) = request.prefix.join(name) {
        return Err(format!("a listing names what can't be: {error}"));
    }
    match request.shape {
        Shape::Children if name.contains('/') => Err(format!("{name:?} is no child of {}", request.prefix)),
        Shape::Subtree if entry.object.is_none() => Err(format!("a listing of objects has the prefix {name:?}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::StorageKey;

    fn listed(names: &[&str], more: bool) -> wit::ListPage {
        let object = Some(wit::ObjectMeta { size_bytes: 1, modified_ms: None });
        let entry = |name: &&str| wit::ListEntry { name: (*name).to_owned(), object };
        wit::ListPage { entries: names.iter().map(entry).collect(), more }
    }

    fn request(shape: Shape, after: Option<&str>) -> ListRequest {
        let prefix = StorageKey::parse("p").unwrap();
        ListRequest { prefix, after: after.map(str::to_owned), limit: 3, shape }
    }

    #[test]
    fn a_good_page_passes() {
        let good = page(listed(&["a", "a/b", "b"], true), &request(Shape::Subtree, Some("Z"))).unwrap();
        assert_eq!((good.entries.len(), good.more), (3, true));
        assert_eq!(page(listed(&[], false), &request(Shape::Children, None)), Ok(ListPage::default()));
    }

    #[test]
    fn what_was_not_asked_for_is_told_apart() {
        for (names, more, after, word) in [
            (&["a", "b", "c", "d"][..], false, None, "at most 3"),
            (&[], true, None, "empty page"),
            (&["b", "a"], false, None, "out of order"),
            (&["a", "a"], false, None, "out of order"),
            (&["a"], false, Some("a"), "out of order"),
            (&[".."], false, None, "can't be"),
            (&["a/../../b"], false, None, "can't be"),
            (&["/a"], false, None, "can't be"),
            (&[""], false, None, "can't be"),
        ] {
            let wrong = page(listed(names, more), &request(Shape::Subtree, after)).unwrap_err();
            assert!(wrong.contains(word), "{wrong}");
        }
        let deep = page(listed(&["a/b"], false), &request(Shape::Children, None)).unwrap_err();
        assert!(deep.contains("no child"), "{deep}");
        let mut prefix = listed(&["a"], false);
        prefix.entries[0].object = None;
        let wrong = page(prefix, &request(Shape::Subtree, None)).unwrap_err();
        assert!(wrong.contains("prefix"), "{wrong}");
    }
}
