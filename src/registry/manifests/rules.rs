//! What is checked of a manifest before it is taken: everything that it refers to must be there, in this repository.

use std::collections::HashSet;

use futures_util::future::try_join_all;
use regex::RegexSet;

use crate::oci::descriptor::Platform;
use crate::oci::{Descriptor, Digest, Manifest, RepositoryName};
use crate::registry::{Error, Registry, Result};

/// How many references are looked up at once.
const LOOKUPS_MAX: usize = 8;

/// Docker's and OCI's types of layers that need not be in the registry, because their licence forbids it.
const DOCKER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
const OCI_NONDISTRIBUTABLE: &str = "application/vnd.oci.image.layer.nondistributable.v1.";

/// The rules of `validation` in the configuration.
#[derive(Debug, Clone)]
pub struct ManifestRules {
    /// Whether references are checked at all.
    pub check_references: bool,
    /// Which children of an index must be there.
    pub index_children: IndexChildren,
    /// A layer's `urls` must match one of these; none set allows every URL that is not denied, if `urls_deny` is set.
    pub urls_allow: RegexSet,
    /// A layer's `urls` must match none of these.
    pub urls_deny: RegexSet,
}

/// Which children of an index must be in the repository before the index is taken (`validation.manifests.indexes`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexChildren {
    /// All of them.
    All,
    /// None: sparse indexes are welcome.
    None,
    /// Those for these platforms.
    Of(Vec<Platform>),
}

impl Default for ManifestRules {
    fn default() -> Self {
        Self {
            check_references: true,
            index_children: IndexChildren::All,
            urls_allow: RegexSet::empty(),
            urls_deny: RegexSet::empty(),
        }
    }
}

impl ManifestRules {
    /// As in `distribution`, no URL is allowed while there is no rule. OCI's own non-distributable layers are the
    /// exception: the image specification gives them their `urls`, so refusing those would refuse valid images.
    fn allows_url(&self, layer: &Descriptor, url: &str) -> bool {
        let schemes = ["http://", "https://"];
        let (allow, deny) = (&self.urls_allow, &self.urls_deny);
        let no_rule = allow.is_empty() && deny.is_empty();
        schemes.iter().any(|scheme| url.starts_with(scheme))
            && (!no_rule || layer.media_type.starts_with(OCI_NONDISTRIBUTABLE))
            && (allow.is_empty() || allow.is_match(url))
            && !deny.is_match(url)
    }
}

impl Registry {
    /// Checks that a manifest may be stored in a repository.
    ///
    /// # Errors
    /// [`Error::ReferencesUnknown`] names everything that is missing at once; [`Error::UrlNotAllowed`] one layer URL.
    pub(super) async fn check_manifest(&self, repository: &RepositoryName, manifest: &Manifest) -> Result<()> {
        let rules = &self.options.manifest_rules;
        if !rules.check_references {
            return Ok(());
        }
        let is_foreign = |layer: &Descriptor| {
            let foreign = layer.media_type == DOCKER_FOREIGN || layer.media_type.starts_with(OCI_NONDISTRIBUTABLE);
            foreign && !layer.urls.is_empty()
        };
        for layer in &manifest.layers {
            if let Some(url) = layer.urls.iter().find(|url| !rules.allows_url(layer, url)) {
                return Err(Error::UrlNotAllowed(url.clone()));
            }
        }
        let blobs = manifest.config.iter().chain(manifest.layers.iter().filter(|layer| !is_foreign(layer)));
        let mut missing = self.missing_blobs(repository, &distinct(blobs)).await?;
        let children = manifest.manifests.iter().filter(|child| match &rules.index_children {
            IndexChildren::All => true,
            IndexChildren::None => false,
            IndexChildren::Of(platforms) => child.platform.as_ref().is_some_and(|own| platforms.contains(own)),
        });
        missing.extend(self.missing_manifests(repository, &distinct(children)).await?);
        if missing.is_empty() { Ok(()) } else { Err(Error::ReferencesUnknown(missing)) }
    }

    /// The digests among those of blobs that this repository does not have.
    async fn missing_blobs(&self, repository: &RepositoryName, digests: &[&Digest]) -> Result<Vec<Digest>> {
        let mut missing = Vec::new();
        for some in digests.chunks(LOOKUPS_MAX) {
            let found = try_join_all(some.iter().map(|digest| self.has_blob(repository, digest))).await?;
            missing.extend(not_found(some, &found));
        }
        Ok(missing)
    }

    /// The digests among those of manifests that this repository does not have.
    async fn missing_manifests(&self, repository: &RepositoryName, digests: &[&Digest]) -> Result<Vec<Digest>> {
        let mut missing = Vec::new();
        for some in digests.chunks(LOOKUPS_MAX) {
            let found = try_join_all(some.iter().map(|digest| self.has_manifest(repository, digest))).await?;
            missing.extend(not_found(some, &found));
        }
        Ok(missing)
    }
}

/// The digests whose look-up did not find anything.
fn not_found<'a>(looked_up: &'a [&Digest], found: &'a [bool]) -> impl Iterator<Item = Digest> + 'a {
    looked_up.iter().zip(found).filter(|(_, found)| !**found).map(|(digest, _)| (*digest).clone())
}

/// The digests of descriptors, each once, in the order they stand.
fn distinct<'a>(descriptors: impl Iterator<Item = &'a Descriptor>) -> Vec<&'a Digest> {
    let mut seen = HashSet::new();
    descriptors.map(|descriptor| &descriptor.digest).filter(|digest| seen.insert(*digest)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{Algorithm, Hasher};

    const URL: &str = "https://store.example.com/layer";

    fn allowed(rules: &ManifestRules, media_type: &str, url: &str) -> bool {
        let layer = Descriptor {
            media_type: media_type.to_owned(),
            digest: Hasher::digest(Algorithm::CANONICAL, b""),
            size: 0,
            artifact_type: None,
            annotations: Default::default(),
            urls: vec![url.to_owned()],
            platform: None,
        };
        rules.allows_url(&layer, url)
    }

    #[test]
    fn without_rules_only_layers_made_for_urls_may_have_one() {
        let rules = ManifestRules::default();
        assert!(allowed(&rules, "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", URL));
        assert!(!allowed(&rules, "application/vnd.oci.image.layer.nondistributable.v1.tar", "file:///etc/passwd"));
        assert!(!allowed(&rules, "application/vnd.oci.image.layer.v1.tar+gzip", URL));
        assert!(!allowed(&rules, DOCKER_FOREIGN, URL));
    }

    #[test]
    fn rules_hold_for_every_layer() {
        let urls_allow = RegexSet::new(["^https://store"]).unwrap();
        let rules = ManifestRules { urls_allow, ..ManifestRules::default() };
        for media_type in [DOCKER_FOREIGN, "application/vnd.oci.image.layer.nondistributable.v1.tar"] {
            assert!(allowed(&rules, media_type, URL));
            assert!(!allowed(&rules, media_type, "https://elsewhere.example.com/layer"));
        }
    }
}
