//! A bucket that `distribution` and Wharf use one after the other: Azure with v3, Swift with 2.8, which knew it last.

use crate::support::server::Program;
use crate::support::stores::{Kind, Store};
use crate::support::{Blob, Image, Server};

/// Each of the two finds what the other one wrote.
#[track_caller]
fn exchanges(kind: Kind, program: Program) {
    let store = Store::of(kind);
    // The container of Swift is made by whoever comes first.
    let their = store.setup(program).start();
    let (theirs, ours) = (Image::docker(1800), Image::oci(1801));
    let (their_layer, our_layer) = (Blob::random(1802, 31 << 20), Blob::random(1803, 31 << 20));
    their.push_image("library/app", "theirs", &theirs);
    push_in_pieces(&their, &their_layer);
    let wharf = store.serve();
    wharf.check_image("library/app", "theirs", &theirs);
    wharf.check_blob("library/app", &their_layer);
    wharf.push_image("library/app", "ours", &ours);
    push_in_pieces(&wharf, &our_layer);
    drop(their);
    let their = store.setup(program).start();
    their.check_image("library/app", "ours", &ours);
    their.check_blob("library/app", &our_layer);
    let mut tags = their.tags("library/app");
    tags.sort();
    assert_eq!(tags, ["ours", "theirs"]);
    wharf.delete(&format!("/v2/library/app/manifests/{}", theirs.manifest.digest)).expect(202);
    their.get(&format!("/v2/library/app/manifests/{}", theirs.manifest.digest)).expect(404);
    wharf.garbage_collect(&[]);
    wharf.check_image("library/app", "ours", &ours);
}

/// As clients send a large layer.
#[track_caller]
fn push_in_pieces(server: &Server, blob: &Blob) {
    let mut location = server.start_upload("library/app");
    for piece in blob.bytes.chunks(24 << 20) {
        location = server.patch(&location, piece).expect(202).location();
    }
    server.close_upload(&location, &blob.digest, b"").expect(201);
}

#[test]
fn an_azure_container_is_exchanged_with_distribution() {
    exchanges(Kind::Azure, Program::Distribution);
}

#[test]
fn a_swift_container_is_exchanged_with_distribution() {
    exchanges(Kind::Swift, Program::DockerRegistry);
}
