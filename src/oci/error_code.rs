//! The error codes of the distribution specification ("Error Codes") and those that `distribution` adds.

/// A code as it stands in an error body, with the HTTP status and the message that go with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table below says what each one means")]
pub enum ErrorCode {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    Denied,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestTooLarge,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    PaginationNumberInvalid,
    RangeInvalid,
    SizeInvalid,
    TagInvalid,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unknown,
    Unsupported,
}

impl ErrorCode {
    /// The code's text, its HTTP status and its default message, in one table.
    fn row(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::BlobUnknown => ("BLOB_UNKNOWN", 404, "blob unknown to registry"),
            Self::BlobUploadInvalid => ("BLOB_UPLOAD_INVALID", 404, "blob upload invalid"),
            Self::BlobUploadUnknown => ("BLOB_UPLOAD_UNKNOWN", 404, "blob upload unknown to registry"),
            Self::Denied => ("DENIED", 403, "requested access to the resource is denied"),
            Self::DigestInvalid => ("DIGEST_INVALID", 400, "provided digest did not match uploaded content"),
            Self::ManifestBlobUnknown => {
                ("MANIFEST_BLOB_UNKNOWN", 400, "manifest references a manifest or blob unknown to registry")
            }
            Self::ManifestInvalid => ("MANIFEST_INVALID", 400, "manifest invalid"),
            // The code list has none for size alone; the status is the specification's ("Pushing Manifests").
            Self::ManifestTooLarge => ("MANIFEST_INVALID", 413, "manifest too large"),
            Self::ManifestUnknown => ("MANIFEST_UNKNOWN", 404, "manifest unknown to registry"),
            Self::NameInvalid => ("NAME_INVALID", 400, "invalid repository name"),
            Self::NameUnknown => ("NAME_UNKNOWN", 404, "repository name not known to registry"),
            Self::PaginationNumberInvalid => ("PAGINATION_NUMBER_INVALID", 400, "invalid number of results requested"),
            Self::RangeInvalid => ("RANGE_INVALID", 416, "invalid content range"),
            Self::SizeInvalid => ("SIZE_INVALID", 400, "provided length did not match content length"),
            Self::TagInvalid => ("TAG_INVALID", 400, "manifest tag did not match URI"),
            Self::TooManyRequests => ("TOOMANYREQUESTS", 429, "too many requests"),
            Self::Unauthorized => ("UNAUTHORIZED", 401, "authentication required"),
            Self::Unavailable => ("UNAVAILABLE", 503, "service unavailable"),
            Self::Unknown => ("UNKNOWN", 500, "unknown error"),
            Self::Unsupported => ("UNSUPPORTED", 405, "the operation is unsupported"),
        }
    }

    /// The text of the `code` field.
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status that goes with the code.
    pub fn status(self) -> u16 {
        self.row().1
    }

    /// The `message` that is sent when there is nothing more precise to say.
    pub fn message(self) -> &'static str {
        self.row().2
    }
}
