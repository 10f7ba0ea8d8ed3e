//! The configuration.

use crate::rules::{Rule, Template};
use wharf_plugin_support::config::{Problem, Reader};
use wharf_plugin_support::http::Url;

/// What the operator wrote.
pub(crate) struct Settings {
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) jwks_uri: Option<Url>,
    pub(crate) username: Template,
    pub(crate) realm: String,
    pub(crate) leeway_seconds: u64,
    pub(crate) keys_ms: u64,
    /// Unknown keys make us ask the issuer again at most so often: anybody can send tokens with unknown keys.
    pub(crate) refresh_ms: u64,
    pub(crate) decision_ms: u64,
    pub(crate) rules: Vec<Rule>,
}

impl Settings {
    pub(crate) fn read(mut reader: Reader) -> Result<Self, Vec<Problem>> {
        let issuer = reader.required("issuer", "the issuer's address, such as https://token.example.com");
        if let Err(problem) = Url::parse(&issuer)
            && !issuer.is_empty()
        {
            reader.problem("issuer", problem);
        }
        let audiences = reader.list("audience");
        if audiences.is_empty() {
            reader.problem("audience", "is missing: write whom the tokens are for, such as registry.example.com");
        }
        let jwks_uri = reader.text("jwks-uri").and_then(|text| match Url::parse(&text) {
            Ok(url) => Some(url),
            Err(problem) => {
                reader.problem("jwks-uri", problem);
                None
            }
        });
        let username = reader.text("username").unwrap_or_else(|| "{sub}".to_owned());
        let username = Template::parse(&username).unwrap_or_else(|problem| {
            reader.problem("username", problem);
            Template::default()
        });
        let realm = reader.text("realm").unwrap_or_else(|| "wharf".to_owned());
        if realm.contains(|c: char| c == '"' || c == '\\' || !(c == ' ' || c.is_ascii_graphic())) {
            reader.problem("realm", "may hold printable ASCII without quotes and backslashes");
        }
        let mut seconds = |key: &str, default: u64| reader.parsed(key, default, "a number of seconds").min(86_400);
        let leeway_seconds = seconds("leeway-seconds", 60).min(600);
        let keys_ms = seconds("keys-seconds", 3600).max(60) * 1000;
        let refresh_ms = seconds("refresh-seconds", 30) * 1000;
        let decision_ms = seconds("decision-seconds", 60) * 1000;
        let rules = rules(&mut reader);
        let settings = Self {
            issuer,
            audiences,
            jwks_uri,
            username,
            realm,
            leeway_seconds,
            keys_ms,
            refresh_ms,
            decision_ms,
            rules,
        };
        reader.finish(settings)
    }
}

fn rules(reader: &mut Reader) -> Vec<Rule> {
    let text =
        reader.required("rules", "a list such as [{claims: {sub: \"*\"}, repositories: [\"**\"], access: [pull]}]");
    if text.is_empty() {
        return Vec::new();
    }
    Rule::parse_all(&text).unwrap_or_else(|problems| {
        for problem in problems {
            reader.problem("rules", problem);
        }
        Vec::new()
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Settings for `https://issuer.example` and the audience `registry`, with these beside them.
    pub(crate) fn with(pairs: &[(&str, &str)]) -> Settings {
        let basis = [("issuer", "https://issuer.example"), ("audience", "registry"), ("rules", "[]")];
        let all: Vec<_> = pairs.iter().chain(&basis).copied().collect();
        Settings::read(Reader::of(&all)).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let wrong = [
            ("issuer", "token.example.com"),
            ("jwks-uri", "x"),
            ("username", "{sub"),
            ("realm", "a\"b"),
            ("leeway-seconds", "-1"),
            ("rules", r#"[{"access":["fly"]}]"#),
        ];
        let problems = Settings::read(Reader::of(&wrong)).err().unwrap_or_default();
        let mut keys: Vec<String> = problems.into_iter().map(|problem| problem.key).collect();
        keys.dedup();
        assert_eq!(keys, ["issuer", "audience", "jwks-uri", "username", "realm", "leeway-seconds", "rules"]);
    }
}
