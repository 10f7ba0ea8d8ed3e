//! Conditional requests (RFC 9110, section 13). Content here never changes under its digest, so an entity tag is the digest in
//! quotes, and always a strong one.

use http::{HeaderMap, HeaderValue, header};

use crate::oci::Digest;

/// The entity tag of content with this digest.
pub(super) fn etag(digest: &Digest) -> HeaderValue {
    // A digest is letters, digits and a colon.
    HeaderValue::try_from(format!("\"{digest}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// Whether `If-None-Match` names this content: `*`, or one of a list of tags, weak or strong. A bare digest without quotes
/// counts too, because `distribution` takes it and clients send it.
pub(super) fn not_modified(headers: &HeaderMap, digest: &Digest) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).any(|tag| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        let bare = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag);
        bare == "*" || bare == digest.as_str()
    })
}

/// Whether `If-Range` lets a `Range` count: it names this content (strongly), or is absent. A date never does, as no date is
/// ever sent.
pub(super) fn range_applies(headers: &HeaderMap, digest: &Digest) -> bool {
    headers.get(header::IF_RANGE).is_none_or(|value| *value == etag(digest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{Algorithm, Hasher};

    #[test]
    fn lists_weak_tags_stars_and_bare_digests_match() {
        let digest = Hasher::digest(Algorithm::Sha256, b"");
        let matches = |value: String| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::try_from(value).unwrap());
            not_modified(&headers, &digest)
        };
        assert!(matches(format!("\"{digest}\"")));
        assert!(matches(format!("\"x\", W/\"{digest}\"")));
        assert!(matches(digest.to_string()));
        assert!(matches("*".to_owned()));
        assert!(!matches("\"x\"".to_owned()));
        assert!(!not_modified(&HeaderMap::new(), &digest));
    }
}
