//! Random registries, put into a storage key by key.

use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::oci::{Algorithm, Digest, Hasher, RepositoryName, Tag};
use crate::storage::memory::MemoryStorage;
use crate::storage::{ListRequest, Shape, Storage, StorageKey, WriteOptions, layout};

pub(super) const REPOSITORIES: [&str; 3] = ["a", "a/b", "c"];
const BLOBS: usize = 6;
const MANIFESTS: usize = 7;
const TAGS: usize = 4;

/// A registry. Everything is named by its number.
#[derive(Debug)]
pub(super) struct World {
    pub manifests: Vec<Spec>,
    pub repositories: Vec<Place>,
    /// Which blobs and manifests have lost their bytes.
    blobs_lost: Vec<bool>,
    manifests_lost: Vec<bool>,
    /// The manifests' bytes.
    bodies: Vec<Vec<u8>>,
}

/// What a manifest refers to: only to manifests of lower numbers.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub kind: Kind,
    /// Layers of an image; children of an index, modulo the manifest's own number.
    pub references: Vec<usize>,
    pub subject: Option<usize>,
    /// Whether its references are written as SHA-512.
    pub sha512: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    Index,
    /// Schema 1: a type that Wharf does not know.
    Foreign,
    /// No JSON.
    Broken,
}

/// What a repository has.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Whether each manifest is known, under SHA-256, and under SHA-512 as well.
    pub revisions: Vec<(bool, bool)>,
    /// Whether each blob is linked.
    pub layers: Vec<(bool, bool)>,
    /// What each tag points at.
    pub tags: Vec<Option<usize>>,
    /// Pairs of a tag and a manifest that it once pointed at.
    pub history: Vec<(usize, usize)>,
}

pub(super) fn worlds() -> impl Strategy<Value = World> {
    let kind =
        prop_oneof![8 => Just(Kind::Image), 6 => Just(Kind::Index), 1 => Just(Kind::Foreign), 1 => Just(Kind::Broken)];
    let spec =
        (kind, vec(0..BLOBS, 0..4), proptest::option::weighted(0.4, 0..MANIFESTS), proptest::bool::weighted(0.2));
    let spec = spec.prop_map(|(kind, references, subject, sha512)| Spec { kind, references, subject, sha512 });
    let presence = || (proptest::bool::weighted(0.7), proptest::bool::weighted(0.3));
    let place = (
        vec(presence(), MANIFESTS),
        vec(presence(), BLOBS),
        vec(proptest::option::weighted(0.5, 0..MANIFESTS), TAGS),
        vec((0..TAGS, 0..MANIFESTS), 0..6),
    );
    let place = place.prop_map(|(revisions, layers, tags, history)| Place { revisions, layers, tags, history });
    let lost = || proptest::bool::weighted(0.05);
    (vec(spec, MANIFESTS), vec(place, REPOSITORIES.len()), vec(lost(), BLOBS), vec(lost(), MANIFESTS)).prop_map(
        |(manifests, repositories, blobs_lost, manifests_lost)| {
            let mut world = World { manifests, repositories, blobs_lost, manifests_lost, bodies: Vec::new() };
            for number in 0..MANIFESTS {
                let body = world.body(number);
                world.bodies.push(body);
            }
            world
        },
    )
}

pub(super) fn blob(number: usize) -> Vec<u8> {
    format!("blob {number}").into_bytes()
}

pub(super) fn repository(number: usize) -> RepositoryName {
    REPOSITORIES[number].parse().unwrap()
}

fn tag(number: usize) -> Tag {
    format!("tag{number}").parse().unwrap()
}

fn descriptor(content: &[u8], sha512: bool) -> serde_json::Value {
    let algorithm = if sha512 { Algorithm::Sha512 } else { Algorithm::Sha256 };
    let digest = Hasher::digest(algorithm, content);
    serde_json::json!({"mediaType": "application/x", "digest": digest.as_str(), "size": content.len()})
}

impl World {
    /// The bytes of a manifest.
    pub(super) fn manifest(&self, number: usize) -> Vec<u8> {
        self.bodies[number].clone()
    }

    /// Writes a manifest, when those of lower numbers have been.
    fn body(&self, number: usize) -> Vec<u8> {
        let spec = &self.manifests[number];
        let blobs =
            || -> Vec<_> { spec.references.iter().map(|blob_at| descriptor(&blob(*blob_at), spec.sha512)).collect() };
        let mut json = match spec.kind {
            Kind::Image => {
                let config = descriptor(&blob(spec.references.first().copied().unwrap_or(0)), spec.sha512);
                serde_json::json!({"schemaVersion": 2, "config": config, "layers": blobs()})
            }
            Kind::Index => {
                let children: Vec<_> =
                    self.children(number).map(|child| descriptor(&self.manifest(child), spec.sha512)).collect();
                serde_json::json!({"schemaVersion": 2, "manifests": children})
            }
            Kind::Foreign => serde_json::json!({"schemaVersion": 1, "fsLayers": blobs()}),
            Kind::Broken => return format!("broken {number}").into_bytes(),
        };
        if let Some(subject) = self.subject(number) {
            json["subject"] = descriptor(&self.manifest(subject), spec.sha512);
        }
        // Two manifests of the same shape are two manifests.
        json["annotations"] = serde_json::json!({"number": number.to_string()});
        serde_json::to_vec(&json).unwrap()
    }

    pub(super) fn children(&self, number: usize) -> impl Iterator<Item = usize> {
        let wanted = if number == 0 { [].as_slice() } else { self.manifests[number].references.as_slice() };
        wanted.iter().map(move |child| child % number)
    }

    pub(super) fn subject(&self, number: usize) -> Option<usize> {
        self.manifests[number].subject.filter(|subject| *subject < number)
    }

    /// What a manifest refers to, as it is stored, with whether it is a manifest.
    pub(super) fn contents(&self, number: usize) -> Vec<(Vec<u8>, bool)> {
        let spec = &self.manifests[number];
        let blobs = spec.references.iter().map(|number| (blob(*number), false));
        match spec.kind {
            Kind::Image => blobs.chain([(blob(spec.references.first().copied().unwrap_or(0)), false)]).collect(),
            Kind::Index => self.children(number).map(|child| (self.manifest(child), true)).collect(),
            Kind::Foreign => {
                let subject = self.subject(number).map(|subject| (self.manifest(subject), true));
                blobs.chain(subject).collect()
            }
            Kind::Broken => Vec::new(),
        }
    }

    /// Writes all of it.
    pub(super) async fn store(&self, storage: &MemoryStorage) {
        for number in 0..BLOBS {
            if !self.blobs_lost[number] {
                put(storage, layout::blob_data(&sha256(&blob(number))), blob(number)).await;
            }
        }
        for number in 0..MANIFESTS {
            if !self.manifests_lost[number] {
                let content = self.manifest(number);
                put(storage, layout::blob_data(&sha256(&content)), content).await;
            }
        }
        for (at, place) in self.repositories.iter().enumerate() {
            self.store_place(storage, &repository(at), place).await;
        }
    }

    async fn store_place(&self, storage: &MemoryStorage, name: &RepositoryName, place: &Place) {
        for (number, (canonical, alias)) in place.layers.iter().enumerate() {
            let content = blob(number);
            for digest in names(&content, *canonical, *alias) {
                link(storage, layout::layer_link(name, &digest), &sha256(&content)).await;
            }
        }
        for (number, (canonical, alias)) in place.revisions.iter().enumerate() {
            let content = self.manifest(number);
            for digest in names(&content, *canonical, *alias) {
                link(storage, layout::revision_link(name, &digest), &sha256(&content)).await;
                if let Some(subject) = self.subject(number).filter(|_| self.manifests[number].kind != Kind::Broken) {
                    let subject = sha256(&self.manifest(subject));
                    link(storage, layout::referrer_link(name, &subject, &digest), &digest).await;
                }
            }
        }
        let current = place.tags.iter().enumerate().filter_map(|(at, target)| Some((at, (*target)?)));
        for (at, target) in current {
            let digest = sha256(&self.manifest(target));
            link(storage, layout::tag_link(name, &tag(at)), &digest).await;
            link(storage, layout::tag_index_link(name, &tag(at), &digest), &digest).await;
        }
        for (at, target) in &place.history {
            let digest = sha256(&self.manifest(*target));
            link(storage, layout::tag_index_link(name, &tag(*at), &digest), &digest).await;
        }
    }

    /// Links whose bytes are missing, and manifests whose blobs are.
    pub(super) fn dangling(&self, keys: &BTreeSet<String>) -> BTreeSet<String> {
        let has = |key: StorageKey| keys.contains(key.as_str());
        let stored = |content: &[u8]| has(layout::blob_data(&sha256(content)));
        let mut dangling = BTreeSet::new();
        for (at, place) in self.repositories.iter().enumerate() {
            let name = repository(at);
            for number in 0..BLOBS {
                let content = blob(number);
                let links = names(&content, true, true).map(|digest| layout::layer_link(&name, &digest));
                let lost = links.filter(|key| has(key.clone()) && !stored(&content));
                dangling.extend(lost.map(|key| key.as_str().to_owned()));
            }
            for number in (0..MANIFESTS).filter(|number| place.revisions[*number].0) {
                let content = self.manifest(number);
                let key = layout::revision_link(&name, &sha256(&content));
                // What is called by a SHA-512 may be out of reach from the start.
                let needs = if self.manifests[number].sha512 { Vec::new() } else { self.contents(number) };
                if has(key.clone()) && !needs.iter().map(|(content, _)| content).chain([&content]).all(|it| stored(it))
                {
                    dangling.insert(key.as_str().to_owned());
                }
            }
        }
        dangling
    }
}

pub(super) fn sha256(content: &[u8]) -> Digest {
    Hasher::digest(Algorithm::Sha256, content)
}

/// The digests that something goes by.
pub(super) fn names(content: &[u8], canonical: bool, alias: bool) -> impl Iterator<Item = Digest> {
    let of = |algorithm, wanted: bool| wanted.then(|| Hasher::digest(algorithm, content));
    of(Algorithm::Sha256, canonical).into_iter().chain(of(Algorithm::Sha512, alias)).collect::<Vec<_>>().into_iter()
}

pub(super) async fn put(storage: &MemoryStorage, key: StorageKey, content: impl Into<Bytes>) {
    storage.put(&key, content.into(), WriteOptions::default()).await.unwrap();
}

pub(super) async fn link(storage: &MemoryStorage, key: StorageKey, digest: &Digest) {
    put(storage, key, digest.as_str().to_owned()).await;
}

/// Every key in the storage.
pub(super) async fn everything(storage: &MemoryStorage) -> BTreeSet<String> {
    let prefix = StorageKey::parse("docker/registry/v2").unwrap();
    let request = ListRequest { prefix: prefix.clone(), after: None, limit: 100_000, shape: Shape::Subtree };
    let page = storage.list(&request).await.unwrap();
    page.entries.into_iter().map(|entry| format!("{prefix}/{}", entry.name)).collect()
}
