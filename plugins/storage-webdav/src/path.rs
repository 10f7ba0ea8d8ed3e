//! Where an object lies.
//!
//! Keys are flat: `a` and `a/b` may both be objects. Folders are not, so an object's own name ends with `~` there, and the name of a
//! folder never does. `%` is written `%25`, and a `~` at the end of a folder's name `%7E`; that is the server's name for it, which
//! is encoded once more in an address.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The folder of objects that are still being written: a name that no key has.
pub(crate) const UPLOADS: &str = "uploads%";

const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The path of an object.
pub(crate) fn of(key: &str) -> String {
    match key.rsplit_once('/') {
        Some((folder, name)) => format!("{}/{}~", of_folder(folder), name.replace('%', "%25")),
        None => format!("{}~", key.replace('%', "%25")),
    }
}

/// The path of a folder.
pub(crate) fn of_folder(prefix: &str) -> String {
    let name = |name: &str| {
        let name = name.replace('%', "%25");
        name.strip_suffix('~').map_or(name.clone(), |start| format!("{start}%7E"))
    };
    prefix.split('/').map(name).collect::<Vec<_>>().join("/")
}

/// What a name in a folder stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The object of this name.
    Object(String),
    /// The folder of this name.
    Folder(String),
    /// Nothing of ours.
    Stranger,
}

/// What a name that the server gave stands for.
pub(crate) fn meaning(name: &str, is_folder: bool) -> Meaning {
    let plain = |name: &str| {
        let decoded = percent_decode_str(name).decode_utf8().ok()?.into_owned();
        // Only what we would write is ours.
        Some(decoded).filter(|decoded| !decoded.is_empty())
    };
    let found = match (is_folder, name.strip_suffix('~')) {
        (false, Some(object)) => plain(object).filter(|key| of(key) == name).map(Meaning::Object),
        (true, None) => plain(name).filter(|prefix| of_folder(prefix) == name).map(Meaning::Folder),
        _ => None,
    };
    found.unwrap_or(Meaning::Stranger)
}

/// A path as it stands in an address.
pub(crate) fn encoded(path: &str) -> String {
    path.split('/').map(|name| utf8_percent_encode(name, ENCODED).to_string()).collect::<Vec<_>>().join("/")
}

/// The last name of an address, decoded.
pub(crate) fn last_name(href: &str) -> Option<String> {
    let last = href.trim_end_matches('/').rsplit('/').next()?;
    Some(percent_decode_str(last).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        let cases = [
            ("a", "a~", "a"),
            ("a/b", "a/b~", "a/b"),
            ("a~/b~", "a%7E/b~~", "a~/b~"),
            ("50%/x%7E", "50%25/x%257E~", "50%/x%7E"),
            ("ü /?#", "ü /?#~", "ü /?#"),
        ];
        for (key, path, again) in cases {
            assert_eq!(of(key), path);
            let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
            let object = key.rsplit('/').next().unwrap_or_default();
            assert_eq!(meaning(name, false), Meaning::Object(object.to_owned()), "{again}");
            if let Some((folder, _)) = key.split_once('/') {
                assert_eq!(meaning(folders, true), Meaning::Folder(folder.to_owned()));
            }
        }
        for (stranger, is_folder) in
            [("a", false), ("a~", true), (UPLOADS, true), ("~", false), ("%7E", false), ("a%2Fb", true)]
        {
            assert_eq!(meaning(stranger, is_folder), Meaning::Stranger, "{stranger}");
        }
        assert_eq!(encoded("a b/ü%25~"), "a%20b/%C3%BC%2525~");
        assert_eq!(last_name("http://h/dav/a%20b/"), Some("a b".to_owned()));
    }
}
