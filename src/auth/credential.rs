//! What stands in a request's `Authorization` header (RFC 9110 §11.6.2, RFC 7617, RFC 6750).

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// Base64 with or without its padding: clients differ.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The credential that a request carries. Not `Debug`: it holds secrets.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(crate) enum Credential<'a> {
    /// No `Authorization` header.
    Absent,
    /// `Basic`: a user and a password.
    Basic(Basic),
    /// `Bearer`: a token, as it was sent.
    Bearer(&'a str),
    /// Something else; the text says what, without repeating it.
    Unusable(&'static str),
}

/// A user and a password.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(crate) struct Basic {
    /// Up to the first colon.
    pub(crate) user: String,
    /// All after the first colon. Any bytes.
    pub(crate) password: Vec<u8>,
}

impl<'a> Credential<'a> {
    /// Reads the header. Two headers are refused: which of them counts would be the reader's guess.
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Self::Absent };
        if values.next().is_some() {
            return Self::Unusable("there is more than one Authorization header");
        }
        let Ok(value) = value.to_str() else {
            return Self::Unusable("the Authorization header is not plain ASCII");
        };
        let (scheme, rest) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
        let rest = rest.trim_start();
        if scheme.eq_ignore_ascii_case("basic") {
            Basic::decode(rest).map_or_else(Self::Unusable, Self::Basic)
        } else if scheme.eq_ignore_ascii_case("bearer") {
            Self::Bearer(rest)
        } else {
            Self::Unusable("the Authorization header is neither Basic nor Bearer")
        }
    }

    /// Whether this is as good as nothing. The clients built on containers/image (skopeo, podman) answer a Basic challenge with
    /// an empty user and an empty password when they have none.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::Basic(basic) => basic.user.is_empty() && basic.password.is_empty(),
            Self::Bearer(_) | Self::Unusable(_) => false,
        }
    }
}

impl Basic {
    fn decode(text: &str) -> Result<Self, &'static str> {
        let bytes = BASE64.decode(text).map_err(|_| "the Basic credential is not base64")?;
        let colon = bytes.iter().position(|byte| *byte == b':').ok_or("the Basic credential has no colon")?;
        let user = String::from_utf8(bytes[..colon].to_vec()).map_err(|_| "the user name is not UTF-8")?;
        Ok(Self { user, password: bytes[colon + 1..].to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    fn basic(user: &str, password: &[u8]) -> Credential<'static> {
        Credential::Basic(Basic { user: user.to_owned(), password: password.to_vec() })
    }

    #[test]
    fn reads_both_schemes_in_any_case() {
        let password = basic("ci", b"a:b");
        for value in ["Basic Y2k6YTpi", "basic Y2k6YTpi", "BASIC   Y2k6YTpi "] {
            assert_eq!(Credential::of(&headers(&[value.as_bytes()])), password, "{value}");
        }
        assert_eq!(Credential::of(&headers(&[b"bEARER a.b.c"])), Credential::Bearer("a.b.c"));
    }

    #[test]
    fn padding_may_be_missing() {
        assert_eq!(Credential::of(&headers(&[b"Basic Y2k6YQ=="])), basic("ci", b"a"));
        assert_eq!(Credential::of(&headers(&[b"Basic Y2k6YQ"])), basic("ci", b"a"));
    }

    #[test]
    fn what_is_no_credential_says_why() {
        let cases: [(&[&[u8]], &str); 6] = [
            (&[b"Basic Y2k6YQ==", b"Basic Y2k6YQ=="], "more than one"),
            (&[b"Basic \xff"], "ASCII"),
            (&[b"Basic ****"], "base64"),
            (&[b"Basic Y2k="], "colon"),
            (&[b"Digest a"], "neither"),
            (&[b""], "neither"),
        ];
        for (values, word) in cases {
            let headers = headers(values);
            let Credential::Unusable(why) = Credential::of(&headers) else { panic!("{values:?} was taken") };
            assert!(why.contains(word), "{values:?}: {why}");
        }
    }

    #[test]
    fn an_empty_user_and_password_count_as_nothing() {
        assert!(Credential::of(&headers(&[])).is_empty());
        assert!(Credential::of(&headers(&[b"Basic Og=="])).is_empty());
        assert!(!Credential::of(&headers(&[b"Basic OmE="])).is_empty());
        assert!(!Credential::of(&headers(&[b"Bearer"])).is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(value in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                let mut headers = HeaderMap::new();
                headers.insert(AUTHORIZATION, value);
                prop_assert_ne!(Credential::of(&headers), Credential::Absent);
            }
        }

        #[test]
        fn what_is_encoded_is_read_back(user in "[^:]{0,40}", password in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut joined = format!("{user}:").into_bytes();
            joined.extend_from_slice(&password);
            let value = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(joined));
            let headers = headers(&[value.as_bytes()]);
            prop_assert_eq!(Credential::of(&headers), basic(&user, &password));
        }
    }
}
