//! Reading the configuration, with all that is wrong in it at once: an operator mends a file once, not key by key.

use crate::wasi::config::store;
use std::fmt::Display;
use std::str::FromStr;

/// A key that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key.
    pub key: String,
    /// What is wrong, and what to write instead. No secrets.
    pub problem: String,
}

/// Reads keys and collects what is wrong with them.
#[derive(Debug, Default)]
pub struct Reader {
    problems: Vec<Problem>,
    /// Stands in for the host's store in tests.
    given: Option<Vec<(String, String)>>,
}

impl Reader {
    /// Reads what the operator wrote.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads these pairs instead of the host's.
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        let given = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Self { problems: Vec::new(), given: Some(given) }
    }

    /// A text; `None` where the key is absent or empty.
    pub fn text(&mut self, key: &str) -> Option<String> {
        let found = match &self.given {
            Some(given) => Ok(given.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())),
            None => store::get(key),
        };
        match found {
            Ok(value) => value.filter(|value| !value.is_empty()),
            Err(error) => {
                self.problem(key, format!("the host can't read it: {error:?}"));
                None
            }
        }
    }

    /// A text that must be there; empty, with a problem noted, where it is not.
    pub fn required(&mut self, key: &str, what: &str) -> String {
        self.text(key).unwrap_or_else(|| {
            self.problem(key, format!("is missing: write {what}"));
            String::new()
        })
    }

    /// A number, or whatever else has a textual form, or its default.
    pub fn parsed<T: FromStr>(&mut self, key: &str, default: T, what: &str) -> T {
        let Some(text) = self.text(key) else { return default };
        text.trim().parse().unwrap_or_else(|_| {
            self.problem(key, format!("`{text}` is not {what}"));
            default
        })
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        self.parsed(key, default, "`true` or `false`")
    }

    /// Several texts: a JSON array of strings, or a list with commas.
    pub fn list(&mut self, key: &str) -> Vec<String> {
        let Some(text) = self.text(key) else { return Vec::new() };
        let Some(inner) = text.trim().strip_prefix('[') else {
            return text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect();
        };
        strings(inner).unwrap_or_else(|| {
            self.problem(key, "is not a JSON array of strings, such as [\"a\", \"b\"]");
            Vec::new()
        })
    }

    /// Notes a problem.
    pub fn problem(&mut self, key: &str, problem: impl Display) {
        self.problems.push(Problem { key: key.to_owned(), problem: problem.to_string() });
    }

    /// What was read, if nothing was wrong.
    ///
    /// # Errors
    /// All the problems.
    pub fn finish<T>(self, value: T) -> Result<T, Vec<Problem>> {
        if self.problems.is_empty() { Ok(value) } else { Err(self.problems) }
    }
}

/// The strings of a JSON array of strings, behind its opening bracket. A JSON library would be the larger half of a small hook.
fn strings(inner: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = inner.trim_start();
    if let Some(end) = rest.strip_prefix(']') {
        return end.trim().is_empty().then_some(found);
    }
    loop {
        let (text, behind) = string(rest.strip_prefix('"')?)?;
        found.push(text);
        rest = behind.trim_start();
        if let Some(end) = rest.strip_prefix(']') {
            return end.trim().is_empty().then_some(found);
        }
        rest = rest.strip_prefix(',')?.trim_start();
    }
}

/// A JSON string behind its opening quote, and what follows its closing one.
fn string(inner: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut characters = inner.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((text, &inner[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                'u' => {
                    let (at, _) = characters.next()?;
                    let code = u32::from_str_radix(inner.get(at..at + 4)?, 16).ok()?;
                    text.push(char::from_u32(code)?);
                    characters.nth(2)?;
                }
                escaped @ ('"' | '\\' | '/') => text.push(escaped),
                _ => return None,
            },
            plain => text.push(plain),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_json_or_have_commas() {
        let cases = [
            ("a@x", vec!["a@x"]),
            ("a@x, b@x,", vec!["a@x", "b@x"]),
            ("[]", vec![]),
            (r#" [ "a@x" , "b\"\u00e4\\" ] "#, vec!["a@x", "b\"ä\\"]),
        ];
        for (text, expected) in cases {
            let mut reader = Reader::of(&[("to", text)]);
            assert_eq!(reader.list("to"), expected, "{text}");
            assert!(reader.finish(()).is_ok(), "{text}");
        }
        for wrong in ["[", "[a]", r#"["a""#, r#"["a",]"#, r#"["\u12"]"#, r#"["a"] x"#] {
            let mut reader = Reader::of(&[("to", wrong)]);
            assert!(reader.list("to").is_empty());
            assert!(reader.finish(()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_problem_is_told() {
        let mut reader = Reader::of(&[("port", "many"), ("flag", "yes"), ("empty", "")]);
        assert_eq!(reader.parsed("port", 25_u16, "a port"), 25);
        assert!(!reader.flag("flag", false));
        assert_eq!(reader.required("empty", "a name"), "");
        let keys: Vec<String> = reader.finish(()).unwrap_err().into_iter().map(|problem| problem.key).collect();
        assert_eq!(keys, ["port", "flag", "empty"]);
    }
}
