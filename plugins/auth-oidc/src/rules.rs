//! From claims to access.
//!
//! A rule gives access to repositories to whoever has certain claims. What comes from a token stands for itself: a `*` in a claim's
//! value is a letter, not a pattern.

use crate::token::Claims;
use serde::Deserialize;
use std::collections::BTreeMap;

const ACCESS: [&str; 4] = ["pull", "push", "delete", "*"];

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    claims: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    repositories: Vec<String>,
    #[serde(default)]
    access: Vec<String>,
    #[serde(default)]
    catalog: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// A rule.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Claims, and the patterns of which one must fit one of their values.
    claims: Vec<(String, Vec<Template>)>,
    repositories: Vec<Template>,
    access: Vec<String>,
    catalog: bool,
}

impl Rule {
    /// Reads a JSON array of rules.
    pub(crate) fn parse_all(text: &str) -> Result<Vec<Self>, Vec<String>> {
        let written: Vec<Written> =
            serde_json::from_str(text).map_err(|error| vec![format!("can't be understood: {error}")])?;
        let mut problems = Vec::new();
        let mut rules = Vec::new();
        for (at, rule) in written.into_iter().enumerate() {
            let mut problem = |problem: String| problems.push(format!("rule {}: {problem}", at + 1));
            let mut templates = |texts: &[String]| -> Vec<Template> {
                let read = |text: &String| Template::parse(text).map_err(&mut problem).ok();
                texts.iter().filter_map(read).collect()
            };
            let repositories = templates(&rule.repositories);
            let claims = rule.claims.iter().map(|(name, patterns)| {
                let patterns = match patterns {
                    OneOrMany::One(pattern) => templates(std::slice::from_ref(pattern)),
                    OneOrMany::Many(patterns) => templates(patterns),
                };
                (name.clone(), patterns)
            });
            let claims = claims.collect();
            for word in rule.access.iter().filter(|word| !ACCESS.contains(&word.as_str())) {
                problem(format!("`{}` is none of pull, push, delete and *", word.escape_debug()));
            }
            rules.push(Self { claims, repositories, access: rule.access, catalog: rule.catalog });
        }
        if problems.is_empty() { Ok(rules) } else { Err(problems) }
    }

    /// Whether it lets the bearer of these claims do this with a repository.
    pub(crate) fn allows(&self, claims: &Claims, repository: &str, action: &str) -> bool {
        self.access.iter().any(|access| access == action || access == "*")
            && self.is_about(claims)
            && self.repositories.iter().any(|pattern| pattern.fits(claims, repository))
    }

    /// Whether it lets them list all repositories.
    pub(crate) fn allows_catalog(&self, claims: &Claims) -> bool {
        self.catalog && self.is_about(claims)
    }

    fn is_about(&self, claims: &Claims) -> bool {
        self.claims.iter().all(|(name, patterns)| {
            let values = claims.values(name);
            values.iter().any(|value| patterns.iter().any(|pattern| pattern.fits(claims, value)))
        })
    }
}

/// A text with patterns and claims in it: `*` is anything but a slash, `**` anything, `{claim}` the value of a claim, and
/// `{claim:lower}` that in lower case, as repositories are named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Claim { name: String, lower: bool },
    WithinComponent,
    Anything,
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(behind) = rest.strip_prefix("**") {
                parts.push(Part::Anything);
                rest = behind;
            } else if let Some(behind) = rest.strip_prefix('*') {
                parts.push(Part::WithinComponent);
                rest = behind;
            } else if let Some(behind) = rest.strip_prefix('{') {
                let problem = || format!("`{}` has a brace that is not closed", text.escape_debug());
                let (name, behind) = behind.split_once('}').ok_or_else(problem)?;
                let (name, lower) = name.strip_suffix(":lower").map_or((name, false), |name| (name, true));
                parts.push(Part::Claim { name: name.to_owned(), lower });
                rest = behind;
            } else {
                let end = rest.find(['*', '{']).unwrap_or(rest.len());
                parts.push(Part::Text(rest[..end].to_owned()));
                rest = &rest[end..];
            }
        }
        Ok(Self(parts))
    }

    /// The text with its claims filled in; nothing where one is missing, empty or has several values. Patterns stand for themselves.
    pub(crate) fn expand(&self, claims: &Claims) -> Option<String> {
        self.filled(claims)?
            .iter()
            .map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                Part::WithinComponent => Some("*"),
                Part::Anything => Some("**"),
                Part::Claim { .. } => None,
            })
            .collect()
    }

    /// Whether a text fits.
    pub(crate) fn fits(&self, claims: &Claims, text: &str) -> bool {
        self.filled(claims).is_some_and(|parts| fits(&parts, text))
    }

    /// The parts with the values of the claims in their place.
    fn filled(&self, claims: &Claims) -> Option<Vec<Part>> {
        let fill = |part: &Part| match part {
            Part::Claim { name, lower } => {
                let mut values = claims.values(name);
                let value = if values.len() == 1 { values.pop()? } else { return None };
                let value = if *lower { value.to_lowercase() } else { value };
                (!value.is_empty()).then_some(Part::Text(value))
            }
            other => Some(other.clone()),
        };
        self.0.iter().map(fill).collect()
    }
}

/// Whether a text fits parts in which no claims are left.
fn fits(parts: &[Part], text: &str) -> bool {
    // Which prefixes of the text the parts so far can stand for: linear in text × parts, whatever an attacker writes.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for part in parts {
        let mut next = vec![false; text.len() + 1];
        for at in (0..=text.len()).filter(|at| reached[*at]) {
            match part {
                Part::Text(literal) => {
                    if text.as_bytes()[at..].starts_with(literal.as_bytes()) {
                        next[at + literal.len()] = true;
                    }
                }
                Part::Claim { .. } => return false,
                Part::WithinComponent | Part::Anything => next[at] = true,
            }
        }
        for at in 0..text.len() {
            let goes_on = match part {
                Part::Anything => true,
                Part::WithinComponent => text.as_bytes()[at] != b'/',
                Part::Text(_) | Part::Claim { .. } => false,
            };
            next[at + 1] |= goes_on && next[at];
        }
        reached = next;
    }
    reached[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::tests::claims;
    use serde_json::json;

    #[test]
    fn patterns_fit_what_they_should() {
        let claims = claims(&json!({"repository": "Acme/App", "star": "*", "many": ["a", "b"], "empty": ""}));
        let cases = [
            ("a/b", "a/b", true),
            ("a/b", "a/bc", false),
            ("a/*", "a/b", true),
            ("a/*", "a/b/c", false),
            ("a/**", "a/b/c", true),
            ("**", "", true),
            ("*b*", "abc", true),
            ("a*", "ba", false),
            ("{repository:lower}", "acme/app", true),
            ("{repository}", "acme/app", false),
            ("{repository:lower}/**", "acme/app/x", true),
            ("{repository:lower}/**", "acme/app", false),
            ("{star}", "*", true),
            ("{star}", "anything", false),
            ("{many}", "a", false),
            ("x{missing}", "x", false),
            ("x{empty}", "x", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(Template::parse(pattern).unwrap().fits(&claims, text), expected, "{pattern} {text}");
        }
        assert!(Template::parse("{a").is_err());
    }

    #[test]
    fn rules_join_claims_and_repositories() {
        let text = r#"[
            {"claims": {"ref": ["refs/heads/main", "refs/tags/*"], "owner": "acme"},
             "repositories": ["{owner}/*"], "access": ["pull", "push"]},
            {"repositories": ["public/**"], "access": ["pull"]},
            {"claims": {"groups": "admins"}, "repositories": ["**"], "access": ["*"], "catalog": true}
        ]"#;
        let rules = Rule::parse_all(text).unwrap();
        let may = |value: serde_json::Value, repository: &str, action: &str| {
            rules.iter().any(|rule| rule.allows(&claims(&value), repository, action))
        };
        let main = json!({"ref": "refs/heads/main", "owner": "acme"});
        assert!(may(main.clone(), "acme/app", "push"));
        assert!(!may(main.clone(), "acme/app", "delete") && !may(main.clone(), "other/app", "pull"));
        assert!(may(main, "public/a/b", "pull"));
        assert!(may(json!({"ref": "refs/tags/v1", "owner": "acme"}), "acme/app", "push"));
        assert!(!may(json!({"ref": "refs/heads/x", "owner": "acme"}), "acme/app", "push"));
        assert!(!may(json!({"ref": "refs/heads/main", "owner": "acme2"}), "acme2/app", "push"));
        let admin = json!({"groups": ["users", "admins"]});
        assert!(may(admin.clone(), "any/thing", "delete") && may(admin.clone(), "x", "*"));
        assert!(rules.iter().any(|rule| rule.allows_catalog(&claims(&admin))));
        assert!(!rules.iter().any(|rule| rule.allows_catalog(&claims(&json!({})))));
    }

    #[test]
    fn mistakes_name_their_rule() {
        let problems = Rule::parse_all(r#"[{}, {"access": ["fly"], "repositories": ["{x"]}]"#).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems.iter().all(|problem| problem.starts_with("rule 2: ")), "{problems:?}");
        assert!(Rule::parse_all(r#"[{"repos": []}]"#).is_err());
    }
}
