//! The `_state` in an upload's URL: proof that this registry gave out the URL, for this repository and this upload.
//!
//! Where an upload stands is kept in storage, not here, so an old URL is as good as a new one, and a client that retries is
//! never punished for it. What the token prevents is taking an upload id from one repository to another, and guessing ids.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::oci::RepositoryName;
use crate::registry::UploadId;

/// The key that signs upload tokens; the same on every replica.
#[derive(Clone)]
pub struct UploadSecret(Vec<u8>);

impl UploadSecret {
    /// From `http.secret`, or from what the registry keeps in its storage.
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        Self(secret.into())
    }

    /// The token of an upload.
    pub(super) fn sign(&self, repository: &RepositoryName, id: &UploadId) -> String {
        URL_SAFE_NO_PAD.encode(self.mac(repository, id).finalize().into_bytes())
    }

    /// Whether a token is that of this upload, compared in constant time.
    pub(super) fn verify(&self, repository: &RepositoryName, id: &UploadId, token: &str) -> bool {
        let Ok(token) = URL_SAFE_NO_PAD.decode(token) else { return false };
        self.mac(repository, id).verify_slice(&token).is_ok()
    }

    fn mac(&self, repository: &RepositoryName, id: &UploadId) -> Hmac<Sha256> {
        // HMAC takes keys of any length; an empty one only if it is given one.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).unwrap_or_else(|_| Hmac::new(&Default::default()));
        // Neither part can hold a line break, so the two can't be shifted against each other.
        mac.update(repository.as_str().as_bytes());
        mac.update(b"\n");
        mac.update(id.as_str().as_bytes());
        mac
    }
}

impl std::fmt::Debug for UploadSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UploadSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_fits_one_upload_of_one_repository() {
        let secret = UploadSecret::new("s");
        let (a, b): (RepositoryName, RepositoryName) = ("a".parse().unwrap(), "b".parse().unwrap());
        let (one, two): (UploadId, UploadId) = ("1".parse().unwrap(), "2".parse().unwrap());
        let token = secret.sign(&a, &one);
        assert!(secret.verify(&a, &one, &token));
        assert!(!secret.verify(&b, &one, &token));
        assert!(!secret.verify(&a, &two, &token));
        assert!(!UploadSecret::new("t").verify(&a, &one, &token));
        assert!(!secret.verify(&a, &one, &token[1..]));
        assert!(!secret.verify(&a, &one, ""));
    }

    proptest! {
        #[test]
        fn no_other_text_is_a_token(text in "\\PC{0,60}") {
            let (name, id) = ("a".parse().unwrap(), "1".parse().unwrap());
            prop_assert!(!UploadSecret::new("s").verify(&name, &id, &text));
        }
    }
}
