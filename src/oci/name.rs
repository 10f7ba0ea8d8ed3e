//! Repository names: the `<name>` of the distribution specification.

use std::fmt;
use std::str::FromStr;

/// The longest repository name, in bytes. `distribution` v3 has the same limit.
pub const NAME_BYTES_MAX: usize = 255;

/// Why a text is not a repository name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Longer than [`NAME_BYTES_MAX`].
    #[error("a repository name is at most {NAME_BYTES_MAX} characters long")]
    TooLong,
    /// Does not match the grammar.
    #[error(
        "a repository name is made of components of lower-case letters and digits, separated inside by '.', '_', '__' \
         or dashes, and joined by '/'"
    )]
    Malformed,
}

/// A repository name, such as `library/redis`. It never holds an empty component, `.`, `..` or a component that starts
/// with `_`, so it is safe inside a storage key.
///
/// The grammar is that of the distribution specification, "Pulling manifests":
/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*`
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryName(Box<str>);

impl RepositoryName {
    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong);
        }
        if text.split('/').all(is_component) { Ok(Self(text.into())) } else { Err(NameError::Malformed) }
    }
}

/// Whether `text` is one path component of a name: runs of letters and digits, with separators only between two runs.
fn is_component(text: &str) -> bool {
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut rest = text.as_bytes();
    loop {
        let run = rest.iter().take_while(|byte| alphanumeric(byte)).count();
        if run == 0 {
            return false;
        }
        rest = &rest[run..];
        let separator = rest.iter().take_while(|byte| !alphanumeric(byte)).count();
        match &rest[..separator] {
            b"" => return rest.is_empty(),
            b"." | b"_" | b"__" => {}
            dashes if dashes.iter().all(|byte| *byte == b'-') => {}
            _ => return false,
        }
        rest = &rest[separator..];
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_grammar_of_the_specification() {
        for good in ["a", "0", "library/redis", "a.b", "a_b", "a__b", "a-b", "a---b", "a/b/c/d", "foo.bar-baz__q/x1"] {
            assert!(good.parse::<RepositoryName>().is_ok(), "{good}");
        }
        for bad in [
            "", "/", "a/", "/a", "a//b", "A", "a.", ".a", "a..b", "a___b", "_a", "a_", "-a", "a-", "a._b", "..",
            "a/../b", "é", "a b", "a\0b",
        ] {
            assert_eq!(bad.parse::<RepositoryName>(), Err(NameError::Malformed), "{bad:?}");
        }
        assert_eq!("a".repeat(256).parse::<RepositoryName>(), Err(NameError::TooLong));
    }

    proptest! {
        #[test]
        fn agrees_with_the_regular_expression(text in "[a-c0_./-]{0,12}") {
            let grammar = r"^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$";
            let expected = regex::Regex::new(grammar).map_err(|_| TestCaseError::fail("grammar"))?.is_match(&text);
            prop_assert_eq!(text.parse::<RepositoryName>().is_ok(), expected);
        }
    }
}
