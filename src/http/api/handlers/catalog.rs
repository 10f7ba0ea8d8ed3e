//! `/v2/_catalog`: every repository. Not in the OCI specification any more; kept as `distribution` has it, but for its last
//! page: a `Link` is sent only when there is more.

use axum::body::Body;
use http::header::LINK;
use serde_json::json;

use super::answers;
use crate::http::api::call::Call;
use crate::http::api::error::ApiResult;
use crate::http::api::pagination::{PageRequest, next_link, out_of_range};
use crate::oci::RepositoryName;
use crate::registry::CatalogPage;

/// How many repositories a page has when the client does not say.
const ENTRIES_DEFAULT: usize = 100;

#[derive(serde::Serialize)]
struct Catalog<'a> {
    repositories: Vec<&'a str>,
}

pub(super) async fn list(call: &Call<'_>) -> ApiResult {
    let entries_max = call.api.options.catalog_entries_max;
    let request = PageRequest::of(call)?;
    let n = match request.n {
        Some(n) if n > entries_max => return Err(out_of_range(json!(n))),
        Some(n) => n,
        None => ENTRIES_DEFAULT.min(entries_max),
    };
    let page = match n {
        0 => CatalogPage::default(),
        n => call.api.registry.catalog(request.last.as_deref(), n).await?,
    };
    let repositories: Vec<&str> = page.repositories.iter().map(RepositoryName::as_str).collect();
    let last = repositories.last().copied();
    // Strings always have a JSON form.
    let mut content = serde_json::to_string(&Catalog { repositories }).unwrap_or_default();
    content.push('\n');
    let mut response = answers::json(Body::from(content));
    if let (true, Some(last)) = (page.more, last) {
        let link = next_link(call, "/_catalog", &[("last", last), ("n", &n.to_string())]);
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}
