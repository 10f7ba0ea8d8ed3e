//! What is pushed and pulled.

use anyhow::Result;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::Write;
use std::sync::{Arc, OnceLock};

/// Large blobs repeat this many bytes, so that they need no memory.
const BLOCK_BYTES: usize = 1024 * 1024;

/// What distinguishes a large blob from others of its size stands in its last bytes.
const TAIL_BYTES: usize = 64;

pub(super) const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A block of bytes that no file system could compress.
fn block() -> &'static [u8] {
    static BLOCK: OnceLock<Vec<u8>> = OnceLock::new();
    BLOCK.get_or_init(|| {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let words = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        });
        words.take(BLOCK_BYTES / 8).flatten().collect()
    })
}

/// All large blobs of one size up to their tails: hashed once, whatever the number of blobs.
#[derive(Clone)]
pub(super) struct Family {
    bytes: u64,
    /// Made when it is first needed: hashing gigabytes takes seconds.
    prefix: Arc<OnceLock<Sha256>>,
}

impl Family {
    pub(super) fn new(bytes: u64) -> Self {
        Self { bytes, prefix: Arc::default() }
    }

    /// One of them; the same `number` gives the same blob.
    pub(super) fn blob(&self, number: u64) -> Blob {
        let mut tail = vec![b'.'; TAIL_BYTES.min(usize::try_from(self.bytes).unwrap_or(TAIL_BYTES))];
        let number = number.to_le_bytes();
        let from = tail.len().saturating_sub(number.len());
        tail[from..].copy_from_slice(&number);
        let mut hash = self.prefix.get_or_init(|| self.hash_prefix()).clone();
        hash.update(&tail);
        Blob { bytes: self.bytes, tail, digest: hex_digest(hash) }
    }

    fn hash_prefix(&self) -> Sha256 {
        let mut prefix = Sha256::new();
        prefix_pieces(self.bytes).for_each(|piece| prefix.update(piece));
        prefix
    }
}

fn prefix_pieces(bytes: u64) -> impl Iterator<Item = &'static [u8]> {
    let prefix = bytes.saturating_sub(TAIL_BYTES as u64);
    let (whole, rest) = (prefix / BLOCK_BYTES as u64, (prefix % BLOCK_BYTES as u64) as usize);
    (0..whole).map(|_| block()).chain(std::iter::once(&block()[..rest]))
}

/// A blob of any size.
pub(super) struct Blob {
    bytes: u64,
    tail: Vec<u8>,
    digest: String,
}

impl Blob {
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let prefix = prefix_pieces(self.bytes).map(|piece| -> &[u8] { piece });
        prefix.chain(std::iter::once(self.tail.as_slice()))
    }

    pub(super) fn write_to(&self, file: &mut File) -> Result<()> {
        self.pieces().try_for_each(|piece| file.write_all(piece))?;
        Ok(())
    }
}

/// A manifest.
pub(super) struct Manifest {
    bytes: Vec<u8>,
    digest: String,
    media_type: &'static str,
}

impl Manifest {
    /// An image with these as its config and its only layer.
    pub(super) fn image(config: &Blob, layer: &Blob) -> Self {
        Self::image_of(config, std::slice::from_ref(layer))
    }

    /// An image with these as its config and its layers.
    pub(super) fn image_of(config: &Blob, layers: &[Blob]) -> Self {
        let descriptor = |media_type: &str, blob: &Blob| {
            format!(r#"{{"mediaType":"{media_type}","digest":"{}","size":{}}}"#, blob.digest, blob.bytes)
        };
        let layers: Vec<String> =
            layers.iter().map(|layer| descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer)).collect();
        Self::new(
            IMAGE,
            format!(
                r#"{{"schemaVersion":2,"mediaType":"{IMAGE}","config":{},"layers":[{}]}}"#,
                descriptor("application/vnd.oci.image.config.v1+json", config),
                layers.join(","),
            ),
        )
    }

    /// An index of nothing: the one manifest that needs no blobs.
    pub(super) fn empty_index() -> Self {
        Self::new(INDEX, format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[]}}"#))
    }

    fn new(media_type: &'static str, text: String) -> Self {
        let bytes = text.into_bytes();
        let digest = hex_digest(Sha256::new_with_prefix(&bytes));
        Self { bytes, digest, media_type }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    pub(super) fn media_type(&self) -> &'static str {
        self.media_type
    }
}

fn hex_digest(hash: Sha256) -> String {
    let hex = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("sha256:{hex}")
}
