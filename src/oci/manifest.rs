//! Manifests: what the registry must understand of them. The bytes themselves are never rewritten.
//!
//! Follows the OCI image specification ("Image Manifest", "Image Index") and Docker's schema 2 manifest and list.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Descriptor, Digest, media_type};

/// The manifest types that Wharf takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ManifestType {
    /// [`media_type::OCI_MANIFEST`].
    OciManifest,
    /// [`media_type::OCI_INDEX`].
    OciIndex,
    /// [`media_type::DOCKER_MANIFEST`].
    DockerManifest,
    /// [`media_type::DOCKER_LIST`].
    DockerList,
}

impl ManifestType {
    /// The type that a media type names, parameters ignored.
    pub fn from_media_type(text: &str) -> Option<Self> {
        match media_type::essence(text) {
            media_type::OCI_MANIFEST => Some(Self::OciManifest),
            media_type::OCI_INDEX => Some(Self::OciIndex),
            media_type::DOCKER_MANIFEST => Some(Self::DockerManifest),
            media_type::DOCKER_LIST => Some(Self::DockerList),
            _ => None,
        }
    }

    /// The media type's text.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::OciManifest => media_type::OCI_MANIFEST,
            Self::OciIndex => media_type::OCI_INDEX,
            Self::DockerManifest => media_type::DOCKER_MANIFEST,
            Self::DockerList => media_type::DOCKER_LIST,
        }
    }

    /// Whether it lists manifests rather than blobs.
    pub fn is_index(self) -> bool {
        matches!(self, Self::OciIndex | Self::DockerList)
    }

    fn is_docker(self) -> bool {
        matches!(self, Self::DockerManifest | Self::DockerList)
    }
}

/// Why a body is not a manifest that Wharf stores. The message is meant for the person who pushed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ManifestError(String);

/// What the registry reads in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Which of the four types it is.
    pub kind: ManifestType,
    /// The config of an image manifest.
    pub config: Option<Descriptor>,
    /// The layers of an image manifest; may be empty.
    pub layers: Vec<Descriptor>,
    /// The children of an index; may be empty.
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one is attached to.
    pub subject: Option<Descriptor>,
    /// `artifactType`, as it stands in the manifest.
    pub artifact_type: Option<String>,
    /// The manifest's annotations.
    pub annotations: BTreeMap<String, String>,
}

/// The fields that are read. A field that is `null` counts as absent, because some tools write it so.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    schema_version: Option<i64>,
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    artifact_type: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
}

impl Manifest {
    /// Parses and checks a manifest that arrives. `content_type` is the request's header; without one the body's own
    /// `mediaType` decides.
    ///
    /// # Errors
    /// [`ManifestError`] says what is wrong: a type that is not one of [`ManifestType`], no JSON, `schemaVersion` other
    /// than 2, a `mediaType` that contradicts the header, an image with `manifests`, an index with `config` or `layers`.
    pub fn parse(content_type: Option<&str>, body: &[u8]) -> Result<Self, ManifestError> {
        let fields = Self::fields(body)?;
        let kind = match content_type.or(fields.media_type.as_deref()) {
            Some(text) => ManifestType::from_media_type(text).ok_or_else(|| {
                ManifestError(format!("the media type {text:?} is not a manifest type that this registry stores"))
            })?,
            None => fields.guess_type(),
        };
        Self::check(kind, fields)
    }

    /// Parses a manifest that is already stored, of which no header is left: the type is its `mediaType`, or the one that
    /// its shape tells.
    ///
    /// # Errors
    /// As [`Manifest::parse`].
    pub fn parse_stored(body: &[u8]) -> Result<Self, ManifestError> {
        Self::parse(None, body)
    }

    /// Every blob that an image manifest names: its config, then its layers.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.config.iter().chain(&self.layers)
    }

    /// The digest of everything this manifest keeps alive: its blobs or children (the subject is not among them).
    pub fn references(&self) -> impl Iterator<Item = &Digest> {
        self.blobs().chain(&self.manifests).map(|descriptor| &descriptor.digest)
    }

    /// How this manifest appears in the referrers list of its subject (distribution specification, "Listing Referrers").
    pub fn referrer_descriptor(&self, digest: Digest, size: u64) -> Descriptor {
        let own = self.artifact_type.clone().filter(|text| !text.is_empty());
        let artifact_type = if self.kind.is_index() {
            own
        } else {
            own.or_else(|| self.config.as_ref().map(|config| config.media_type.clone()))
        };
        Descriptor {
            media_type: self.kind.media_type().to_owned(),
            digest,
            size,
            artifact_type,
            annotations: self.annotations.clone(),
            urls: Vec::new(),
            platform: None,
        }
    }

    fn fields(body: &[u8]) -> Result<Fields, ManifestError> {
        serde_json::from_slice(body)
            .map_err(|error| ManifestError(format!("the manifest can't be read as JSON: {error}")))
    }

    fn check(kind: ManifestType, fields: Fields) -> Result<Self, ManifestError> {
        let fail = |message: String| Err(ManifestError(message));
        if fields.schema_version != Some(2) {
            return fail("the manifest's schemaVersion must be 2".to_owned());
        }
        match fields.media_type.as_deref() {
            Some(text) if text == kind.media_type() => {}
            None | Some("") if !kind.is_docker() => {}
            found => {
                let expected = kind.media_type();
                return fail(format!(
                    "the manifest's mediaType is {}, but it was sent as {expected}",
                    found.unwrap_or("absent")
                ));
            }
        }
        if kind.is_index() {
            if fields.config.is_some() || fields.layers.is_some() {
                return fail("an index must not have config or layers".to_owned());
            }
            if fields.manifests.is_none() {
                return fail("an index must have manifests, be it an empty list".to_owned());
            }
        } else if fields.manifests.is_some() {
            return fail("an image manifest must not have manifests".to_owned());
        } else if fields.config.is_none() {
            return fail("an image manifest must have a config".to_owned());
        }
        Ok(Self {
            kind,
            config: fields.config,
            layers: fields.layers.unwrap_or_default(),
            manifests: fields.manifests.unwrap_or_default(),
            subject: fields.subject,
            artifact_type: fields.artifact_type,
            annotations: fields.annotations.unwrap_or_default(),
        })
    }
}

impl Fields {
    fn guess_type(&self) -> ManifestType {
        if self.manifests.is_some() { ManifestType::OciIndex } else { ManifestType::OciManifest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn descriptor(letter: char) -> String {
        let hex = letter.to_string().repeat(64);
        format!(r#"{{"mediaType":"application/octet-stream","digest":"sha256:{hex}","size":3}}"#)
    }

    #[test]
    fn an_image_keeps_its_config_and_layers_alive() {
        let body = format!(
            r#"{{"schemaVersion":2,"config":{},"layers":[{}],"subject":{},"annotations":null}}"#,
            descriptor('a'),
            descriptor('b'),
            descriptor('c')
        );
        let manifest = Manifest::parse(Some(media_type::OCI_MANIFEST), body.as_bytes()).unwrap();
        assert_eq!(manifest.references().map(|digest| &digest.hex()[..1]).collect::<Vec<_>>(), ["a", "b"]);
        let listed = manifest.referrer_descriptor(manifest.layers[0].digest.clone(), 9);
        assert_eq!(listed.artifact_type.as_deref(), Some("application/octet-stream"));
    }

    #[test]
    fn contradictions_are_refused() {
        let config = descriptor('a');
        for (kind, body) in [
            (media_type::OCI_MANIFEST, r#"{"schemaVersion":1}"#.to_owned()),
            (media_type::OCI_MANIFEST, format!(r#"{{"schemaVersion":2,"config":{config},"manifests":[]}}"#)),
            (media_type::OCI_INDEX, format!(r#"{{"schemaVersion":2,"config":{config},"manifests":[]}}"#)),
            (
                media_type::OCI_INDEX,
                format!(r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[]}}"#, media_type::DOCKER_LIST),
            ),
            (media_type::DOCKER_MANIFEST, format!(r#"{{"schemaVersion":2,"config":{config}}}"#)),
            ("text/plain", format!(r#"{{"schemaVersion":2,"config":{config}}}"#)),
            (media_type::OCI_MANIFEST, "[]".to_owned()),
            (media_type::OCI_MANIFEST, String::new()),
        ] {
            assert!(Manifest::parse(Some(kind), body.as_bytes()).is_err(), "{kind} {body}");
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_the_parser_panic(body in any::<Vec<u8>>(), text in "\\PC{0,60}") {
            let _ = Manifest::parse(Some(media_type::OCI_MANIFEST), &body);
            let _ = Manifest::parse_stored(text.as_bytes());
        }
    }
}
