//! What handlers tell notification hooks, once they have done what was asked of them. Where nobody listens, nothing is made.

use http::header::{HOST, USER_AGENT};

use super::call::Call;
use super::client;
use crate::auth;
use crate::http::RequestInfo;
use crate::notify::{Action, Content, RegistryEvent, RequestRecord, Target};
use crate::oci::{Digest, RepositoryName, Tag};
use crate::registry::manifests::StoredManifest;

/// A blob was pushed or pulled.
pub(super) fn blob(call: &Call<'_>, action: Action, repository: &RepositoryName, digest: &Digest, size: u64) {
    tell(call, action, || blob_target(call, repository, digest, size));
}

/// A blob was mounted.
pub(super) fn mounted(call: &Call<'_>, repository: &RepositoryName, from: &RepositoryName, digest: &Digest, size: u64) {
    tell(call, Action::Mount, || Target {
        from_repository: Some(from.as_str().to_owned()),
        ..blob_target(call, repository, digest, size)
    });
}

/// A manifest was pushed or pulled, by this tag if by any.
pub(super) fn manifest(
    call: &Call<'_>,
    action: Action,
    repository: &RepositoryName,
    stored: &StoredManifest,
    tag: Option<&Tag>,
) {
    tell(call, action, || {
        let media_type = stored.manifest.kind.media_type();
        let references = match call.api.notifier.include_references() {
            true => stored.manifest.blobs().chain(&stored.manifest.manifests).cloned().collect(),
            false => Vec::new(),
        };
        Target {
            repository: repository.as_str().to_owned(),
            content: Some(Content { media_type, digest: stored.digest.clone(), size_bytes: stored.bytes.len() as u64 }),
            tag: tag.map(|tag| tag.as_str().to_owned()),
            url: Some(call.location.text(&format!("/{repository}/manifests/{}", stored.digest))),
            references,
            ..Target::default()
        }
    });
}

/// A blob was deleted.
pub(super) fn blob_deleted(call: &Call<'_>, repository: &RepositoryName, digest: &Digest) {
    tell(call, Action::Delete, || deleted(repository, Some(Content::blob(digest.clone(), 0)), None));
}

/// A manifest was deleted, and with it these tags: one event for itself, one for each.
pub(super) fn manifest_deleted(call: &Call<'_>, repository: &RepositoryName, digest: &Digest, tags: &[Tag]) {
    let content = || Content { media_type: "", digest: digest.clone(), size_bytes: 0 };
    tell(call, Action::Delete, || deleted(repository, Some(content()), None));
    tags.iter().for_each(|tag| tag_deleted(call, repository, tag));
}

/// A tag was deleted.
pub(super) fn tag_deleted(call: &Call<'_>, repository: &RepositoryName, tag: &Tag) {
    tell(call, Action::Delete, || deleted(repository, None, Some(tag)));
}

fn blob_target(call: &Call<'_>, repository: &RepositoryName, digest: &Digest, size: u64) -> Target {
    Target {
        repository: repository.as_str().to_owned(),
        content: Some(Content::blob(digest.clone(), size)),
        url: Some(call.location.text(&format!("/{repository}/blobs/{digest}"))),
        ..Target::default()
    }
}

fn deleted(repository: &RepositoryName, content: Option<Content>, tag: Option<&Tag>) -> Target {
    let (repository, tag) = (repository.as_str().to_owned(), tag.map(|tag| tag.as_str().to_owned()));
    Target { repository, content, tag, ..Target::default() }
}

fn tell(call: &Call<'_>, action: Action, target: impl FnOnce() -> Target) {
    let notifier = &call.api.notifier;
    if notifier.wants(action) {
        notifier.registry(RegistryEvent { action, target: target(), request: record(call), actor: actor(call) });
    }
}

/// Whom the provider found out; where none is configured, the name that a proxy in front may have checked.
fn actor(call: &Call<'_>) -> Option<String> {
    match call.user.is_empty() {
        true => auth::claimed_user(&call.parts.headers),
        false => Some(call.user.clone()),
    }
}

fn record(call: &Call<'_>) -> RequestRecord {
    let info = call.parts.extensions.get::<RequestInfo>();
    let text = |name: &str| call.parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let host = text(HOST.as_str()).map(String::from);
    let host = host.or_else(|| call.parts.uri.authority().map(|authority| authority.as_str().to_owned()));
    RequestRecord {
        id: info.map(|info| info.id.to_string()).unwrap_or_default(),
        addr: addr(call, info),
        host: host.unwrap_or_default(),
        method: call.parts.method.as_str().to_owned(),
        user_agent: text(USER_AGENT.as_str()).map(String::from).unwrap_or_default(),
    }
}

/// Where a request came from, as `distribution` tells it.
fn addr(call: &Call<'_>, info: Option<&RequestInfo>) -> String {
    match client::forwarded(&call.parts.headers) {
        Some(told) => told.to_owned(),
        None => info.and_then(|info| info.peer).map(|peer| peer.to_string()).unwrap_or_default(),
    }
}
