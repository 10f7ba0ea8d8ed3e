//! OCI image layouts on disk, which is what the real clients push from. The layers are real tar archives in real gzip
//! streams, because some clients look inside.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::content::random;
use super::image::{self, Blob, Image, Manifest};

/// A directory that skopeo calls `oci:`, and regctl `ocidir:`.
pub struct Layout {
    entries: Vec<Value>,
    blobs: Vec<(String, Vec<u8>)>,
}

impl Layout {
    pub fn new() -> Self {
        Self { entries: Vec::new(), blobs: Vec::new() }
    }

    /// Adds the content of an image, not its name.
    pub fn image(mut self, image: &Image) -> Self {
        self.blobs.extend(image.blobs().map(|blob| (blob.digest.clone(), blob.bytes.clone())));
        self.manifest(&image.manifest)
    }

    /// Adds the content of a manifest, not its name.
    pub fn manifest(mut self, manifest: &Manifest) -> Self {
        self.blobs.push((manifest.digest.clone(), manifest.bytes.clone()));
        self
    }

    /// Adds a blob.
    pub fn blob(mut self, blob: &Blob) -> Self {
        self.blobs.push((blob.digest.clone(), blob.bytes.clone()));
        self
    }

    /// Gives a manifest a name.
    pub fn tag(mut self, name: &str, manifest: &Manifest) -> Self {
        let mut entry = manifest.descriptor();
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        self.entries.push(entry);
        self
    }

    /// Writes the layout.
    pub fn write(self, directory: &Path) {
        let blobs = directory.join("blobs/sha256");
        fs::create_dir_all(&blobs).expect("a directory");
        for (digest, bytes) in &self.blobs {
            fs::write(blobs.join(&digest["sha256:".len()..]), bytes).expect("a blob");
        }
        let index = json!({"schemaVersion": 2, "mediaType": image::OCI_INDEX, "manifests": self.entries});
        fs::write(directory.join("index.json"), index.to_string()).expect("the index");
        fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("the marker");
    }
}

/// An image whose layers a container engine could unpack: one file each, with random content.
pub fn real_image(seed: u64, file_bytes: &[usize], architecture: &str, types: [&str; 3]) -> Image {
    let archives = (0..).zip(file_bytes).map(|(at, len)| tar(&format!("file-{at}"), &random(seed * 1000 + at, *len)));
    let archives = archives.collect::<Vec<_>>();
    let layers = archives.iter().map(|archive| Blob::new(gzip(archive))).collect::<Vec<_>>();
    let diff_ids = archives.iter().map(|archive| super::sha256(archive)).collect::<Vec<_>>();
    let config = Blob::new(
        json!({
            "architecture": architecture, "os": "linux", "created": "2026-01-01T00:00:00Z",
            "config": {"Cmd": ["/file-0"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": diff_ids.iter().map(|_| json!({"created": "2026-01-01T00:00:00Z"})).collect::<Vec<_>>(),
        })
        .to_string(),
    );
    let [manifest_type, config_type, layer_type] = types;
    let json = json!({
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": config.descriptor(config_type),
        "layers": layers.iter().map(|blob| blob.descriptor(layer_type)).collect::<Vec<_>>(),
    });
    Image { config, layers, manifest: Manifest::new(manifest_type, &json) }
}

/// A tar archive (ustar) with one file.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = vec![0_u8; 512];
    let mut field = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    field(0, name);
    field(100, "0000644\0");
    field(108, "0000000\0");
    field(116, "0000000\0");
    field(124, &format!("{:011o}\0", content.len()));
    field(136, "00000000000\0");
    field(148, "        ");
    field(156, "0");
    field(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = header;
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}

/// A gzip stream (RFC 1952) that stores instead of compressing.
fn gzip(content: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut pieces = content.chunks(0xffff).peekable();
    while let Some(piece) = pieces.next() {
        let len = u16::try_from(piece.len()).expect("a chunk fits");
        stream.push(u8::from(pieces.peek().is_none()));
        stream.extend_from_slice(&len.to_le_bytes());
        stream.extend_from_slice(&(!len).to_le_bytes());
        stream.extend_from_slice(piece);
    }
    stream.extend_from_slice(&crc32(content).to_le_bytes());
    stream.extend_from_slice(&u32::try_from(content.len()).expect("small").to_le_bytes());
    stream
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}
