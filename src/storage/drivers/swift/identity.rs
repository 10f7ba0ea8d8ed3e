//! Who logs in to Swift, in the words of each version of the login.

use serde_json::{Value, json};

use crate::config::Secret;
use crate::config::drivers::Swift;

impl Swift {
    /// Takes from the variables of OpenStack's own programs, and of Swift's, what the configuration leaves out.
    pub(super) fn fill_from_variables(&mut self, variable: impl Fn(&str) -> Option<String>) {
        let read = |names: &[&str]| names.iter().find_map(|name| variable(name)).unwrap_or_default();
        let fill = |key: &mut String, names: &[&str]| {
            if key.is_empty() {
                *key = read(names);
            }
        };
        fill(&mut self.authurl, &["OS_AUTH_URL", "ST_AUTH"]);
        fill(&mut self.username, &["OS_USERNAME", "ST_USER"]);
        fill(&mut self.tenant, &["OS_PROJECT_NAME", "OS_TENANT_NAME"]);
        fill(&mut self.tenantid, &["OS_PROJECT_ID", "OS_TENANT_ID"]);
        fill(&mut self.domain, &["OS_USER_DOMAIN_NAME"]);
        fill(&mut self.domainid, &["OS_USER_DOMAIN_ID"]);
        fill(&mut self.tenantdomain, &["OS_PROJECT_DOMAIN_NAME"]);
        fill(&mut self.tenantdomainid, &["OS_PROJECT_DOMAIN_ID"]);
        fill(&mut self.trustid, &["OS_TRUST_ID"]);
        fill(&mut self.region, &["OS_REGION_NAME"]);
        fill(&mut self.applicationcredentialid, &["OS_APPLICATION_CREDENTIAL_ID"]);
        if self.password.is_empty() {
            self.password = Secret::new(read(&["OS_PASSWORD", "ST_KEY"]));
        }
        if self.applicationcredentialsecret.is_empty() {
            self.applicationcredentialsecret = Secret::new(read(&["OS_APPLICATION_CREDENTIAL_SECRET"]));
        }
    }

    /// `account:user`, as version 1 writes it.
    pub(super) fn user_of_v1(&self) -> String {
        match self.tenant.is_empty() || self.username.contains(':') {
            true => self.username.clone(),
            false => format!("{}:{}", self.tenant, self.username),
        }
    }

    /// What Keystone 2 is sent.
    pub(super) fn body_of_v2(&self) -> Value {
        let mut auth = json!({
            "passwordCredentials": { "username": self.username, "password": self.password.expose() },
        });
        match self.tenantid.as_str() {
            "" => auth["tenantName"] = self.tenant.clone().into(),
            id => auth["tenantId"] = id.into(),
        }
        json!({ "auth": auth })
    }

    /// What Keystone 3 is sent.
    pub(super) fn body_of_v3(&self) -> Value {
        if !self.applicationcredentialid.is_empty() {
            let secret = self.applicationcredentialsecret.expose();
            let credential = json!({ "id": self.applicationcredentialid, "secret": secret });
            // It brings its project with it; a scope beside it is refused.
            return json!({ "auth": { "identity": {
                "methods": ["application_credential"], "application_credential": credential,
            } } });
        }
        let user = json!({
            "name": self.username,
            "password": self.password.expose(),
            "domain": domain(&self.domain, &self.domainid),
        });
        let mut auth = json!({ "identity": { "methods": ["password"], "password": { "user": user } } });
        if let Some(scope) = self.scope() {
            auth["scope"] = scope;
        }
        json!({ "auth": auth })
    }

    /// What the token is for: a trust, or a project. Without either, the user's own project.
    fn scope(&self) -> Option<Value> {
        if !self.trustid.is_empty() {
            return Some(json!({ "OS-TRUST:trust": { "id": self.trustid } }));
        }
        if !self.tenantid.is_empty() {
            return Some(json!({ "project": { "id": self.tenantid } }));
        }
        if self.tenant.is_empty() {
            return None;
        }
        let domain = match self.tenantdomain.is_empty() && self.tenantdomainid.is_empty() {
            true => domain(&self.domain, &self.domainid),
            false => domain(&self.tenantdomain, &self.tenantdomainid),
        };
        Some(json!({ "project": { "name": self.tenant, "domain": domain } }))
    }
}

/// A domain, by id if there is one; Keystone's first domain when nothing is said.
fn domain(name: &str, id: &str) -> Value {
    match (name, id) {
        ("", "") => json!({ "id": "default" }),
        (name, "") => json!({ "name": name }),
        (_, id) => json!({ "id": id }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> Swift {
        Swift { username: "u".to_owned(), password: Secret::new("p"), ..Swift::default() }
    }

    #[test]
    fn keystone_is_asked_for_a_project_a_trust_or_by_an_application_credential() {
        let mut swift = Swift { tenant: "t".into(), domain: "d".into(), ..user() };
        let project = json!({ "name": "t", "domain": { "name": "d" } });
        assert_eq!(swift.body_of_v3()["auth"]["scope"]["project"], project);
        swift.tenantdomainid = "td".into();
        assert_eq!(swift.body_of_v3()["auth"]["scope"]["project"]["domain"], json!({ "id": "td" }));
        swift.trustid = "x".into();
        assert_eq!(swift.body_of_v3()["auth"]["scope"], json!({ "OS-TRUST:trust": { "id": "x" } }));
        swift.applicationcredentialid = "a".into();
        assert_eq!(swift.body_of_v3()["auth"]["identity"]["methods"], json!(["application_credential"]));
        assert!(swift.body_of_v3()["auth"].get("scope").is_none());
        let anybody = user().body_of_v3();
        assert_eq!(anybody["auth"]["identity"]["password"]["user"]["domain"], json!({ "id": "default" }));
    }
}
