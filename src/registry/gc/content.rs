//! What a stored manifest needs, as far as that can be read.

use serde_json::Value;

use super::Result;
use crate::oci::{Algorithm, Digest, Hasher, Manifest};
use crate::registry::Registry;
use crate::registry::key::Sha256Key;
use crate::storage::{ErrorKind, OptionalExt, layout};

/// No manifest is larger than this, unless the server's own limit is. It may have been lower or higher when it was pushed.
const MANIFEST_BYTES_MAX: u64 = 16 << 20;

/// A stored manifest.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// One that Wharf knows.
    Known {
        /// Its config, layers and children.
        references: Vec<Digest>,
        /// What it is attached to.
        subject: Option<Digest>,
    },
    /// JSON of another type: schema 1, or one that is still to be invented. Since content can only be named by its digest,
    /// every text in it that is a digest counts as a reference.
    Foreign {
        /// All of them.
        references: Vec<Digest>,
        /// Why it is none that Wharf knows.
        reason: String,
    },
    /// It could refer to anything.
    Unreadable(String),
    /// There are no bytes.
    Missing,
}

impl Content {
    /// Reads a manifest and checks it against its digest: a reference in which one bit has changed protects nothing.
    pub(super) async fn load(registry: &Registry, key: Sha256Key) -> Result<Self> {
        let digest = key.digest();
        let bytes_max = registry.options.manifest_bytes_max.max(MANIFEST_BYTES_MAX);
        let bytes = match registry.storage.get(&layout::blob_data(&digest), bytes_max).await.optional() {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Self::Missing),
            Err(error) if error.kind() == ErrorKind::TooLarge => {
                return Ok(Self::Unreadable(format!("it has more than {bytes_max} bytes")));
            }
            Err(error) => return Err(error.into()),
        };
        if Hasher::digest(Algorithm::Sha256, &bytes) != digest {
            return Ok(Self::Unreadable("its content does not have this digest".to_owned()));
        }
        Ok(Self::parse(&bytes))
    }

    fn parse(bytes: &[u8]) -> Self {
        let reason = match Manifest::parse_stored(bytes) {
            Ok(manifest) => {
                let references = manifest.references().cloned().collect();
                return Self::Known { references, subject: manifest.subject.map(|subject| subject.digest) };
            }
            Err(error) => error.to_string(),
        };
        match serde_json::from_slice(bytes) {
            Ok(value @ (Value::Object(_) | Value::Array(_))) => {
                let mut references = Vec::new();
                digests_in(&value, &mut references);
                Self::Foreign { references, reason }
            }
            _ => Self::Unreadable(reason),
        }
    }
}

/// Every text in `value` that is a digest. The parser has bounded the depth.
fn digests_in(value: &Value, found: &mut Vec<Digest>) {
    match value {
        Value::String(text) => found.extend(text.parse::<Digest>().ok()),
        Value::Array(values) => values.iter().for_each(|value| digests_in(value, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                found.extend(name.parse::<Digest>().ok());
                digests_in(value, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_1_protects_the_layers_that_it_names() {
        let layer = Hasher::digest(Algorithm::Sha256, b"layer");
        let body = format!(r#"{{"schemaVersion":1,"fsLayers":[{{"blobSum":"{layer}"}}],"history":[{{"v1":"{{}}"}}]}}"#);
        let Content::Foreign { references, .. } = Content::parse(body.as_bytes()) else { panic!("not foreign") };
        assert_eq!(references, [layer]);
    }

    #[test]
    fn what_is_no_json_could_refer_to_anything() {
        for body in ["", "no", "\"sha256\"", "12", "{\"schemaVersion\":2,"] {
            assert!(matches!(Content::parse(body.as_bytes()), Content::Unreadable(_)), "{body}");
        }
    }
}
