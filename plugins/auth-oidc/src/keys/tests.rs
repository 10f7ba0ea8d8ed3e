//! Tokens that node's crypto signed, one per algorithm; `vectors.json` has them and the public keys.

use super::*;
use serde_json::{Value, json};

fn vectors() -> (Keys, Vec<String>) {
    let text = include_str!("vectors.json");
    let value: Value = serde_json::from_str(text).unwrap();
    let tokens = value["tokens"].as_array().unwrap().iter().map(|token| token.as_str().unwrap().to_owned()).collect();
    (Keys::parse(text.as_bytes()).unwrap(), tokens)
}

fn verified(keys: &Keys, token: &str) -> Result<(), String> {
    keys.verify(&Token::parse(token)?)
}

/// A token with another header, over the claims and the signature of one that is good.
fn with_header(token: &str, header: &Value) -> String {
    let rest = token.split_once('.').unwrap().1;
    format!("{}.{rest}", Base64UrlUnpadded::encode_string(header.to_string().as_bytes()))
}

#[test]
fn every_algorithm_is_checked() {
    let (keys, tokens) = vectors();
    assert_eq!(tokens.len(), 6);
    for token in &tokens {
        assert_eq!(verified(&keys, token), Ok(()), "{token}");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let mut broken = Base64UrlUnpadded::decode_vec(signature).unwrap();
        broken[10] ^= 1;
        let broken = format!("{signed}.{}", Base64UrlUnpadded::encode_string(&broken));
        assert!(verified(&keys, &broken).is_err(), "{broken}");
        assert!(verified(&keys, &format!("{signed}.")).is_err());
    }
}

#[test]
fn no_header_talks_its_way_past_the_signature() {
    let (keys, tokens) = vectors();
    for alg in ["none", "None", "HS256", "RS256", "ES256", "EdDSA", ""] {
        for (token, kid) in tokens.iter().zip(["rs256", "rs512", "ps256", "es256", "es384", "eddsa"]) {
            if !alg.eq_ignore_ascii_case(kid) {
                assert!(verified(&keys, &with_header(token, &json!({"alg": alg, "kid": kid}))).is_err(), "{alg} {kid}");
            }
        }
    }
    assert!(verified(&keys, &with_header(&tokens[0], &json!({"alg": "RS256", "kid": "unknown"}))).is_err());
}

#[test]
fn keys_for_other_purposes_do_not_count() {
    let (_, tokens) = vectors();
    let mut set: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    set["keys"][0]["use"] = json!("enc");
    set["keys"][3]["x"] = json!("AAAA");
    set["keys"].as_array_mut().unwrap().push(json!({"kty": "new", "what": [1]}));
    set["keys"].as_array_mut().unwrap().push(json!("no key"));
    let keys = Keys::parse(set.to_string().as_bytes()).unwrap();
    assert!(verified(&keys, &tokens[0]).is_err());
    assert!(verified(&keys, &tokens[3]).is_err());
    assert_eq!(verified(&keys, &tokens[1]), Ok(()));
    assert!(keys.has("es384") && !keys.has("hs256"));
    assert!(Keys::parse(b"{}").is_err() && Keys::parse(b"[").is_err());
}
