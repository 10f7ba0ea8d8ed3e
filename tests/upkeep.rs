//! The commands that work on a data directory without serving it, run as an operator runs them, on directories laid out by
//! hand as `distribution` lays them out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may end itself")]

#[path = "support/patience.rs"]
mod patience;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use wharf::oci::{Algorithm, Digest, Hasher};

const REPOSITORY: &str = "library/app";

/// A data directory, and a configuration that names it.
struct Data {
    directory: tempfile::TempDir,
}

impl Data {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("data");
        let config = format!("version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\n", root.display());
        std::fs::write(directory.path().join("config.yml"), config).unwrap();
        Self { directory }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join("data/docker/registry/v2").join(path)
    }

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn blob(&self, content: &[u8]) -> Digest {
        let digest = Hasher::digest(Algorithm::Sha256, content);
        self.write(&blob_path(&digest), content);
        digest
    }

    fn layer(&self, content: &[u8]) -> Digest {
        let digest = self.blob(content);
        let link = format!("repositories/{REPOSITORY}/_layers/sha256/{}/link", digest.hex());
        self.write(&link, digest.as_str().as_bytes());
        digest
    }

    fn manifest(&self, content: &str) -> Digest {
        let digest = self.blob(content.as_bytes());
        let link = format!("repositories/{REPOSITORY}/_manifests/revisions/sha256/{}/link", digest.hex());
        self.write(&link, digest.as_str().as_bytes());
        digest
    }

    fn tag(&self, tag: &str, digest: &Digest) {
        for path in ["current".to_owned(), format!("index/sha256/{}", digest.hex())] {
            let link = format!("repositories/{REPOSITORY}/_manifests/tags/{tag}/{path}/link");
            self.write(&link, digest.as_str().as_bytes());
        }
    }

    /// Runs a command on it.
    fn wharf(&self, arguments: &[&str]) -> Output {
        let config = self.directory.path().join("config.yml");
        patience::output(Command::new(env!("CARGO_BIN_EXE_wharf")).args(arguments).arg(config).env_clear())
    }

    /// Every file below the root, in order.
    fn files(&self) -> Vec<PathBuf> {
        fn below(directory: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(directory).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { below(&path, found) } else { found.push(path) }
            }
        }
        let mut found = Vec::new();
        below(&self.path(""), &mut found);
        found.sort();
        found
    }
}

fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}/{}/data", &digest.hex()[..2], digest.hex())
}

fn image(layer: &Digest) -> String {
    format!(r#"{{"schemaVersion":2,"config":{{"digest":"{layer}","size":1}},"layers":[]}}"#)
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn what_was_deleted_frees_its_space_with_its_directories() {
    let data = Data::new();
    let kept = data.manifest(&image(&data.layer(b"kept")));
    data.tag("latest", &kept);
    let files = data.files();
    let lost = data.layer(b"lost");

    let dry = data.wharf(&["garbage-collect", "--dry-run"]);
    assert!(dry.status.success(), "{}", stderr(&dry));
    assert!(data.path(&blob_path(&lost)).exists());
    let run = data.wharf(&["garbage-collect"]);
    assert!(run.status.success(), "{}", stderr(&run));
    assert_eq!(stdout(&run), stdout(&dry));
    let expected = format!(
        "\n\n2 blobs marked, 1 blobs and 0 manifests eligible for deletion\nblob eligible for deletion: {lost}\n\
         {REPOSITORY}: layer link eligible for deletion: {lost}\n"
    );
    assert!(stdout(&run).ends_with(&expected), "{}", stdout(&run));
    assert_eq!(data.files(), files);
    assert!(!data.path(&format!("blobs/sha256/{}/{}", &lost.hex()[..2], lost.hex())).exists());
}

#[test]
fn delete_untagged_keeps_the_children_of_indexes_and_what_is_attached() {
    let data = Data::new();
    let child = data.manifest(&image(&data.layer(b"child")));
    let index = data.manifest(&format!(r#"{{"schemaVersion":2,"manifests":[{{"digest":"{child}","size":1}}]}}"#));
    data.tag("latest", &index);
    let config = data.layer(b"signature");
    data.manifest(&format!(
        r#"{{"schemaVersion":2,"config":{{"digest":"{config}","size":1}},"subject":{{"digest":"{child}","size":1}}}}"#
    ));
    let files = data.files();
    let old = data.manifest(&image(&data.layer(b"old")));

    let run = data.wharf(&["garbage-collect", "-m"]);
    assert!(run.status.success(), "{}", stderr(&run));
    let line = format!("manifest eligible for deletion: {{{REPOSITORY} {old} []}}\n");
    assert!(stdout(&run).contains(&line), "{}", stdout(&run));
    assert_eq!(data.files(), files);
}

#[test]
fn quiet_says_nothing_but_warnings() {
    let data = Data::new();
    let layer = data.layer(b"layer");
    let schema1 = data.manifest(&format!(r#"{{"schemaVersion":1,"fsLayers":[{{"blobSum":"{layer}"}}]}}"#));
    let files = data.files();
    let run = data.wharf(&["garbage-collect", "--quiet=true", "--delete-untagged=true", "--dry-run=false"]);
    assert!(run.status.success());
    assert_eq!(stdout(&run), "");
    assert!(
        stderr(&run).starts_with(&format!("warning: {REPOSITORY}: manifest {schema1} is none")),
        "{}",
        stderr(&run)
    );
    assert_eq!(data.files(), files);
}

#[test]
fn a_directory_that_is_not_there_is_no_work_and_is_not_made() {
    let data = Data::new();
    for command in ["garbage-collect", "verify", "purge-uploads"] {
        let run = data.wharf(&[command]);
        assert!(run.status.success(), "{command}: {}", stderr(&run));
    }
    assert!(!data.directory.path().join("data").exists());
}

#[test]
fn a_failure_is_one_sentence_and_exit_code_1() {
    let data = Data::new();
    data.write("repositories/Not A Name/_manifests/tags/latest/current/link", b"");
    let run = data.wharf(&["garbage-collect"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(stderr(&run).starts_with("error: the collection ended early"), "{}", stderr(&run));
    assert!(stderr(&run).contains("\"Not A Name\""), "{}", stderr(&run));
}

#[test]
fn verify_names_what_is_damaged() {
    let data = Data::new();
    let layer = data.layer(b"layer");
    data.tag("latest", &data.manifest(&image(&layer)));
    let run = data.wharf(&["verify"]);
    assert!(run.status.success(), "{}", stdout(&run));
    assert!(stdout(&run).ends_with("\n\n2 blobs read, 139 bytes, 0 problems\n"), "{}", stdout(&run));

    data.write(&blob_path(&layer), b"damaged");
    let run = data.wharf(&["verify", "--quiet"]);
    assert_eq!(run.status.code(), Some(1));
    let found = Hasher::digest(Algorithm::Sha256, b"damaged");
    assert_eq!(stdout(&run), format!("{REPOSITORY}: blob {layer}: its bytes have the digest {found}\n"));
}

#[test]
fn purge_uploads_removes_the_old_ones_now() {
    let data = Data::new();
    let upload = |id: &str| format!("repositories/{REPOSITORY}/_uploads/{id}/startedat");
    data.write(&upload("old"), b"2001-02-03T04:05:06Z");
    data.write(&upload("future"), b"2999-02-03T04:05:06Z");
    let expected = format!("{REPOSITORY}: upload old began 2001-02-03T04:05:06Z\n\n1 uploads purged, 1 kept\n");
    let dry = data.wharf(&["purge-uploads", "--age", "48h", "--dry-run"]);
    assert_eq!(stdout(&dry), expected.replace("purged", "eligible for purging"));
    assert!(data.path(&upload("old")).exists());
    let run = data.wharf(&["purge-uploads", "--age", "48h"]);
    assert_eq!(stdout(&run), expected);
    assert_eq!(data.files(), [data.path(&upload("future"))]);
}
