//! Which resource a path names.
//!
//! Repository names hold slashes, so a path is read from its end: `/v2/<name>/manifests/<reference>`. The texts are not yet
//! checked here; authorization comes first.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

/// A known path. Texts are percent-decoded and otherwise as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// `/`: somebody asks whether the server is alive.
    Liveness,
    /// `/v2/` (end-1).
    Base,
    /// `/v2/_catalog`.
    Catalog,
    /// `/v2/<name>/tags/list` (end-8).
    Tags { name: String },
    /// `/v2/<name>/manifests/<reference>` (end-3, end-7, end-9).
    Manifest { name: String, reference: String },
    /// `/v2/<name>/blobs/<digest>` (end-2, end-10).
    Blob { name: String, digest: String },
    /// `/v2/<name>/blobs/uploads/` (end-4, end-11).
    Uploads { name: String },
    /// `/v2/<name>/blobs/uploads/<id>` (end-5, end-6, end-13, end-14).
    Upload { name: String, id: String },
    /// `/v2/<name>/referrers/<digest>` (end-12).
    Referrers { name: String, digest: String },
}

const READ: &[Method] = &[Method::GET, Method::HEAD];

impl Route {
    /// Finds the route of a path; `None` when it is none of ours. One trailing slash more or less makes no difference: a
    /// redirect would turn a POST into a GET.
    pub(super) fn parse(path: &str, prefix: &str) -> Option<Self> {
        if path == "/" || path.is_empty() {
            return Some(Self::Liveness);
        }
        let rest = path.strip_prefix(prefix)?.strip_prefix("/v2")?;
        let rest: Cow<'_, str> = percent_decode_str(rest).decode_utf8().ok()?;
        if rest.is_empty() {
            return Some(Self::Base);
        }
        let rest = rest.strip_prefix('/')?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        match rest {
            "" => return Some(Self::Base),
            "_catalog" => return Some(Self::Catalog),
            _ => {}
        }
        if let Some(name) = rest.strip_suffix("/blobs/uploads") {
            return Some(Self::Uploads { name: name.to_owned() });
        }
        let (head, last) = rest.rsplit_once('/')?;
        let last = last.to_owned();
        if let Some(name) = head.strip_suffix("/blobs/uploads") {
            return Some(Self::Upload { name: name.to_owned(), id: last });
        }
        let (name, kind) = head.rsplit_once('/')?;
        let name = name.to_owned();
        match kind {
            "tags" if last == "list" => Some(Self::Tags { name }),
            "manifests" => Some(Self::Manifest { name, reference: last }),
            "blobs" => Some(Self::Blob { name, digest: last }),
            "referrers" => Some(Self::Referrers { name, digest: last }),
            _ => None,
        }
    }

    /// The methods that the route knows. Read-only mode takes the writing ones away.
    pub(super) fn methods(&self, read_only: bool) -> &'static [Method] {
        const MANIFEST: &[Method] = &[Method::DELETE, Method::GET, Method::HEAD, Method::PUT];
        const BLOB: &[Method] = &[Method::DELETE, Method::GET, Method::HEAD];
        const UPLOADS: &[Method] = &[Method::POST];
        const UPLOAD: &[Method] = &[Method::DELETE, Method::GET, Method::HEAD, Method::PATCH, Method::PUT];
        match self {
            Self::Liveness | Self::Base | Self::Catalog | Self::Tags { .. } | Self::Referrers { .. } => READ,
            Self::Uploads { .. } if read_only => &[],
            Self::Manifest { .. } | Self::Blob { .. } | Self::Upload { .. } if read_only => READ,
            Self::Manifest { .. } => MANIFEST,
            Self::Blob { .. } => BLOB,
            Self::Uploads { .. } => UPLOADS,
            Self::Upload { .. } => UPLOAD,
        }
    }

    /// The repository's name as it stands in the path.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Liveness | Self::Base | Self::Catalog => None,
            Self::Tags { name }
            | Self::Manifest { name, .. }
            | Self::Blob { name, .. }
            | Self::Uploads { name }
            | Self::Upload { name, .. }
            | Self::Referrers { name, .. } => Some(name),
        }
    }

    /// The route's name in metrics; those of `distribution`, so that its dashboards go on working.
    pub(super) fn handler(&self) -> &'static str {
        match self {
            Self::Liveness => "",
            Self::Base => "base",
            Self::Catalog => "catalog",
            Self::Tags { .. } => "tags",
            Self::Manifest { .. } => "manifest",
            Self::Blob { .. } => "blob",
            Self::Uploads { .. } => "blob_upload",
            Self::Upload { .. } => "blob_upload_chunk",
            Self::Referrers { .. } => "referrers",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_read_from_their_end() {
        let name = || "a/blobs/uploads/b".to_owned();
        for (path, route) in [
            ("/", Route::Liveness),
            ("/v2", Route::Base),
            ("/v2/", Route::Base),
            ("/v2/_catalog/", Route::Catalog),
            ("/v2/a/blobs/uploads/b/tags/list", Route::Tags { name: name() }),
            ("/v2/a/manifests/latest", Route::Manifest { name: "a".to_owned(), reference: "latest".to_owned() }),
            ("/v2/a/blobs/sha256%3Aab", Route::Blob { name: "a".to_owned(), digest: "sha256:ab".to_owned() }),
            ("/v2/a/blobs/uploads/", Route::Uploads { name: "a".to_owned() }),
            ("/v2/a/blobs/uploads", Route::Uploads { name: "a".to_owned() }),
            ("/v2/a/blobs/uploads/1/", Route::Upload { name: "a".to_owned(), id: "1".to_owned() }),
            ("/v2/a/referrers/x", Route::Referrers { name: "a".to_owned(), digest: "x".to_owned() }),
            ("/v2/../manifests/x", Route::Manifest { name: "..".to_owned(), reference: "x".to_owned() }),
        ] {
            assert_eq!(Route::parse(path, ""), Some(route), "{path}");
        }
        for path in ["/v1/", "/v2x", "//v2/", "/v2/a", "/v2/a/tags", "/v2/a/tags/x", "/v2/%ff/tags/list", "/metrics"] {
            assert_eq!(Route::parse(path, ""), None, "{path}");
        }
        assert_eq!(Route::parse("/r/v2/", "/r"), Some(Route::Base));
        assert_eq!(Route::parse("/v2/", "/r"), None);
    }

    proptest! {
        #[test]
        fn no_path_makes_it_panic(path in "\\PC{0,80}") {
            let _ = Route::parse(&path, "");
            let _ = Route::parse(&path, "/p");
        }
    }
}
