//! `/v2/<name>/tags/list`: the tags of a repository (end-8).

use axum::body::Body;
use http::header::LINK;
use serde_json::json;

use super::answers;
use crate::http::api::call::Call;
use crate::http::api::error::ApiResult;
use crate::http::api::pagination::{PageRequest, next_link};
use crate::oci::RepositoryName;
use crate::registry::TagsPage;

/// Without `n` all tags are listed, as clients without pagination expect. An `n` above the maximum is cut to it, and the `Link`
/// tells that there is more.
pub(super) async fn list(call: &Call<'_>, repository: &RepositoryName) -> ApiResult {
    let request = PageRequest::of(call)?;
    let limit = request.n.map(|n| n.min(call.api.options.tags_page_max));
    let page = match limit {
        Some(0) => TagsPage::default(),
        limit => call.api.registry.list_tags(repository, request.last.as_deref(), limit).await?,
    };
    let tags: Vec<&str> = page.tags.iter().map(|tag| tag.as_str()).collect();
    let body = json!({"name": repository.as_str(), "tags": tags});
    let mut response = answers::json(Body::from(format!("{body}\n")));
    if let (true, Some(limit), Some(last)) = (page.more, limit, tags.last()) {
        let path = format!("/{repository}/tags/list");
        response.headers_mut().insert(LINK, next_link(call, &path, &[("last", last), ("n", &limit.to_string())]));
    }
    Ok(response)
}
