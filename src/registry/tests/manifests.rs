//! Manifests, tags, referrers and the catalog.

use super::*;
use crate::oci::{Reference, Tag, media_type};
use crate::registry::{Error, PushedManifest};
use crate::storage::{OptionalExt, layout};

const CONFIG: &[u8] = b"{}";

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn image(extra: &str) -> Vec<u8> {
    let config = format!(r#"{{"mediaType":"application/x","digest":"{}","size":2}}"#, sha256(CONFIG));
    format!(r#"{{"schemaVersion":2,"config":{config},"layers":[]{extra}}}"#).into_bytes()
}

fn attached_to(subject: &Digest, kind: &str) -> Vec<u8> {
    let subject = format!(r#"{{"mediaType":"{}","digest":"{subject}","size":9}}"#, media_type::OCI_MANIFEST);
    image(&format!(r#","subject":{subject},"artifactType":"{kind}""#))
}

async fn push(registry: &Registry, repository: &RepositoryName, reference: &str, content: &[u8]) -> PushedManifest {
    let reference: Reference = reference.parse().unwrap();
    let body = Bytes::copy_from_slice(content);
    registry.push_manifest(repository, &reference, &[], Some(media_type::OCI_MANIFEST), body).await.unwrap()
}

async fn with_config(repository: &RepositoryName) -> Arc<Registry> {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let registry = registry(&storage);
    registry.push_blob(repository, body(CONFIG), &sha256(CONFIG)).await.unwrap();
    registry
}

#[tokio::test]
async fn bytes_come_back_as_they_went_by_tag_and_by_either_digest() {
    let repository = name("a");
    let registry = with_config(&repository).await;
    let content = image(r#","annotations":{"odd":"  spacing é"}"#);
    push(&registry, &repository, "latest", &content).await;
    let long = Hasher::digest(Algorithm::Sha512, &content);
    assert_eq!(push(&registry, &repository, long.as_str(), &content).await.digest, long);
    for reference in ["latest", sha256(&content).as_str(), long.as_str()] {
        let stored = registry.manifest(&repository, &reference.parse().unwrap()).await.unwrap();
        assert_eq!(stored.bytes, content, "{reference}");
    }
}

#[tokio::test]
async fn what_a_manifest_needs_must_be_in_its_own_repository() {
    let registry = with_config(&name("a")).await;
    let reference = Reference::Tag(tag("latest"));
    let (kind, content) = (Some(media_type::OCI_MANIFEST), Bytes::from(image("")));
    let elsewhere = registry.push_manifest(&name("b"), &reference, &[], kind, content).await;
    assert!(matches!(elsewhere, Err(Error::ReferencesUnknown(missing)) if missing == [sha256(CONFIG)]));
}

#[tokio::test]
async fn deleting_a_manifest_takes_its_tags_and_its_other_names_along() {
    let repository = name("a");
    let registry = with_config(&repository).await;
    let (content, other) = (image(""), image(r#","artifactType":"other""#));
    let long = Hasher::digest(Algorithm::Sha512, &content);
    for reference in ["one", "two", long.as_str()] {
        push(&registry, &repository, reference, &content).await;
    }
    push(&registry, &repository, "three", &other).await;
    let mut gone = registry.delete_manifest(&repository, &sha256(&content)).await.unwrap();
    gone.sort();
    assert_eq!(gone, [tag("one"), tag("two")]);
    for reference in ["one", "two", long.as_str(), sha256(&content).as_str()] {
        let found = registry.manifest(&repository, &reference.parse().unwrap()).await;
        assert!(matches!(found, Err(Error::ManifestUnknown { .. })), "{reference}");
    }
    assert_eq!(registry.list_tags(&repository, None, None).await.unwrap().tags, [tag("three")]);
}

#[tokio::test]
async fn referrers_are_found_filtered_paged_and_forgotten() {
    let repository = name("a");
    let registry = with_config(&repository).await;
    let subject = sha256(b"nobody has pushed this");
    let mut digests = Vec::new();
    for kind in ["sig", "sbom", "sig2"] {
        let content = attached_to(&subject, kind);
        digests.push(push(&registry, &repository, sha256(&content).as_str(), &content).await.digest);
    }
    digests.sort();
    let list = |kind: Option<&'static str>, last: Option<Digest>, limit| {
        let (registry, repository, subject) = (registry.clone(), repository.clone(), subject.clone());
        async move { registry.referrers(&repository, &subject, kind, last.as_ref(), limit).await.unwrap() }
    };
    let page = list(None, None, 2).await;
    assert!(page.more);
    assert_eq!(page.descriptors.iter().map(|d| d.digest.clone()).collect::<Vec<_>>(), digests[..2]);
    let rest = list(None, Some(digests[1].clone()), 2).await;
    assert!(!rest.more && rest.descriptors.len() == 1);
    assert_eq!(list(Some("sbom"), None, 9).await.descriptors.len(), 1);
    registry.delete_manifest(&repository, &digests[0]).await.unwrap();
    assert_eq!(list(None, None, 9).await.descriptors.len(), 2);
    let nowhere = registry.referrers(&name("nowhere"), &subject, None, None, 9).await.unwrap();
    assert!(nowhere.descriptors.is_empty());
}

#[tokio::test]
async fn referrers_that_other_servers_stored_are_found() {
    let repository = name("a");
    let registry = with_config(&repository).await;
    let subject = sha256(b"subject");
    let content = attached_to(&subject, "sig");
    let digest = push(&registry, &repository, "t", &content).await.digest;
    // Another server writes no index, and an older client keeps a list under the fallback tag.
    registry.storage().delete_prefix(&layout::all_referrers(&repository)).await.unwrap();
    let found = registry.referrers(&repository, &subject, None, None, 9).await.unwrap();
    assert_eq!(found.descriptors[0].digest, digest);

    let late = attached_to(&subject, "late");
    let late_digest = push(&registry, &repository, "late", &late).await.digest;
    registry.storage().delete(&[layout::referrer_link(&repository, &subject, &late_digest)]).await.unwrap();
    let entry = format!(r#"{{"mediaType":"{}","digest":"{late_digest}","size":1}}"#, media_type::OCI_MANIFEST);
    let index = format!(r#"{{"schemaVersion":2,"manifests":[{entry}]}}"#);
    let fallback = Reference::Tag(format!("sha256-{}", subject.hex()).parse().unwrap());
    let kind = Some(media_type::OCI_INDEX);
    registry.push_manifest(&repository, &fallback, &[], kind, Bytes::from(index)).await.unwrap();
    let found = registry.referrers(&repository, &subject, None, None, 9).await.unwrap();
    assert_eq!(found.descriptors.len(), 2);
}

#[tokio::test]
async fn the_catalog_pages_through_nested_names() {
    let names = ["a", "a/b", "a/b/c", "a-b", "z/0/1"];
    let registry = with_config(&name("only-blobs")).await;
    for text in names {
        registry.push_blob(&name(text), body(CONFIG), &sha256(CONFIG)).await.unwrap();
        push(&registry, &name(text), "t", &image("")).await;
    }
    let expected: Vec<_> = names.iter().map(|text| name(text)).collect();
    assert_eq!(registry.catalog(None, 100).await.unwrap().repositories, expected);
    for limit in 1..=names.len() {
        let (mut all, mut last): (Vec<RepositoryName>, Option<String>) = (Vec::new(), None);
        loop {
            let page = registry.catalog(last.as_deref(), limit).await.unwrap();
            assert!(!page.repositories.is_empty(), "an empty page");
            all.extend(page.repositories);
            assert!(all.len() <= expected.len(), "the pages do not end");
            last = all.last().map(ToString::to_string);
            if !page.more {
                break;
            }
        }
        assert_eq!(all, expected, "in pages of {limit}");
    }
    let after_a_gap = registry.catalog(Some("a/b/b"), 1).await.unwrap();
    assert_eq!(after_a_gap.repositories, [name("a/b/c")]);
}

#[tokio::test]
async fn an_empty_link_counts_as_absent_and_is_mended_by_the_next_push() {
    let repository = name("a");
    let registry = with_config(&repository).await;
    push(&registry, &repository, "t", &image("")).await;
    let link = layout::tag_link(&repository, &tag("t"));
    registry.storage().put(&link, Bytes::new(), Default::default()).await.unwrap();
    let torn = registry.manifest(&repository, &"t".parse().unwrap()).await;
    assert!(matches!(torn, Err(Error::ManifestUnknown { .. })));
    push(&registry, &repository, "t", &image("")).await;
    assert!(registry.manifest(&repository, &"t".parse().unwrap()).await.is_ok());
    assert!(registry.storage().stat(&link).await.optional().unwrap().is_some());
}
