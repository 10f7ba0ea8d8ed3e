//! The key layout: where everything lies, exactly as CNCF `distribution` lays it out, so that either server opens what the
//! other one wrote. What is Wharf's own stands under names that `distribution` skips, and can be thrown away.
//!
//! ```text
//! docker/registry/v2/
//!   blobs/sha256/<xx>/<hex>/data                         the bytes of a layer, config or manifest
//!   repositories/<name>/
//!     _layers/<alg>/<hex>/link                           grants this repository access to a blob
//!     _manifests/revisions/<alg>/<hex>/link              makes a manifest known in this repository
//!     _manifests/tags/<tag>/current/link                 what the tag points at
//!     _manifests/tags/<tag>/index/<alg>/<hex>/link       everything it ever pointed at
//!     _uploads/<id>/startedat, data                      an upload in progress
//!     _uploads/<id>/state, parts/<n>                     Wharf's: how far it is, and its pieces where nothing can be appended
//!     _referrers/<alg>/<hex>/<alg>/<hex>/link            Wharf's: an index, subject first, then the referrer
//! wharf/                                                 Wharf's: what replicas share
//! ```
//!
//! A link's content is a digest, `sha256:<hex>`, without a newline. A link under another algorithm than SHA-256 holds the
//! SHA-256 of the same content: data is stored once, under its canonical digest.

use super::StorageKey;
use crate::oci::{Algorithm, Digest, RepositoryName, Tag};

const ROOT: &str = "docker/registry/v2";
const OWN: &str = "wharf";

/// Beneath it everything that `distribution` knows of.
pub fn root() -> StorageKey {
    key(ROOT.to_owned())
}

/// Beneath it what is Wharf's own.
pub fn own() -> StorageKey {
    key(OWN.to_owned())
}

/// A link holds one digest; anything longer than this is not a link.
pub const LINK_BYTES_MAX: u64 = 256;

fn key(text: String) -> StorageKey {
    StorageKey::trusted(text)
}

/// Beneath it every blob of one algorithm: `<xx>/<hex>/data`.
pub fn blobs(algorithm: Algorithm) -> StorageKey {
    key(format!("{ROOT}/blobs/{algorithm}"))
}

/// A blob's bytes. `digest` is the canonical one.
pub fn blob_data(digest: &Digest) -> StorageKey {
    let hex = digest.hex();
    key(format!("{ROOT}/blobs/{}/{}/{hex}/data", digest.algorithm(), &hex[..2]))
}

/// Beneath it every repository, by its name.
pub fn repositories() -> StorageKey {
    key(format!("{ROOT}/repositories"))
}

/// Beneath it everything of one repository, and the repositories whose names go on from its own.
pub fn repository(name: &RepositoryName) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}"))
}

/// Beneath it the blobs that a repository may serve: `<alg>/<hex>/link`.
pub fn layers(name: &RepositoryName) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{LAYERS}"))
}

/// The name that a repository's directory of layer links has.
pub const LAYERS: &str = "_layers";
/// The name that a repository's directory of manifests has: where it is, there is a repository.
pub const MANIFESTS: &str = "_manifests";
/// The name that a repository's directory of uploads has.
pub const UPLOADS: &str = "_uploads";
/// The name that a repository's directory of referrers indexes has.
pub const REFERRERS: &str = "_referrers";

/// Grants a repository access to a blob.
pub fn layer_link(name: &RepositoryName, digest: &Digest) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{LAYERS}/{}/{}/link", digest.algorithm(), digest.hex()))
}

/// Beneath it the manifests and the tags of a repository.
pub fn manifests(name: &RepositoryName) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{MANIFESTS}"))
}

/// Beneath it the manifests of a repository: `<alg>/<hex>/link`.
pub fn revisions(name: &RepositoryName) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{MANIFESTS}/revisions"))
}

/// Beneath it the manifests of a repository that were pushed under one algorithm: `<hex>/link`.
pub fn revisions_by(name: &RepositoryName, algorithm: Algorithm) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{MANIFESTS}/revisions/{algorithm}"))
}

/// Beneath it everything about one manifest of a repository: its link, and in old data the signatures of schema 1.
pub fn revision(name: &RepositoryName, digest: &Digest) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{MANIFESTS}/revisions/{}/{}", digest.algorithm(), digest.hex()))
}

/// Makes a manifest known in a repository.
pub fn revision_link(name: &RepositoryName, digest: &Digest) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{MANIFESTS}/revisions/{}/{}/link", digest.algorithm(), digest.hex()))
}

/// Beneath it a directory per tag.
pub fn tags(name: &RepositoryName) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{MANIFESTS}/tags"))
}

/// Beneath it everything of one tag.
pub fn tag(name: &RepositoryName, tag: &Tag) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{MANIFESTS}/tags/{tag}"))
}

/// Beneath it everything that a tag ever pointed at: `<alg>/<hex>/link`.
pub fn tag_index(name: &RepositoryName, tag: &Tag) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{MANIFESTS}/tags/{tag}/index"))
}

/// What a tag points at.
pub fn tag_link(name: &RepositoryName, tag: &Tag) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{MANIFESTS}/tags/{tag}/current/link"))
}

/// That a tag once pointed at `digest`.
pub fn tag_index_link(name: &RepositoryName, tag: &Tag, digest: &Digest) -> StorageKey {
    let (algorithm, hex) = (digest.algorithm(), digest.hex());
    key(format!("{ROOT}/repositories/{name}/{MANIFESTS}/tags/{tag}/index/{algorithm}/{hex}/link"))
}

/// Beneath it the uploads in progress, by id.
pub fn uploads(name: &RepositoryName) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{UPLOADS}"))
}

/// Beneath it everything of one upload. `id` must be safe as a path component, which an upload id is.
pub fn upload(name: &RepositoryName, id: &str) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{UPLOADS}/{id}"))
}

/// When an upload began, RFC 3339 in UTC with whole seconds. Without it an upload is unknown.
pub fn upload_started_at(name: &RepositoryName, id: &str) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{UPLOADS}/{id}/startedat"))
}

/// The bytes of an upload so far, where the storage can append.
pub fn upload_data(name: &RepositoryName, id: &str) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{UPLOADS}/{id}/data"))
}

/// How far an upload is, and the state of its hashes.
pub fn upload_state(name: &RepositoryName, id: &str) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{UPLOADS}/{id}/state"))
}

/// One piece of an upload, where the storage can't append. `part` is a name that no other writer uses.
pub fn upload_part(name: &RepositoryName, id: &str, part: &str) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{UPLOADS}/{id}/parts/{part}"))
}

/// Beneath it every referrers index of a repository.
pub fn all_referrers(name: &RepositoryName) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{REFERRERS}"))
}

/// Says that the referrers index of a repository covers what was there before the index was.
pub fn referrers_complete(name: &RepositoryName) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{REFERRERS}/complete"))
}

/// Beneath it the manifests that have `subject` as their subject: `<alg>/<hex>/link`.
pub fn referrers(name: &RepositoryName, subject: &Digest) -> StorageKey {
    key(format!("{ROOT}/repositories/{name}/{REFERRERS}/{}/{}", subject.algorithm(), subject.hex()))
}

/// Says that the manifest `digest` has `subject` as its subject.
pub fn referrer_link(name: &RepositoryName, subject: &Digest, digest: &Digest) -> StorageKey {
    let (algorithm, hex) = (subject.algorithm(), subject.hex());
    key(format!(
        "{ROOT}/repositories/{name}/{REFERRERS}/{algorithm}/{hex}/{}/{}/link",
        digest.algorithm(),
        digest.hex()
    ))
}

/// The secret that signs upload tokens when the configuration names none: kept with the data, so that replicas agree.
pub fn shared_secret() -> StorageKey {
    key(format!("{OWN}/upload-secret"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Hasher;

    #[test]
    fn the_paths_are_those_of_distribution() {
        let name: RepositoryName = "library/redis".parse().unwrap();
        let digest = Hasher::digest(Algorithm::Sha256, b"");
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let latest: Tag = "latest".parse().unwrap();
        assert_eq!(blob_data(&digest).as_str(), format!("docker/registry/v2/blobs/sha256/e3/{hex}/data"));
        let base = "docker/registry/v2/repositories/library/redis";
        assert_eq!(layer_link(&name, &digest).as_str(), format!("{base}/_layers/sha256/{hex}/link"));
        assert_eq!(revision_link(&name, &digest).as_str(), format!("{base}/_manifests/revisions/sha256/{hex}/link"));
        assert_eq!(tag_link(&name, &latest).as_str(), format!("{base}/_manifests/tags/latest/current/link"));
        assert_eq!(
            tag_index_link(&name, &latest, &digest).as_str(),
            format!("{base}/_manifests/tags/latest/index/sha256/{hex}/link")
        );
    }
}
