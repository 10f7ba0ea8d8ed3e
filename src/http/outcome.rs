//! What the layers may say of a request once the API has answered it.

use crate::oci::ErrorCode;

/// Travels with every response as one extension, so that logs and metrics need not parse paths or bodies again.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Which handler answered, in the words of the metrics: `base`, `manifest`, `catalog`, `tags`, `blob`, `blob_upload`,
    /// `blob_upload_chunk`, `referrers`; empty for what no route matches.
    pub handler: &'static str,
    /// The repository's name as it stands in the request; empty where there is none.
    pub repository: String,
    /// The authenticated user; empty when anonymous.
    pub user: String,
    /// The first error code of the body, if it is an error.
    pub code: Option<ErrorCode>,
    /// What the operator should know and the client should not.
    pub reason: Option<String>,
}
