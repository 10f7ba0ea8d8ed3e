//! Images, indexes and artifacts, as the bytes that are pushed.

use serde_json::{Value, json};

use super::content::{random, sha256, sha512};

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// A blob and its SHA-256 digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    pub bytes: Vec<u8>,
    pub digest: String,
}

impl Blob {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self { digest: sha256(&bytes), bytes }
    }

    pub fn random(seed: u64, len: usize) -> Self {
        Self::new(random(seed, len))
    }

    pub fn descriptor(&self, media_type: &str) -> Value {
        json!({"mediaType": media_type, "digest": self.digest, "size": self.bytes.len()})
    }
}

/// A manifest, its type and its digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub media_type: String,
    pub bytes: Vec<u8>,
    pub digest: String,
}

impl Manifest {
    /// The manifest with this JSON, written with spaces so that a server that rewrites it is caught.
    pub fn new(media_type: &str, json: &Value) -> Self {
        Self::verbatim(media_type, serde_json::to_vec_pretty(json).expect("JSON can be written"))
    }

    pub fn verbatim(media_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self { media_type: media_type.to_owned(), digest: sha256(&bytes), bytes }
    }

    pub fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len()})
    }

    pub fn sha512(&self) -> String {
        sha512(&self.bytes)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("a manifest is JSON")
    }
}

/// An image manifest with its blobs.
#[derive(Clone, Debug)]
pub struct Image {
    pub config: Blob,
    pub layers: Vec<Blob>,
    pub manifest: Manifest,
}

impl Image {
    /// An OCI image of three layers.
    pub fn oci(seed: u64) -> Self {
        Self::of_layers(seed, &[700, 1, 3000], [OCI_MANIFEST, OCI_CONFIG, OCI_LAYER])
    }

    /// A Docker schema 2 image of three layers.
    pub fn docker(seed: u64) -> Self {
        Self::of_layers(seed, &[600, 2, 2500], [DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER])
    }

    fn of_layers(seed: u64, lens: &[usize], [manifest, config, layer]: [&str; 3]) -> Self {
        let layers = (0..).zip(lens).map(|(at, len)| Blob::random(seed * 100 + at, *len)).collect::<Vec<_>>();
        Self::of(seed, layers, [manifest, config, layer])
    }

    /// An image of the given layers; the three types are those of the manifest, the config and the layers.
    pub fn of(seed: u64, layers: Vec<Blob>, [manifest, config, layer]: [&str; 3]) -> Self {
        let config_blob = Blob::new(
            json!({
                "architecture": "amd64", "os": "linux", "config": {"Env": [format!("SEED={seed}")]},
                "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| &layer.digest).collect::<Vec<_>>()}
            })
            .to_string(),
        );
        let json = json!({
            "schemaVersion": 2,
            "mediaType": manifest,
            "config": config_blob.descriptor(config),
            "layers": layers.iter().map(|blob| blob.descriptor(layer)).collect::<Vec<_>>(),
        });
        Self { config: config_blob, layers, manifest: Manifest::new(manifest, &json) }
    }

    /// Config and layers.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.layers.iter().chain([&self.config])
    }
}

/// An index, or a Docker list, of these manifests, one platform each.
pub fn index(media_type: &str, children: &[&Manifest]) -> Manifest {
    let platforms = ["amd64", "arm64", "s390x", "ppc64le"];
    let entries = children.iter().zip(platforms.iter().cycle()).map(|(child, architecture)| {
        let mut entry = child.descriptor();
        entry["platform"] = json!({"architecture": architecture, "os": "linux"});
        entry
    });
    let json = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": entries.collect::<Vec<_>>()});
    Manifest::new(media_type, &json)
}

/// The blob `{}`, which stands for "no config".
pub fn empty() -> Blob {
    Blob::new("{}")
}

/// An artifact attached to `subject`: needs [`empty`] in the repository and nothing else.
pub fn referrer(subject: &Manifest, artifact_type: &str, note: &str) -> Manifest {
    let json = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": empty().descriptor(OCI_EMPTY),
        "layers": [empty().descriptor(OCI_EMPTY)],
        "subject": subject.descriptor(),
        "annotations": {"org.example.note": note},
    });
    Manifest::new(OCI_MANIFEST, &json)
}
