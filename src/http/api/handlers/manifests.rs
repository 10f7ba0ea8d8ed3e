//! `/v2/<name>/manifests/<reference>`: manifests by tag or digest (end-3, end-7, end-9).

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};

use super::answers::{CONTENT_DIGEST, accepted, created, digest_value, must_be_deletable};
use crate::http::api::call::Call;
use crate::http::api::conditional::{etag, not_modified};
use crate::http::api::error::{ApiError, ApiResult};
use crate::http::api::events;
use crate::http::api::lingering::LingeringBody;
use crate::notify::Action;
use crate::oci::{ErrorCode, Reference, RepositoryName, Tag};

const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");

/// How many `tag` parameters one push may have. The specification asks for at least 10.
const TAGS_PER_PUSH_MAX: usize = 100;

/// A stored manifest is returned whatever `Accept` says: a client that can't use it is told its type, which helps it more than
/// a 404 for something that is there.
pub(super) async fn get(call: &Call<'_>, repository: &RepositoryName, reference: &str) -> ApiResult {
    let reference = parse_reference(reference)?;
    let stored = call.api.registry.manifest(repository, &reference).await?;
    let unchanged = not_modified(&call.parts.headers, &stored.digest);
    let mut response = Response::new(match call.parts.method {
        Method::GET if !unchanged => Body::from(stored.bytes.clone()),
        _ => Body::empty(),
    });
    let headers = response.headers_mut();
    headers.insert(CONTENT_DIGEST, digest_value(&stored.digest));
    headers.insert(ETAG, etag(&stored.digest));
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(stored.manifest.kind.media_type()));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(stored.bytes.len()));
        events::manifest(call, Action::Pull, repository, &stored, tag_of(&reference));
    }
    Ok(response)
}

pub(super) async fn put(call: &Call<'_>, repository: &RepositoryName, reference: &str, body: Body) -> ApiResult {
    let body = LingeringBody::new(body);
    let reference = parse_reference(reference)?;
    let tags = match &reference {
        Reference::Digest(_) => extra_tags(call)?,
        Reference::Tag(_) => Vec::new(),
    };
    let bytes = collect(call, body).await?;
    let content_type = call.parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let pushed = call.api.registry.push_manifest(repository, &reference, &tags, content_type, bytes).await?;

    // One event for every name that the manifest has got; one without, if it has got none.
    let mut names = tag_of(&reference).into_iter().chain(&tags).map(Some).collect::<Vec<_>>();
    names.resize(names.len().max(1), None);
    names.into_iter().for_each(|tag| events::manifest(call, Action::Push, repository, &pushed.stored, tag));

    let mut response = created(call, repository, "manifests", &pushed.digest);
    let headers = response.headers_mut();
    if let Some(subject) = &pushed.subject {
        headers.insert(OCI_SUBJECT, digest_value(subject));
    }
    for tag in &tags {
        if let Ok(value) = HeaderValue::try_from(tag.as_str()) {
            headers.append(OCI_TAG, value);
        }
    }
    Ok(response)
}

pub(super) async fn delete(call: &Call<'_>, repository: &RepositoryName, reference: &str) -> ApiResult {
    must_be_deletable(call)?;
    match parse_reference(reference)? {
        Reference::Tag(tag) => {
            call.api.registry.delete_tag(repository, &tag).await?;
            events::tag_deleted(call, repository, &tag);
        }
        Reference::Digest(digest) => {
            let tags = call.api.registry.delete_manifest(repository, &digest).await?;
            events::manifest_deleted(call, repository, &digest, &tags);
        }
    }
    Ok(accepted())
}

fn tag_of(reference: &Reference) -> Option<&Tag> {
    match reference {
        Reference::Tag(tag) => Some(tag),
        Reference::Digest(_) => None,
    }
}

fn parse_reference(text: &str) -> ApiResult<Reference> {
    use crate::oci::reference::ReferenceError;
    text.parse().map_err(|error| match error {
        ReferenceError::Digest(error) => ApiError::digest_invalid(text, error),
        ReferenceError::Tag(error) => ApiError::new(ErrorCode::TagInvalid).message(error.to_string()),
    })
}

/// The tags that a push by digest shall set as well (end-7b).
fn extra_tags(call: &Call<'_>) -> ApiResult<Vec<Tag>> {
    let tags: Result<Vec<Tag>, _> = call.query.all("tag").map(str::parse).collect();
    let tags =
        tags.map_err(|error: crate::oci::TagError| ApiError::new(ErrorCode::TagInvalid).message(error.to_string()))?;
    if tags.len() > TAGS_PER_PUSH_MAX {
        let message = format!("at most {TAGS_PER_PUSH_MAX} tags can be set in one request");
        return Err(ApiError::new(ErrorCode::TagInvalid).message(message).status(StatusCode::URI_TOO_LONG));
    }
    Ok(tags)
}

/// Reads a manifest's bytes, and stops as soon as they are too many.
async fn collect(call: &Call<'_>, mut body: LingeringBody) -> ApiResult<Bytes> {
    let bytes_max = call.api.registry.options().manifest_bytes_max;
    let too_large = || {
        let message = format!("a manifest may have at most {bytes_max} bytes");
        ApiError::new(ErrorCode::ManifestTooLarge).message(message)
    };
    if call.content_length().is_some_and(|length| length > bytes_max) {
        return Err(too_large());
    }
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.next().await {
        let frame = frame.map_err(|reason| ApiError::new(ErrorCode::SizeInvalid).internal(reason))?;
        if (bytes.len() + frame.len()) as u64 > bytes_max {
            return Err(too_large());
        }
        bytes.extend_from_slice(&frame);
    }
    Ok(bytes.freeze())
}
