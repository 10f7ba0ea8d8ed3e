//! Keys, ids and signatures that others have published.

use serde_json::{Value, json};

use super::super::algorithm::Algorithm;
use super::super::jws::Jws;
use super::super::key::{PublicKey, libtrust_id};

fn key(jwk: Value) -> PublicKey {
    PublicKey::from_jwk(&serde_json::from_value(jwk).unwrap()).unwrap()
}

fn rfc7638_rsa() -> Value {
    json!({"kty": "RSA", "e": "AQAB", "n": concat!(
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3",
        "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA",
        "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-",
        "kEgU8awapJzKnqDKgw"
    )})
}

fn rfc8037_ed25519() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

#[test]
fn thumbprints_are_those_of_rfc_7638_and_rfc_8037() {
    assert_eq!(key(rfc7638_rsa()).thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_eq!(key(rfc8037_ed25519()).thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

/// The key and id of the example in the token specification of the Docker registry.
#[test]
fn libtrust_ids_are_those_of_the_token_specification() {
    let jwk = json!({"kty": "EC", "crv": "P-256",
        "x": "m7zUpx3b-zmVE5cymSs64POG9QcyEpJaYCD82-549_Q", "y": "dU3biz8sZ_8GPB-odm8Wxz3lNDr1xcAQQPQaOcr1fmc"});
    let PublicKey::Ec { point, .. } = key(jwk) else { panic!("not an elliptic curve") };
    let p256 = data_encoding::HEXLOWER.decode(b"3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
    let spki = [p256, point].concat();
    assert_eq!(libtrust_id(&spki), "PYYO:TEWU:V7JH:26JV:AQTZ:LJC3:SXVJ:XGHA:34F2:2LAQ:ZRMK:Z7Q6");
}

#[test]
fn signatures_of_rfc_7515_and_rfc_8037_are_good_and_changed_ones_are_not() {
    let es256 = json!({"kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
    let es512 = json!({"kty": "EC", "crv": "P-521",
        "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
        "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"});
    let cases = [
        (
            es256,
            concat!(
                "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290",
                "Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
            ),
        ),
        (
            es512,
            concat!(
                "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KG",
                "DKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"
            ),
        ),
        (
            rfc8037_ed25519(),
            concat!(
                "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhij",
                "cNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
            ),
        ),
    ];
    let allowed = Algorithm::allowed(&[]).unwrap();
    for (jwk, token) in cases {
        let key = key(jwk);
        let jws = Jws::parse(token).unwrap();
        let right = *allowed.iter().find(|algorithm| algorithm.name == jws.header.alg).unwrap();
        assert!(right.verify(&key, jws.signed, &jws.signature), "{}", right.name);
        for wrong in allowed.iter().filter(|algorithm| **algorithm != right) {
            assert!(!wrong.fits(&key) && !wrong.verify(&key, jws.signed, &jws.signature), "{}", wrong.name);
        }
        let mut changed = jws.signature.clone();
        changed[10] ^= 1;
        assert!(!right.verify(&key, jws.signed, &changed), "{}", right.name);
        assert!(!right.verify(&key, &jws.signed[1..], &jws.signature), "{}", right.name);
    }
}
