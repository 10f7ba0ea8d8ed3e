//! Options that can't be used, and what they lead to.

use super::signer::{RsaSigner, Signer};
use super::*;
use crate::auth::testing::pull;

fn error(options: Options) -> String {
    Token::open(options).err().unwrap().to_string()
}

#[test]
fn options_that_can_not_be_used_name_their_key() {
    let cases = [
        (Options { realm: String::new(), ..options() }, "auth.token.realm: is empty"),
        (Options { service: "a\nb".to_owned(), ..options() }, "auth.token.service: "),
        (Options { issuer: String::new(), ..options() }, "auth.token.issuer: is empty"),
        (options(), "auth.token: no token could be verified: set rootcertbundle"),
        (Options { signingalgorithms: vec!["RS255".to_owned()], ..options() }, "\"RS255\" is no signature algorithm"),
        (Options { signingalgorithms: vec!["HS256".to_owned()], ..options() }, "only HMAC"),
        (Options { rootcertbundle: Some("/nowhere".into()), ..options() }, "auth.token.rootcertbundle: /nowhere"),
        (Options { jwks: Some("/nowhere".into()), ..options() }, "auth.token.jwks: /nowhere"),
    ];
    for (options, words) in cases {
        let error = error(options);
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn files_that_can_not_be_used_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (pem, words) in [("", "no certificate"), ("-----BEGIN CERT", "not PEM"), (damaged, "certificate 1")] {
        fs::write(&file, pem).unwrap();
        let error = error(Options { rootcertbundle: Some(file.clone()), ..options() });
        assert!(error.contains(words) && error.contains(file.to_str().unwrap()), "{error}");
    }
    for json in ["", "{}", r#"{"keys": 7}"#, "[]"] {
        fs::write(&file, json).unwrap();
        let error = error(Options { jwks: Some(file.clone()), ..options() });
        assert!(error.contains("no JWK Set"), "{error}");
    }
}

#[test]
fn keys_that_are_of_no_use_are_left_out_of_a_set() {
    let signer = Signer::new();
    let weak = json!({"kty": "RSA", "kid": "weak", "e": "AQAB", "n": signer::encode([0xc1; 128])});
    let trivial = json!({"kty": "RSA", "kid": "trivial", "e": "AQ", "n": signer::encode([0xc1; 256])});
    let set = json!({"keys": [
        weak, trivial, 7,
        {"kty": "oct", "kid": "oct", "k": "c2VjcmV0"},
        {"kty": "EC", "kid": "short", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "kid": "curve", "crv": "secp256k1", "x": "AA", "y": "AA"},
        with(with(signer.jwk(), "kid", json!("encryption")), "use", json!("enc")),
        with(with(signer.jwk(), "kid", json!("good")), "use", json!("sig")),
    ]});
    let keys = parse_key_set(set.to_string().as_bytes()).unwrap();
    let mut ids: Vec<String> = keys.into_keys().collect();
    ids.sort_by_key(|id| id != "good");
    assert_eq!(ids, ["good".to_owned(), signer.public().thumbprint()]);
}

#[test]
fn a_private_part_in_a_set_is_not_needed_and_not_kept() {
    let set = json!({"keys": [with(Signer::new().jwk(), "d", json!("AAAA"))]});
    assert_eq!(parse_key_set(set.to_string().as_bytes()).unwrap().len(), 1);
}

#[test]
fn rsa_certificates_are_known_by_both_ids() {
    let bundle = Bundle::parse(RsaSigner::new().certificate.pem().as_bytes()).unwrap();
    assert_eq!(bundle.keys.len(), 2);
    assert!(bundle.keys.values().all(|trusted| matches!(trusted.key, PublicKey::Rsa { .. })));
}

#[tokio::test]
async fn autoredirect_leads_to_the_host_that_the_client_sees() {
    let options = Options { autoredirect_path: Some("/auth/token/".to_owned()), realm: String::new(), ..options() };
    let server = Server::with(options, Some(Signer::new().certificate.pem()), None);
    let request = Request::new(&[pull("a")]);
    let realm = |request: AuthRequest<'_>| {
        let decision = server.provider.challenge(&request, Refusal::new(None, ""));
        challenged(decision).0.split('"').nth(1).unwrap().to_owned()
    };
    assert_eq!(realm(request.get()), "https://registry.example:5000/auth/token/");
    let plain = AuthRequest { scheme: "http", ..request.get() };
    assert_eq!(realm(plain), "https://registry.example:5000/auth/token/", "without a proxy's word it is https");
    let mut told = Request::new(&[pull("a")]);
    told.headers.insert("x-forwarded-proto", http::HeaderValue::from_static("http"));
    assert_eq!(realm(AuthRequest { scheme: "http", ..told.get() }), "http://registry.example:5000/auth/token/");
}
