//! The published walk-throughs that keep images in a bucket, with the variables that they print: the store is found under the
//! name that stands there, through a tunnel, and trusted by a certificate of the test's.

use crate::support::server::{DEFAULT_FILE, Setup};
use crate::support::stores::{ACCESS_KEY, BUCKET, SECRET_KEY, Store, Tunnel};
use crate::support::tls::Certificate;
use crate::support::{Blob, Image, Server};

/// A server with the file of the images, whose driver the variables replace: it finds every host at the end of the tunnel, and trusts this certificate.
pub fn through(tunnel: &Tunnel, certificate: &Certificate, variables: &[(&str, &str)]) -> Setup {
    let setup = Server::setup().config_text(DEFAULT_FILE);
    let trusted = setup.directory().join("trusted.pem");
    std::fs::write(&trusted, &certificate.pem).expect("a file");
    let setup = setup.env("SSL_CERT_FILE", &trusted.display().to_string()).env("HTTPS_PROXY", &tunnel.url());
    variables.iter().fold(setup, |setup, (name, value)| setup.env(name, value))
}

#[test]
fn r0_an_s3_compatible_service_by_environment_alone() {
    let certificate = Certificate::of(&["s3.pek3b.qingstor.com"]);
    let store = Store::s3_tls("pek3b", &certificate);
    let tunnel = Tunnel::to(store.address());
    let variables = [
        ("REGISTRY_STORAGE", "s3"),
        ("REGISTRY_STORAGE_S3_ACCESSKEY", ACCESS_KEY),
        ("REGISTRY_STORAGE_S3_SECRETKEY", SECRET_KEY),
        ("REGISTRY_STORAGE_S3_BUCKET", BUCKET),
        ("REGISTRY_STORAGE_S3_REGION", "pek3b"),
        ("REGISTRY_STORAGE_S3_REGIONENDPOINT", "s3.pek3b.qingstor.com"),
        ("REGISTRY_STORAGE_S3_chunksize", "67108864"),
        ("REGISTRY_STORAGE_REDIRECT", "{disable: true}"),
    ];
    let server = through(&tunnel, &certificate, &variables).start();
    server.wait_for_log("storing in the S3 bucket https://s3.pek3b.qingstor.com/images (region pek3b)");
    let image = Image::docker(1300);
    server.push_image("library/app", "latest", &image);
    server.check_image("library/app", "latest", &image);
    assert_eq!(tunnel.asked(), ["s3.pek3b.qingstor.com:443"]);
    assert!(store.files().join("docker/registry/v2/repositories/library/app").exists());
}

pub const OSS: [(&str, &str); 6] = [
    ("REGISTRY_STORAGE", "oss"),
    ("REGISTRY_STORAGE_OSS_ACCESSKEYID", ACCESS_KEY),
    ("REGISTRY_STORAGE_OSS_ACCESSKEYSECRET", SECRET_KEY),
    ("REGISTRY_STORAGE_OSS_REGION", "oss-cn-hangzhou"),
    ("REGISTRY_STORAGE_OSS_BUCKET", BUCKET),
    ("REGISTRY_STORAGE_REDIRECT", "{disable: true}"),
];

#[track_caller]
fn serves_from_oss(more: &[(&str, &str)]) {
    let certificate = Certificate::of(&["images.oss-cn-hangzhou.aliyuncs.com"]);
    let store = Store::oss_tls(&certificate);
    let tunnel = Tunnel::to(store.address());
    let variables = [&OSS[..], more].concat();
    let server = through(&tunnel, &certificate, &variables).start();
    let (image, blob) = (Image::docker(1310), Blob::random(1311, 300_000));
    server.push_image("library/app", "latest", &image);
    server.push_blob("library/app", &blob);
    server.check_image("library/app", "latest", &image);
    server.check_blob("library/app", &blob);
    assert_eq!(tunnel.asked(), ["images.oss-cn-hangzhou.aliyuncs.com:443"]);
}

#[test]
fn r3_oss_with_the_bucket_inside_the_endpoint() {
    serves_from_oss(&[("REGISTRY_STORAGE_OSS_ENDPOINT", "images.oss-cn-hangzhou.aliyuncs.com")]);
}

#[test]
fn r4_oss_by_its_region_alone() {
    serves_from_oss(&[]);
}
