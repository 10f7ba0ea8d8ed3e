//! `/v2/<name>/referrers/<digest>`: what is attached to a manifest (end-12). Never 404: a subject that nobody has pushed may
//! have referrers all the same.

use axum::body::Body;
use http::header::{CONTENT_TYPE, LINK};
use http::{HeaderName, HeaderValue, Response};
use serde_json::json;

use crate::http::api::call::Call;
use crate::http::api::error::{ApiError, ApiResult};
use crate::http::api::pagination::{PageRequest, next_link};
use crate::oci::{Digest, RepositoryName, media_type};
use crate::registry::ReferrersPage;

const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

pub(super) async fn list(call: &Call<'_>, repository: &RepositoryName, subject: &str) -> ApiResult {
    let parse = |text: &str| text.parse::<Digest>().map_err(|error| ApiError::digest_invalid(text, error));
    let subject = parse(subject)?;
    let request = PageRequest::of(call)?;
    let last = request.last.as_deref().map(parse).transpose()?;
    let page_max = call.api.options.referrers_page_max;
    let limit = request.n.map_or(page_max, |n| n.min(page_max));
    let artifact_type = call.query.first("artifactType").filter(|wanted| !wanted.is_empty());
    let page = match limit {
        0 => ReferrersPage::default(),
        limit => call.api.registry.referrers(repository, &subject, artifact_type, last.as_ref(), limit).await?,
    };
    let index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": page.descriptors});
    let mut response = Response::new(Body::from(index.to_string()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type::OCI_INDEX));
    if artifact_type.is_some() {
        headers.insert(FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
    }
    if let (true, Some(last)) = (page.more, page.descriptors.last()) {
        let n = limit.to_string();
        let mut parameters = vec![("last", last.digest.as_str()), ("n", &n)];
        parameters.extend(artifact_type.map(|wanted| ("artifactType", wanted)));
        headers.insert(LINK, next_link(call, &format!("/{repository}/referrers/{subject}"), &parameters));
    }
    Ok(response)
}
