//! Requests as an author writes them, in `plugin-tests.toml` or JSON, with the decisions that are expected.
//!
//! ```toml
//! [config]                                         # what the component is given while it is tested; secrets as well
//! users = "alice:secret"
//!
//! [[request]]
//! name = "alice may push to her own repositories"
//! method = "PUT"                                   # GET without it
//! path = "/v2/alice/app/manifests/1"               # /v2/ without it
//! basic = "alice:secret"                           # or bearer = "token"; anonymous without both
//! headers = { "x-team" = "a" }
//! peer = "192.0.2.7"
//! now-ms = 1767225600000
//! wanted = ["repository:alice/app:pull,push"]      # in the words of the token protocol
//! expect = "granted"                               # or challenge, denied, error
//! identity = "alice"                               # of a grant, where it matters
//! contains = "realm="                              # of a challenge's header or a denial's reason, where it matters
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;
use wharf_bindings::auth::wharf::auth::types as wit;

/// 2026-01-01, so that the same table gives the same decisions at any time.
const NOW_MS: u64 = 1_767_225_600_000;

/// All requests of a file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The configuration under which they are decided so.
    #[serde(default)]
    pub config: BTreeMap<String, serde_json::Value>,
    /// The requests, in order.
    #[serde(default)]
    pub request: Vec<Row>,
}

/// One request, and what is expected.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Row {
    /// What it shows.
    pub name: String,
    /// The HTTP method; `GET` when empty.
    pub method: String,
    /// The path; `/v2/` when empty.
    pub path: String,
    /// `user:password`.
    pub basic: Option<String>,
    /// A token.
    pub bearer: Option<String>,
    /// The headers that it may see.
    pub headers: BTreeMap<String, String>,
    /// The peer's address; 127.0.0.1 without one.
    pub peer: Option<String>,
    /// When it is asked; some fixed time without it.
    pub now_ms: Option<u64>,
    /// Scopes: `repository:NAME:ACTION,…` or `registry:catalog:*`.
    pub wanted: Vec<String>,
    /// What should come out.
    pub expect: Option<Expect>,
    /// Who should be granted it.
    pub identity: Option<String>,
    /// What the challenge or the reason should hold.
    pub contains: Option<String>,
}

/// A kind of decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    /// The request goes on.
    Granted,
    /// 401.
    Challenge,
    /// 403.
    Denied,
    /// The provider can't decide: 503.
    Error,
}

impl Table {
    /// Reads a table, as TOML or, where it begins with a brace, as JSON.
    ///
    /// # Errors
    /// A sentence that says where it can't be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.trim_start().starts_with('{') {
            true => serde_json::from_str(text).map_err(|error| error.to_string()),
            false => toml::from_str(text).map_err(|error| error.to_string()),
        }
    }
}

impl Row {
    /// What the component is told of the request.
    pub fn context(&self) -> wit::RequestContext {
        let or = |text: &String, default: &str| if text.is_empty() { default.to_owned() } else { text.clone() };
        let headers = self.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone()));
        wit::RequestContext {
            method: or(&self.method, "GET"),
            path: or(&self.path, "/v2/"),
            credentials: self.credentials(),
            headers: headers.collect(),
            peer: Some(self.peer.clone().unwrap_or_else(|| "127.0.0.1".to_owned())),
            scheme: "https".to_owned(),
            host: "registry.example".to_owned(),
            now_ms: self.now_ms.unwrap_or(NOW_MS),
            request_id: "00000000-0000-4000-8000-000000000000".to_owned(),
            attributes: Vec::new(),
        }
    }

    fn credentials(&self) -> wit::Credentials {
        match (&self.basic, &self.bearer) {
            (Some(basic), _) => {
                let (username, password) = basic.split_once(':').unwrap_or((basic, ""));
                wit::Credentials::Basic(wit::Basic { username: username.to_owned(), password: password.to_owned() })
            }
            (None, Some(token)) => wit::Credentials::Bearer(token.clone()),
            (None, None) => wit::Credentials::Anonymous,
        }
    }

    /// The access that it needs.
    ///
    /// # Errors
    /// When a scope is not `type:name:actions`.
    pub fn access(&self) -> Result<Vec<wit::Access>, String> {
        let all: Result<Vec<_>, _> = self.wanted.iter().map(|scope| access(scope)).collect();
        Ok(all?.into_iter().flatten().collect())
    }
}

/// One scope. A repository's name may hold colons, as that of a host with a port does.
fn access(scope: &str) -> Result<Vec<wit::Access>, String> {
    let wrong = || format!("{scope:?} is no scope; write repository:NAME:pull,push or registry:catalog:*");
    let (kind, rest) = scope.split_once(':').ok_or_else(wrong)?;
    let (name, actions) = rest.rsplit_once(':').ok_or_else(wrong)?;
    let on = match (kind, name) {
        ("repository", name) => wit::ResourceName::Repository(name.to_owned()),
        ("registry", "catalog") => wit::ResourceName::Catalog,
        _ => return Err(wrong()),
    };
    let action = |word: &str| match word {
        "pull" => Ok(wit::Action::Pull),
        "push" => Ok(wit::Action::Push),
        "delete" => Ok(wit::Action::Delete),
        "*" => Ok(wit::Action::All),
        _ => Err(wrong()),
    };
    actions.split(',').map(|word| Ok(wit::Access { on: on.clone(), action: action(word)? })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read() {
        let row =
            Row { wanted: vec!["repository:a/b:pull,push".into(), "registry:catalog:*".into()], ..Row::default() };
        assert_eq!(row.access().unwrap().len(), 3);
        for wrong in ["", "a", "repository:a", "repository:a:fly", "registry:other:*"] {
            assert!(access(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn tables_are_read_as_toml_and_as_json() {
        let toml = "[[request]]\nname = \"x\"\nbasic = \"a:b:c\"\nexpect = \"denied\"";
        let row = Table::parse(toml).unwrap().request.remove(0);
        assert_eq!(row.expect, Some(Expect::Denied));
        assert!(matches!(row.context().credentials, wit::Credentials::Basic(basic) if basic.password == "b:c"));
        assert_eq!(Table::parse(r#"{"request": [{"bearer": "t"}]}"#).unwrap().request.len(), 1);
        assert!(Table::parse("[[request]]\nexpects = \"denied\"").is_err());
    }
}
