//! The seal on an entry: who made it could read the storage, and made it for this repository, kind and digest.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{CachedDescriptor, DescriptorKey};
use crate::registry::descriptors::Kind;

/// The longest entry that is looked at, in bytes.
const ENTRY_BYTES_MAX: usize = 1024;
/// How far ahead the clock of another replica may be.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(5);
/// What stands in the place of an entry that was removed, before the time of the removal.
pub(super) const GONE: &str = "gone ";

/// Why an entry does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsealed {
    /// It counts no more: too old, or removed.
    Old,
    /// Nobody of this registry made it.
    Broken,
}

/// Seals and opens.
pub(super) struct Sealer(Hmac<Sha256>);

impl Sealer {
    pub(super) fn new(secret: &[u8]) -> Self {
        // HMAC takes keys of any length. The secret has other uses, so a key of its own is made of it.
        let with = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()));
        let derived = with(secret).chain_update(b"wharf: descriptors in Redis").finalize().into_bytes();
        Self(with(&derived))
    }

    /// An entry; `None` for what fits into none.
    pub(super) fn seal(&self, key: &DescriptorKey, descriptor: &CachedDescriptor, millis: u64) -> Option<String> {
        let CachedDescriptor { canonical, size, media_type } = descriptor;
        let body = format!("{millis} {canonical} {size} {media_type}");
        let seal = URL_SAFE_NO_PAD.encode(self.mac(key, &body).finalize().into_bytes());
        let entry = format!("{seal} {body}");
        (entry.len() <= ENTRY_BYTES_MAX && !media_type.contains(char::is_whitespace)).then_some(entry)
    }

    /// What an entry says, if it counts.
    pub(super) fn open(
        &self,
        key: &DescriptorKey,
        entry: &[u8],
        now_millis: u64,
        age_max: Duration,
    ) -> Result<CachedDescriptor, Unsealed> {
        let entry = if entry.len() > ENTRY_BYTES_MAX { &[] } else { entry };
        let entry = std::str::from_utf8(entry).map_err(|_| Unsealed::Broken)?;
        if entry.starts_with(GONE) {
            return Err(Unsealed::Old);
        }
        let (seal, body) = entry.split_once(' ').ok_or(Unsealed::Broken)?;
        let seal = URL_SAFE_NO_PAD.decode(seal).map_err(|_| Unsealed::Broken)?;
        self.mac(key, body).verify_slice(&seal).map_err(|_| Unsealed::Broken)?;
        let mut words = body.split(' ');
        let mut word = || words.next().ok_or(Unsealed::Broken);
        let millis: u64 = word()?.parse().map_err(|_| Unsealed::Broken)?;
        let canonical = word()?.parse().map_err(|_| Unsealed::Broken)?;
        let size = word()?.parse().map_err(|_| Unsealed::Broken)?;
        let media_type = word()?.to_owned();
        let in_time = |millis: u64, duration: Duration| u128::from(millis) <= duration.as_millis();
        let counts = in_time(now_millis.saturating_sub(millis), age_max)
            && in_time(millis.saturating_sub(now_millis), CLOCK_SKEW_MAX);
        if counts { Ok(CachedDescriptor { canonical, size, media_type }) } else { Err(Unsealed::Old) }
    }

    /// Neither a name nor a digest can hold a line break, so no two keys give the same text.
    fn mac(&self, key: &DescriptorKey, body: &str) -> Hmac<Sha256> {
        let kind = match key.kind {
            Kind::Blob => "blob",
            Kind::Manifest => "manifest",
        };
        let text = format!("{kind}\n{}\n{}\n{body}", key.repository, key.digest);
        self.0.clone().chain_update(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::oci::{Algorithm, Hasher};

    const AGE_MAX: Duration = Duration::from_secs(30);

    fn entry() -> (DescriptorKey, CachedDescriptor) {
        let canonical = Hasher::digest(Algorithm::CANONICAL, b"content");
        let key = DescriptorKey::blob(&"library/app".parse().unwrap(), &canonical);
        (key, CachedDescriptor { canonical, size: 7, media_type: "application/octet-stream".to_owned() })
    }

    #[test]
    fn an_entry_counts_for_its_key_and_its_time_only() {
        let sealer = Sealer::new(b"secret");
        let (key, descriptor) = entry();
        let sealed = sealer.seal(&key, &descriptor, 1_000_000).unwrap();
        let open = |key: &DescriptorKey, entry: &str, now| sealer.open(key, entry.as_bytes(), now, AGE_MAX);
        assert_eq!(open(&key, &sealed, 1_000_000), Ok(descriptor.clone()));
        assert_eq!(open(&key, &sealed, 1_030_000), Ok(descriptor.clone()));
        assert_eq!(open(&key, &sealed, 1_030_001), Err(Unsealed::Old));
        assert_eq!(open(&key, &sealed, 995_000), Ok(descriptor));
        assert_eq!(open(&key, &sealed, 994_999), Err(Unsealed::Old));
        assert_eq!(open(&key, "gone 1000000", 1_000_000), Err(Unsealed::Old));

        // Moved to another repository, list or digest, made longer, made with another secret: nobody's.
        let other = "library/other".parse().unwrap();
        let digest = Hasher::digest(Algorithm::CANONICAL, b"other");
        for moved in [
            DescriptorKey { repository: other, ..key.clone() },
            DescriptorKey { kind: Kind::Manifest, ..key.clone() },
            DescriptorKey { digest, ..key.clone() },
        ] {
            assert_eq!(open(&moved, &sealed, 1_000_000), Err(Unsealed::Broken), "{moved:?}");
        }
        assert_eq!(open(&key, &sealed.replace(" 7 ", " 8 "), 1_000_000), Err(Unsealed::Broken));
        assert_eq!(open(&key, &sealed.replace(" 1000000 ", " 9000000 "), 9_000_000), Err(Unsealed::Broken));
        let stranger = Sealer::new(b"guess");
        assert_eq!(stranger.open(&key, sealed.as_bytes(), 1_000_000, AGE_MAX), Err(Unsealed::Broken));
    }

    #[test]
    fn what_does_not_fit_is_not_sealed() {
        let sealer = Sealer::new(b"secret");
        let (key, descriptor) = entry();
        for media_type in ["a b".to_owned(), "m".repeat(ENTRY_BYTES_MAX)] {
            assert_eq!(sealer.seal(&key, &CachedDescriptor { media_type, ..descriptor.clone() }, 0), None);
        }
    }

    proptest! {
        #[test]
        fn whatever_stands_there_is_read_and_not_believed(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let sealer = Sealer::new(b"secret");
            prop_assert!(sealer.open(&entry().0, &bytes, 0, AGE_MAX).is_err());
        }

        #[test]
        fn a_changed_byte_breaks_the_seal(at in 0_usize..160, to in any::<u8>()) {
            let sealer = Sealer::new(b"secret");
            let (key, descriptor) = entry();
            let mut bytes = sealer.seal(&key, &descriptor, 1000).unwrap().into_bytes();
            let at = at % bytes.len();
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            prop_assert_eq!(sealer.open(&key, &bytes, 1000, AGE_MAX), Err(Unsealed::Broken));
        }
    }
}
