//! The media types that Wharf knows by name.

/// OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker image manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// What a blob is served as: its real type is known only to the manifests that name it.
pub const OCTET_STREAM: &str = "application/octet-stream";

/// The type in a `Content-Type` or `Accept` element, without parameters and white space.
pub fn essence(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}
