//! A token: a JWT (RFC 7519) in its compact form, signed (RFC 7515).

use crate::settings::Settings;
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The longest token that is looked at. Those of CI systems have some 2 KiB.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// The header of a token.
#[derive(Deserialize)]
pub(crate) struct Header {
    /// How it is signed.
    pub(crate) alg: String,
    /// With which key.
    pub(crate) kid: Option<String>,
    /// What must be understood beyond the standard. We understand nothing beyond it.
    crit: Option<Value>,
}

/// A token, its signature not yet checked.
pub(crate) struct Token<'a> {
    pub(crate) header: Header,
    payload: Vec<u8>,
    /// What the signature is over.
    pub(crate) signed: &'a str,
    pub(crate) signature: Vec<u8>,
}

impl<'a> Token<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, String> {
        let wrong = |what: &str| format!("the token {what}");
        if text.len() > TOKEN_BYTES_MAX {
            return Err(wrong("is too long"));
        }
        let (signed, signature) = text.rsplit_once('.').ok_or_else(|| wrong("is no JWT"))?;
        let (header, payload) = signed.split_once('.').ok_or_else(|| wrong("is no JWT"))?;
        let decoded = |part: &str| Base64UrlUnpadded::decode_vec(part).map_err(|_| wrong("is not base64url"));
        let header: Header = serde_json::from_slice(&decoded(header)?).map_err(|_| wrong("has no readable header"))?;
        if header.crit.is_some() {
            return Err(wrong("asks for extensions that nobody here knows"));
        }
        Ok(Self { header, payload: decoded(payload)?, signed, signature: decoded(signature)? })
    }

    /// What it claims, which is worth nothing before its signature is checked.
    pub(crate) fn claims(&self) -> Result<Claims, String> {
        serde_json::from_slice(&self.payload).map(Claims).map_err(|_| "the token has no readable claims".to_owned())
    }
}

/// What a token says of its bearer.
#[derive(Debug, Clone)]
pub(crate) struct Claims(Map<String, Value>);

impl Claims {
    /// Whether they are for us, and hold now.
    pub(crate) fn check(&self, settings: &Settings, now_seconds: u64) -> Result<(), String> {
        if self.text("iss") != Some(&settings.issuer) {
            return Err("the token is of another issuer".to_owned());
        }
        let for_us = self.values("aud").iter().any(|audience| settings.audiences.contains(audience));
        if !for_us {
            return Err("the token is for another audience".to_owned());
        }
        let leeway = settings.leeway_seconds;
        let Some(expires) = self.seconds("exp") else { return Err("the token never ends".to_owned()) };
        if expires.saturating_add(leeway) <= now_seconds {
            return Err("the token has expired".to_owned());
        }
        // `iat` in the future has the same meaning: the token was not made yet.
        for name in ["nbf", "iat"] {
            if self.0.contains_key(name) && self.seconds(name).is_none_or(|begins| begins > now_seconds + leeway) {
                return Err(format!("the token is not valid yet, by its {name}"));
            }
        }
        Ok(())
    }

    /// When it ends, in seconds since 1970.
    pub(crate) fn expires(&self) -> u64 {
        self.seconds("exp").unwrap_or(0)
    }

    pub(crate) fn subject(&self) -> &str {
        self.text("sub").unwrap_or_default()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A NumericDate, which may have a fraction.
    fn seconds(&self, name: &str) -> Option<u64> {
        let value = self.0.get(name)?;
        value.as_u64().or_else(|| value.as_f64().filter(|seconds| *seconds >= 0.0).map(|seconds| seconds as u64))
    }

    /// The values of a claim as texts: several of an array, one of anything else that is a text, a number or a truth value.
    /// `a.b` is the claim of that name, or else the field `b` of the claim `a`.
    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        let found = self.0.get(name).or_else(|| {
            let mut parts = name.split('.');
            let first = self.0.get(parts.next()?)?;
            parts.try_fold(first, |value, part| value.get(part))
        });
        match found {
            Some(Value::Array(values)) => values.iter().filter_map(text_of).collect(),
            Some(value) => text_of(value).into_iter().collect(),
            None => Vec::new(),
        }
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::settings::tests::with;
    use serde_json::json;

    /// Claims of a test.
    pub(crate) fn claims(value: &Value) -> Claims {
        Claims(value.as_object().cloned().unwrap_or_default())
    }

    fn checked(changes: &Value) -> Result<(), String> {
        let mut basis = json!({"iss": "https://issuer.example", "aud": "registry", "exp": 2000, "nbf": 1000});
        for (name, value) in changes.as_object().unwrap() {
            basis[name] = value.clone();
        }
        claims(&basis).check(&with(&[]), 1500)
    }

    #[test]
    fn claims_hold_for_us_and_now() {
        let good = [
            json!({}),
            json!({"aud": ["other", "registry"]}),
            json!({"exp": 1441}),
            json!({"exp": 1500.5}),
            json!({"nbf": 1560, "iat": 1560}),
        ];
        for changes in good {
            assert_eq!(checked(&changes), Ok(()), "{changes}");
        }
        let bad = [
            json!({"iss": "https://issuer.example/"}),
            json!({"iss": ["https://issuer.example"]}),
            json!({"aud": "registry2"}),
            json!({"aud": []}),
            json!({"exp": 1440}),
            json!({"exp": "2000"}),
            json!({"exp": -1}),
            json!({"exp": null}),
            json!({"nbf": 1561}),
            json!({"iat": 1561}),
            json!({"nbf": "1000"}),
        ];
        for changes in bad {
            assert!(checked(&changes).is_err(), "{changes}");
        }
    }

    #[test]
    fn values_are_found_by_name_and_by_path() {
        let claims = claims(&json!({"a.b": 1, "a": {"c": ["x", 2, null]}, "d": true}));
        assert_eq!(claims.values("a.b"), ["1"]);
        assert_eq!(claims.values("a.c"), ["x", "2"]);
        assert_eq!(claims.values("d"), ["true"]);
        assert!(claims.values("a").is_empty() && claims.values("a.d.e").is_empty());
    }

    #[test]
    fn malformed_tokens_are_refused() {
        let encode = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
        let header = encode(r#"{"alg":"RS256"}"#);
        assert!(Token::parse(&format!("{header}.{}.", encode("{}"))).is_ok());
        let wrong = [
            String::new(),
            "a.b".to_owned(),
            format!("{header}.{}", encode("{}")),
            format!("{}.{}.", encode("{}"), encode("{}")),
            format!("{}.{}.", encode(r#"{"alg":"RS256","crit":["x"]}"#), encode("{}")),
            format!("{header}.{}=.", encode("{}")),
            format!("{header}.{}.{}", encode("{}"), "x".repeat(TOKEN_BYTES_MAX)),
        ];
        for token in wrong {
            assert!(Token::parse(&token).is_err(), "{token:.60}");
        }
        assert!(Token::parse(&format!("{header}.{}.", encode("[]"))).is_ok_and(|token| token.claims().is_err()));
    }
}
