//! Goal: what lies on the disk says nothing, and nothing that was tampered with there is served. Method: the component
//! `storage-encrypted` before the file system, real pushes and pulls, and changes to the files beneath.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Blob, Image, Request, Server, tools};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn setup() -> crate::support::server::Setup {
    let plugin = format!(
        "plugin:\n  component: {}\n  grants: {{secrets: {{key: {{env: STORAGE_KEY}}}}}}",
        tools::guest("storage-encrypted").display()
    );
    Server::setup().storage(&plugin).env("STORAGE_KEY", KEY)
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_in(&path)) } else { files.push(path) }
    }
    files
}

/// The file that a blob lies in.
fn file_of(server: &Server, blob: &Blob) -> PathBuf {
    let hex = blob.digest.split_once(':').unwrap().1.to_owned();
    let found = files_in(server.data()).into_iter().find(|path| path.ends_with(format!("{hex}/data")));
    found.expect("the blob lies somewhere")
}

#[test]
fn a_disk_that_is_read_says_nothing_and_clients_get_what_they_pushed() {
    let server = setup().start();
    let image = Image::oci(1000);
    let large = Blob::random(1001, 300_000);
    server.push_image("team/app", "v1", &image);
    server.push_blob("team/app", &large);
    server.check_image("team/app", "v1", &image);
    let path = format!("/v2/team/app/blobs/{}", large.digest);
    assert_eq!(server.get(&path).expect(200).body, large.bytes);
    for (first, last) in [(0, 0), (65_535, 65_536), (70_000, 299_999), (131_072, 196_607)] {
        let answer = server.send(Request::get(&path).header("Range", format!("bytes={first}-{last}"))).expect(206);
        assert_eq!(answer.body, large.bytes[first..=last], "{first}-{last}");
    }
    for file in files_in(server.data()) {
        let stored = fs::read(&file).unwrap();
        assert!(stored.starts_with(b"wharfenc") || stored.is_empty(), "{} is not encrypted", file.display());
        assert!(!stored.windows(64).any(|window| window == &large.bytes[..64]));
    }
}

#[test]
fn what_was_tampered_with_is_not_served() {
    let server = setup().start();
    let blob = Blob::random(1002, 200_000);
    server.push_blob("team/app", &blob);
    let file = file_of(&server, &blob);
    let good = fs::read(&file).unwrap();
    let sealed = 65_536 + 16;
    let swapped =
        [&good[..56], &good[56 + sealed..56 + 2 * sealed], &good[56..56 + sealed], &good[56 + 2 * sealed..]].concat();
    let mut changed = good.clone();
    changed[100] ^= 1;
    let cut = good[..56 + sealed].to_vec();
    let path = format!("/v2/team/app/blobs/{}", blob.digest);
    for (what, bytes) in [("swapped", swapped), ("changed", changed), ("cut", cut)] {
        fs::write(&file, bytes).unwrap();
        let answer = server.connect().try_send(&Request::get(&path));
        let served = answer.ok().filter(|answer| answer.status == 200 && answer.body == blob.bytes);
        assert!(served.is_none(), "{what}");
    }
    fs::write(&file, &good).unwrap();
    assert_eq!(server.get(&path).expect(200).body, blob.bytes);
}
