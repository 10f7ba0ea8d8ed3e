//! The kinds of requests that metrics tell apart.

/// Which part of the API a request is for: the label `handler`, by the names of `distribution`, and `referrers`, which it
/// does not have. What is no route of the API is `other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the routes")]
pub enum Handler {
    Base,
    Catalog,
    Tags,
    Manifest,
    Blob,
    BlobUpload,
    BlobUploadChunk,
    Referrers,
    Other,
}

impl Handler {
    /// Every one, in the order of their numbers.
    pub(super) const ALL: [Self; 9] = [
        Self::Base,
        Self::Catalog,
        Self::Tags,
        Self::Manifest,
        Self::Blob,
        Self::BlobUpload,
        Self::BlobUploadChunk,
        Self::Referrers,
        Self::Other,
    ];

    /// The label's value.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Catalog => "catalog",
            Self::Tags => "tags",
            Self::Manifest => "manifest",
            Self::Blob => "blob",
            Self::BlobUpload => "blob_upload",
            Self::BlobUploadChunk => "blob_upload_chunk",
            Self::Referrers => "referrers",
            Self::Other => "other",
        }
    }

    /// By the shape of a path alone, so that a request is counted whoever answers it, and whatever prefix the API has. A
    /// repository's name may hold any of the words, so the last components decide.
    pub fn of(path: &str) -> Self {
        let path = path.strip_suffix('/').unwrap_or(path);
        let Some((before, last)) = path.rsplit_once('/') else { return Self::Other };
        if last == "v2" {
            return Self::Base;
        }
        let Some((before, word)) = before.rsplit_once('/') else { return Self::Other };
        match (word, last) {
            ("v2", "_catalog") => Self::Catalog,
            ("tags", "list") => Self::Tags,
            // Deleting or reading a tag by the path that some clients use.
            ("manifests", _) => Self::Manifest,
            ("referrers", _) => Self::Referrers,
            ("blobs", "uploads") => Self::BlobUpload,
            ("blobs", _) => Self::Blob,
            ("uploads", _) if before.ends_with("/blobs") => Self::BlobUploadChunk,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_handler() {
        for (path, handler) in [
            ("/v2/", Handler::Base),
            ("/prefix/v2", Handler::Base),
            ("/v2/_catalog", Handler::Catalog),
            ("/v2/a/b/tags/list", Handler::Tags),
            ("/v2/a/manifests/latest", Handler::Manifest),
            ("/v2/blobs/uploads/manifests/sha256:00", Handler::Manifest),
            ("/v2/a/blobs/sha256:00", Handler::Blob),
            ("/v2/a/blobs/uploads/", Handler::BlobUpload),
            ("/v2/a/blobs/uploads", Handler::BlobUpload),
            ("/v2/a/blobs/uploads/0-1", Handler::BlobUploadChunk),
            ("/v2/a/referrers/sha256:00", Handler::Referrers),
            ("/", Handler::Other),
            ("*", Handler::Other),
            ("/x", Handler::Other),
            ("/v2/a/b", Handler::Other),
        ] {
            assert_eq!(Handler::of(path), handler, "{path}");
            assert_eq!(Handler::ALL[handler as usize], handler);
        }
    }
}
