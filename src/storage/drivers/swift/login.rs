//! Logging in to Swift: version 1 of its own, Keystone's versions 2 and 3. All of them give a token and tell where the
//! account's storage is.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use super::super::transport::reasons;
use crate::config::Secret;
use crate::config::drivers::{Address, Swift};

/// How long a login may take.
const LOGIN_TIME_MAX: Duration = Duration::from_secs(30);
/// An answer to a login larger than this is none. Catalogs of large clouds have some 100 KiB.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// How long a token is taken to be good when the answer does not say.
const TOKEN_LIFE_DEFAULT: Duration = Duration::from_secs(3600);

/// Which protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// `X-Auth-User` and `X-Auth-Key`.
    V1,
    /// Keystone 2, which knows tenants and no domains.
    V2,
    /// Keystone 3.
    V3,
}

/// Who logs in, where and how.
#[derive(Debug, Clone)]
pub(super) struct Login {
    version: Version,
    url: String,
    config: Swift,
}

/// What a login gives.
#[derive(Debug, Clone)]
pub(super) struct Granted {
    pub(super) token: Secret,
    /// The URL of the account.
    pub(super) storage: Address,
    /// How long the token is good.
    pub(super) life: Duration,
}

/// Why a login failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// What is wrong, and which key to change.
    pub(super) sentence: String,
    /// Whether waiting could mend it.
    pub(super) may_pass: bool,
}

impl Refused {
    fn wrong(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), may_pass: false }
    }
}

impl Login {
    /// From the driver's parameters, or where they name nobody, from the variables that OpenStack's own programs read.
    pub(super) fn of(config: &Swift, variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let mut config = config.clone();
        if config.username.is_empty() && config.applicationcredentialid.is_empty() {
            config.fill_from_variables(variable);
        }
        let address = Address::parse(&config.authurl, true).map_err(|problem| format!("authurl: {problem}"))?;
        let version = match config.authversion {
            1 => Version::V1,
            2 => Version::V2,
            3 => Version::V3,
            _ => guessed(&address.path),
        };
        let mut url = address.url();
        // The address of Keystone itself, without a version.
        if version == Version::V3 && !address.path.contains("/v3") {
            url += "/v3";
        }
        Ok(Self { version, url, config })
    }

    /// For people.
    pub(super) fn place(&self) -> &str {
        &self.url
    }

    /// Asks for a token.
    pub(super) async fn enter(&self, client: &reqwest::Client) -> Result<Granted, Refused> {
        let request = match self.version {
            Version::V1 => client
                .get(&self.url)
                .header("X-Auth-User", self.config.user_of_v1())
                .header("X-Auth-Key", self.config.password.expose()),
            Version::V2 => client.post(format!("{}/tokens", self.url)).json_body(&self.config.body_of_v2()),
            Version::V3 => client.post(format!("{}/auth/tokens", self.url)).json_body(&self.config.body_of_v3()),
        };
        let away = |error: reqwest::Error| Refused {
            sentence: format!(
                "nobody can log in at {}: {}; check storage.swift.authurl",
                self.url,
                reasons(&error.without_url())
            ),
            may_pass: true,
        };
        let answer = request.timeout(LOGIN_TIME_MAX).send().await.map_err(away)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        if !status.is_success() {
            return Err(self.refused(status));
        }
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        if self.version == Version::V1 {
            let token = header("x-auth-token").or_else(|| header("x-storage-token"));
            let life = header("x-auth-token-expires").and_then(|text| text.parse().ok()).map(Duration::from_secs);
            return self.granted(token, header("x-storage-url"), life);
        }
        if answer.content_length().is_some_and(|bytes| bytes > ANSWER_BYTES_MAX as u64) {
            return Err(Refused::wrong(format!("what {} answers to a login is too long for one", self.url)));
        }
        let body = answer.bytes().await.map_err(away)?;
        let body: Value = serde_json::from_slice(&body)
            .map_err(|_| Refused::wrong(format!("what answers at {} is no Keystone", self.url)))?;
        let (token, expires, storage) = match self.version {
            Version::V3 => {
                let endpoint = endpoint_of_v3(&body["token"]["catalog"], &self.config);
                (header("x-subject-token"), &body["token"]["expires_at"], endpoint)
            }
            _ => {
                let access = &body["access"];
                let token = access["token"]["id"].as_str().map(str::to_owned);
                (token, &access["token"]["expires"], endpoint_of_v2(&access["serviceCatalog"], &self.config))
            }
        };
        let storage = storage.ok_or_else(|| self.no_endpoint())?;
        self.granted(token, Some(storage), expires.as_str().and_then(until))
    }

    fn granted(
        &self,
        token: Option<String>,
        storage: Option<String>,
        life: Option<Duration>,
    ) -> Result<Granted, Refused> {
        let (Some(token), Some(storage)) = (token, storage) else {
            let sentence = format!(
                "{} answers a login without a token; check storage.swift.authurl and storage.swift.authversion",
                self.url
            );
            return Err(Refused::wrong(sentence));
        };
        let storage = Address::parse(&storage, true)
            .map_err(|problem| Refused::wrong(format!("the URL of the storage that {} gives {problem}", self.url)))?;
        Ok(Granted { token: Secret::new(token), storage, life: life.unwrap_or(TOKEN_LIFE_DEFAULT) })
    }

    fn refused(&self, status: StatusCode) -> Refused {
        let at = &self.url;
        let (sentence, may_pass) = match status.as_u16() {
            401 | 403 => {
                let keys = "storage.swift.username, password, tenant and domain";
                (format!("{at} refuses the login ({status}); check {keys}"), false)
            }
            404 => (format!("{at} is no place to log in (404); check storage.swift.authurl and authversion"), false),
            429 | 500..=599 => (format!("{at} can't log anybody in at the moment ({status})"), true),
            _ => (format!("{at} answers a login with {status}; check storage.swift.authversion"), false),
        };
        Refused { sentence, may_pass }
    }

    fn no_endpoint(&self) -> Refused {
        let Swift { region, endpointtype, .. } = &self.config;
        let place = if region.is_empty() { String::new() } else { format!(" in the region {region:?}") };
        Refused::wrong(format!(
            "{} knows no object store{place} with a {endpointtype} endpoint; check storage.swift.region, endpointtype and tenant",
            self.url
        ))
    }
}

/// The version that a URL's path names; the newest one if it names none.
fn guessed(path: &str) -> Version {
    if path.contains("/v2.0") {
        Version::V2
    } else if path.contains("/v1") || path.ends_with("/auth/1.0") {
        Version::V1
    } else {
        Version::V3
    }
}

/// How long it is until a time such as `2026-11-22T12:00:00.000000Z`.
fn until(text: &str) -> Option<Duration> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Duration::try_from(at.duration_since(jiff::Timestamp::now())).ok()
}

fn endpoint_of_v3(catalog: &Value, config: &Swift) -> Option<String> {
    let endpoints = object_store(catalog)?["endpoints"].as_array()?;
    let found = endpoints.iter().find(|endpoint| {
        let region = endpoint["region_id"].as_str().or_else(|| endpoint["region"].as_str());
        endpoint["interface"].as_str() == Some(&config.endpointtype) && in_region(region, config)
    })?;
    found["url"].as_str().map(str::to_owned)
}

fn endpoint_of_v2(catalog: &Value, config: &Swift) -> Option<String> {
    let endpoints = object_store(catalog)?["endpoints"].as_array()?;
    let found = endpoints.iter().find(|endpoint| in_region(endpoint["region"].as_str(), config))?;
    found[format!("{}URL", config.endpointtype)].as_str().map(str::to_owned)
}

fn object_store(catalog: &Value) -> Option<&Value> {
    catalog.as_array()?.iter().find(|service| service["type"] == "object-store")
}

fn in_region(region: Option<&str>, config: &Swift) -> bool {
    config.region.is_empty() || region == Some(&config.region)
}

/// reqwest's own way to send JSON is a feature that nothing else here needs.
trait JsonBody {
    fn json_body(self, value: &Value) -> Self;
}

impl JsonBody for reqwest::RequestBuilder {
    fn json_body(self, value: &Value) -> Self {
        self.header(http::header::CONTENT_TYPE, "application/json").body(value.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(authurl: &str) -> Swift {
        Swift { authurl: authurl.to_owned(), username: "u".to_owned(), password: Secret::new("p"), ..Swift::default() }
    }

    #[test]
    fn the_version_is_the_one_that_is_given_or_the_urls() {
        for (url, version, place) in [
            ("http://h:8080/auth/v1.0", Version::V1, "http://h:8080/auth/v1.0"),
            ("https://h:5000/v2.0/", Version::V2, "https://h:5000/v2.0"),
            ("https://h/identity/v3", Version::V3, "https://h/identity/v3"),
            ("h:5000", Version::V3, "https://h:5000/v3"),
        ] {
            let login = Login::of(&config(url), |_| None).unwrap();
            assert_eq!((login.version, login.place()), (version, place), "{url}");
        }
        let login = Login::of(&Swift { authversion: 3, ..config("https://h/v1") }, |_| None).unwrap();
        assert_eq!(login.place(), "https://h/v1/v3");
        assert!(Login::of(&config("ftp://h"), |_| None).is_err());
    }

    #[test]
    fn the_endpoint_is_that_of_the_region_and_the_kind() {
        let endpoint = |region: &str, interface: &str| {
            json!({ "region_id": region, "interface": interface,
            "url": format!("https://{region}.{interface}/v1/a") })
        };
        let catalog = json!([
            { "type": "compute", "endpoints": [endpoint("one", "public")] },
            { "type": "object-store", "endpoints": [endpoint("one", "admin"), endpoint("one", "public"), endpoint("two", "public")] },
        ]);
        let found = |region: &str, kind: &str| {
            let swift = Swift { region: region.into(), endpointtype: kind.into(), ..Swift::default() };
            endpoint_of_v3(&catalog, &swift)
        };
        assert_eq!(found("", "public").unwrap(), "https://one.public/v1/a");
        assert_eq!(found("two", "public").unwrap(), "https://two.public/v1/a");
        assert_eq!(found("one", "admin").unwrap(), "https://one.admin/v1/a");
        assert_eq!(found("two", "internal"), None);
    }

    #[test]
    fn the_variables_of_openstack_are_read_when_nobody_is_named() {
        let variables = |name: &str| match name {
            "OS_AUTH_URL" => Some("https://cloud.example/v3".to_owned()),
            "OS_USERNAME" => Some("me".to_owned()),
            _ => None,
        };
        let login = Login::of(&Swift::default(), variables).unwrap();
        assert_eq!((login.place(), login.config.username.as_str()), ("https://cloud.example/v3", "me"));
        let login = Login::of(&config("https://own.example/v3"), variables).unwrap();
        assert_eq!((login.place(), login.config.username.as_str()), ("https://own.example/v3", "u"));
    }
}
