//! The effective configuration as TOML.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::Config;

/// What stands in the place of something secret.
const HIDDEN: &str = "********";

/// The whole configuration as TOML, with every default filled in and every secret hidden: those that the schema knows, the
/// password in any URL, and whatever in a free section is named like one.
///
/// # Errors
/// A sentence, if a free section holds something that TOML cannot hold.
pub fn to_toml(config: &Config) -> Result<String, String> {
    let mut json = serde_json::to_value(config).map_err(|error| error.to_string())?;
    hide(&mut json, false);
    toml::to_string(&json).map_err(|error| error.to_string())
}

/// Hides what is named like a secret in free sections (`options`, `config`, `fields`), and passwords in URLs everywhere.
/// Nulls, which TOML has not, are dropped.
fn hide(json: &mut Json, free: bool) {
    match json {
        Json::String(text) => {
            if let Cow::Owned(masked) = without_password(text) {
                *text = masked;
            }
        }
        Json::Array(items) => {
            items.retain(|item| !item.is_null());
            items.iter_mut().for_each(|item| hide(item, free));
        }
        Json::Object(entries) => {
            entries.retain(|_, value| !value.is_null());
            for (key, value) in entries.iter_mut() {
                // Expressions about URLs are no URLs, and would no longer be expressions.
                if key == "urls" {
                    continue;
                }
                if free && is_named_like_a_secret(key) {
                    *value = Json::from(HIDDEN);
                } else {
                    hide(value, free || matches!(key.as_str(), "options" | "config" | "fields" | "grants"));
                }
            }
        }
        _ => {}
    }
}

fn is_named_like_a_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    ["secret", "password", "passwd", "token", "credential", "key", "auth"].iter().any(|word| key.contains(word))
}

/// A text in which the user information of a URL is hidden.
pub(super) fn without_password(text: &str) -> Cow<'_, str> {
    let Some(start) = text.find("://").map(|at| at + 3) else { return Cow::Borrowed(text) };
    let authority_length = text[start..].find(['/', '?', '#']).unwrap_or(text.len() - start);
    match text[start..start + authority_length].rfind('@') {
        Some(at) => Cow::Owned(format!("{}{HIDDEN}{}", &text[..start], &text[start + at..])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_a_url_is_hidden() {
        assert_eq!(without_password("https://u:p@host/a@b"), "https://********@host/a@b");
        assert_eq!(without_password("https://host/a@b"), "https://host/a@b");
        assert_eq!(without_password("u@host"), "u@host");
    }
}
