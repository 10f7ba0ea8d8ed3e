//! No emulator checks signatures, so this does, with the public key of the one who signed.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::config::Secret;
use crate::config::storage::Requests;
use crate::telemetry::metrics::StoreRequests;

/// A service account's key, as Google gives it out.
fn credentials(pair: &KeyPair) -> BTreeMap<String, Secret> {
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let text = BASE64.encode(der.as_ref());
    let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned() + "\n");
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}-----END PRIVATE KEY-----\n", lines.collect::<String>());
    [
        ("type", "service_account"),
        ("client_email", "registry@project.iam.gserviceaccount.com"),
        ("private_key", &pem),
        ("private_key_id", "1"),
        ("project_id", "project"),
        ("token_uri", "https://oauth2.googleapis.com/token"),
    ]
    .map(|(name, value)| (name.to_owned(), Secret::new(value)))
    .into()
}

async fn signed(config: &Gcs) -> String {
    let network = Network { limits: Requests::default(), requests: StoreRequests::new("gcs") };
    let store = open(config, network).unwrap();
    store.urls.unwrap().sign("docker/registry/k", Duration::from_secs(600)).await.unwrap()
}

/// What the service would compute of a URL, by its documentation of version 4.
fn text_to_sign(url: &str) -> (String, Vec<u8>) {
    let (address, query) = url.split_once('?').unwrap();
    let (host, path) = address.strip_prefix("https://").unwrap().split_once('/').unwrap();
    let (signature, mut pairs): (Vec<_>, Vec<_>) =
        query.split('&').partition(|pair| pair.starts_with("X-Goog-Signature="));
    pairs.sort_unstable();
    let value = |name: &str| {
        let found = pairs.iter().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap();
        percent_encoding::percent_decode_str(found).decode_utf8().unwrap().into_owned()
    };
    assert_eq!(value("X-Goog-SignedHeaders"), "host", "a client sends no other header of ours");
    assert_eq!((value("X-Goog-Algorithm"), value("X-Goog-Expires")), ("GOOG4-RSA-SHA256".into(), "600".into()));
    let request = format!("GET\n/{path}\n{}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD", pairs.join("&"));
    let credential = value("X-Goog-Credential");
    let (_, scope) = credential.split_once('/').unwrap();
    let hash = HEXLOWER.encode(&Sha256::digest(request.as_bytes()));
    let text = format!("GOOG4-RSA-SHA256\n{}\n{scope}\n{hash}", value("X-Goog-Date"));
    let signature = signature[0].split_once('=').unwrap().1;
    (text, HEXLOWER.decode(signature.to_ascii_lowercase().as_bytes()).unwrap())
}

#[tokio::test]
async fn urls_are_signed_by_the_service_accounts_key_from_either_place() {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let inline = credentials(&pair);
    let file = tempfile::NamedTempFile::new().unwrap();
    let members: BTreeMap<&str, &str> = inline.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    std::fs::write(file.path(), serde_json::to_string(&members).unwrap()).unwrap();
    let base = Gcs { bucket: "images".into(), rootdirectory: "/root".into(), ..Gcs::default() };
    let by_file = Gcs { keyfile: file.path().display().to_string(), ..base.clone() };
    for config in [Gcs { credentials: inline, ..base }, by_file] {
        let url = signed(&config).await;
        assert!(url.starts_with("https://storage.googleapis.com/images/root/docker/registry/k?"), "{url}");
        let (text, signature) = text_to_sign(&url);
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
        key.verify(text.as_bytes(), &signature).unwrap_or_else(|_| panic!("the signature of {url} is another one"));
    }
}
