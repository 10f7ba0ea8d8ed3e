//! The words of `WWW-Authenticate` (RFC 9110 §11.6.1).

use super::{Access, SetupError};

/// A quoted-string of RFC 9110 §5.6.4: `"` and `\` get a backslash.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

/// Refuses what no quoted-string can hold. Letters beyond ASCII pass: RFC 9110 has them as opaque bytes, and realms with
/// umlauts are in use.
pub(super) fn check_quotable(key: &'static str, text: &str) -> Result<(), SetupError> {
    if text.is_empty() {
        return Err(SetupError::new(key, "is empty; clients show this text, or send it to the token server: set it"));
    }
    if text.chars().any(char::is_control) {
        let problem = format!("{text:?} holds a control character, which no HTTP header can carry; take it out");
        return Err(SetupError::new(key, problem));
    }
    Ok(())
}

/// Whether a scope can name this access. Names are not checked before authorization, so one may hold what would break the
/// challenge or smuggle a second scope into it; no token could be had for such a name anyway.
pub(super) fn in_scope(access: &Access) -> bool {
    access.resource.name().bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing::pull;

    #[test]
    fn a_name_that_would_break_the_challenge_is_left_out() {
        assert!(in_scope(&pull("team/app")));
        assert!(in_scope(&pull("host:5000/app")));
        for name in ["a b", "a\r\nb", "ä"] {
            assert!(!in_scope(&pull(name)), "{name:?}");
        }
    }

    #[test]
    fn quotes_and_backslashes_are_escaped() {
        assert_eq!(quoted("Registry Realm"), r#""Registry Realm""#);
        assert_eq!(quoted(r#"the "inner" \ realm"#), r#""the \"inner\" \\ realm""#);
    }

    #[test]
    fn a_line_break_is_no_realm() {
        assert!(check_quotable("auth.htpasswd.realm", "a\r\nSet-Cookie: b").is_err());
        assert!(check_quotable("auth.htpasswd.realm", "").is_err());
        assert!(check_quotable("auth.htpasswd.realm", "Größe").is_ok());
    }
}
