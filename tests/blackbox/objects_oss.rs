//! A registry in an OSS bucket. The service is a double of ours, which is proven by Alibaba's own SDK.

use std::process::Command;

use super::objects_s3::NO_REDIRECT;
use crate::support::stores::{Store, support_file};
use crate::support::tools::{self, output};
use crate::support::{Blob, Image, Server};

#[test]
fn images_go_into_an_oss_bucket_and_come_back() {
    let store = Store::oss();
    let server = Server::setup().config_text(&store.oss_config(NO_REDIRECT)).start();
    let image = Image::oci(1200);
    server.push_image("library/app", "v1", &image);
    server.check_image("library/app", "v1", &image);
    // Larger than a part, and staged in two pieces.
    let blob = Blob::random(1201, 23 << 20);
    let location = server.patch(&server.start_upload("library/app"), &blob.bytes[..12 << 20]).expect(202).location();
    server.close_upload(&location, &blob.digest, &blob.bytes[12 << 20..]).expect(201);
    server.check_blob("library/app", &blob);
    assert_eq!(server.tags("library/app"), ["v1"]);
    server.delete("/v2/library/app/manifests/v1").expect(202);
    let again = Server::setup().config_text(&store.oss_config(NO_REDIRECT)).start();
    again.check_image("library/app", &image.manifest.digest, &image);
    assert!(again.tags("library/app").is_empty());
    let requests = store.requests();
    assert!(requests["UploadPart"] >= 2 && requests["DeleteObjects"] >= 1, "{requests:?}");
}

#[test]
fn the_double_accepts_what_alibabas_sdk_signs_and_refuses_the_rest() {
    let store = Store::oss();
    let mut proof = Command::new(tools::oss_sdk());
    proof.arg(support_file("oss_double_proof.py")).arg(store.address().port().to_string());
    let said = output(&mut proof);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "the double is proven");
}
