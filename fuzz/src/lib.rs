//! What each fuzzer does with its input: parse it, and check what must hold for whatever was accepted. A panic or a
//! failed assertion is a finding.
//!
//! `tests/fuzz_targets.rs` of the main package includes this file and runs every target over the seeds in `seeds/` and
//! over random bytes, so that the targets keep compiling and keep holding where no fuzzer is installed.

pub mod auth;
pub mod config;
pub mod http;

use wharf::auth::htpasswd::Table;
use wharf::auth::token::{Claims, Jws, KeyReference};
use wharf::auth::{Access, Action, Resource};
use wharf::oci::{Digest, Hasher, Manifest, Reference, RepositoryName, Tag};

/// A fuzz target: takes any bytes, and panics on a finding.
pub type Target = fn(&[u8]);

/// Every target under the name of its file in `fuzz_targets/` and of its folder in `seeds/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("config", config::config),
    ("digest", digest),
    ("manifest", manifest),
    ("repository_name", repository_name),
    ("reference", reference),
    ("htpasswd", htpasswd),
    ("jwt", jwt),
    ("bearer", auth::bearer),
    ("accept", http::accept),
    ("content_range", http::content_range),
    ("range", http::range),
    ("request", http::request),
    ("upload_token", http::upload_token),
];

/// Repository names: what is accepted is safe as a path inside the storage.
pub fn repository_name(data: &[u8]) {
    let Some(name) = text(data).and_then(|text| text.parse::<RepositoryName>().ok()) else { return };
    assert!(name.as_str().len() <= 255);
    for component in name.as_str().split('/') {
        assert!(!component.is_empty() && component != "." && component != "..");
        assert!(!component.starts_with('_') && !component.contains('\\') && !component.contains('\0'));
    }
    assert_eq!(name.to_string().parse(), Ok(name));
}

/// Digests: what is accepted has the length of its algorithm and is written back as it came.
pub fn digest(data: &[u8]) {
    let Some((text, digest)) = text(data).and_then(|text| Some((text, text.parse::<Digest>().ok()?))) else { return };
    assert_eq!(digest.to_string(), text);
    assert_eq!(digest.hex().len(), digest.algorithm().hex_len());
    let own = Hasher::digest(digest.algorithm(), data);
    assert_eq!(own.to_string().parse(), Ok(own));
}

/// References: a tag never looks like a digest, and either is written back as it came.
pub fn reference(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(reference) = text.parse::<Reference>() else { return };
    assert_eq!(reference.to_string(), text);
    match reference {
        Reference::Tag(tag) => {
            assert!(tag.as_str().len() <= 128 && !tag.as_str().starts_with('.') && !tag.as_str().contains(['/', ':']));
            assert_eq!(text.parse::<Tag>(), Ok(tag));
        }
        Reference::Digest(digest) => assert_eq!(text.parse::<Digest>(), Ok(digest)),
    }
}

/// Manifests: whatever was accepted as it arrived is understood in the same way when it is read from storage.
pub fn manifest(data: &[u8]) {
    let Ok(stored) = Manifest::parse_stored(data) else { return };
    assert!(!stored.kind.is_index() || stored.config.is_none() && stored.layers.is_empty());
    assert!(stored.kind.is_index() || stored.manifests.is_empty());
    assert_eq!(Manifest::parse(Some(stored.kind.media_type()), data), Ok(stored.clone()));
    let size = u64::try_from(data.len()).unwrap_or(u64::MAX);
    let descriptor = stored.referrer_descriptor(Hasher::digest(wharf::oci::Algorithm::CANONICAL, data), size);
    assert_eq!(descriptor.media_type, stored.kind.media_type());
}

/// htpasswd files: what can't be used is told with its line, and every hash that can be is bcrypt.
pub fn htpasswd(data: &[u8]) {
    let (table, remarks) = Table::parse(data);
    let lines = data.split(|byte| *byte == b'\n');
    assert!(remarks.iter().all(|remark| (1..=lines.clone().count()).contains(&remark.line)));
    assert_eq!(table.hash(""), None);
    for user in lines.filter_map(|line| text(line)?.trim().split(':').next()) {
        assert!(table.hash(user).is_none_or(|hash| hash.starts_with("$2") && hash.len() == 60));
    }
}

/// Tokens: what is taken apart is what was signed, claims are read from nothing but a JSON object, and `*` is everything.
pub fn jwt(data: &[u8]) {
    let Some(Ok(jws)) = text(data).map(Jws::parse) else { return };
    assert_eq!(jws.signed, &data[..jws.signed.len()]);
    assert_eq!(data[jws.signed.len()], b'.');
    if let Ok(KeyReference::Chain(chain)) = jws.header.key_reference() {
        assert!((1..=8).contains(&chain.len()));
    }
    let Ok(claims) = Claims::parse(&jws.payload) else { return };
    assert!(jws.payload.trim_ascii().starts_with(b"{"));
    let grants = |action| claims.grants(&Access { resource: Resource::Catalog, action });
    assert!(!grants(Action::All) || grants(Action::Pull) && grants(Action::Push) && grants(Action::Delete));
}

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}
