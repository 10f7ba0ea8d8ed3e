//! From the configuration to the parts of a registry: storage, auth, the registry itself, the API.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use http::{HeaderName, HeaderValue};
use regex::RegexSet;

use super::storage::{self, Access};
use super::{StartError, descriptors};
use crate::auth::AuthProvider;
use crate::auth::htpasswd::{self, Htpasswd};
use crate::auth::none::Open;
use crate::auth::rules::{AccessRules, Rule};
use crate::auth::silly::{self, Silly};
use crate::auth::token::{self, Token};
use crate::config::Config;
use crate::config::auth::{AccessRule, Provider, Token as TokenConfig};
use crate::config::validation::{Platforms, Validation};
use crate::config::value::Network;
use crate::http::RequestInfo;
use crate::http::api::{self, Api, ApiOptions, External, Redirect, UploadSecret};
use crate::notify::Notifier;
use crate::oci::descriptor::Platform;
use crate::plugin::Host;
use crate::plugin::auth::{AuthWorld, Connection, PluginAuth};
use crate::registry::manifests::IndexChildren;
use crate::registry::{ManifestRules, Registry, RegistryOptions};
use crate::storage::Storage;
use crate::storage::metered::Metered;
use crate::telemetry::metrics::Metrics;

/// Everything that a server serves.
pub(super) struct Parts {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) registry: Arc<Registry>,
    /// Where the data lies, for people.
    pub(super) storage_place: String,
    pub(super) auth_kind: String,
    /// Where descriptors are remembered, for people.
    pub(super) cache_kind: Option<String>,
    pub(super) router: Router,
}

impl Parts {
    /// Builds them, from the bottom up.
    pub(super) async fn build(
        config: &Config,
        metrics: &Metrics,
        notifier: &Arc<Notifier>,
        host: &Host,
    ) -> Result<Self, StartError> {
        let (storage, storage_place) = storage::open(config, host, Access::ReadWrite, Some(metrics)).await?;
        // One more call per operation, so only for those who look at it.
        let storage = if config.http.debug.prometheus.enabled {
            let measured = metrics.storage(storage.name());
            Arc::new(Metered::new(storage, measured))
        } else {
            storage
        };
        let (auth, served) = auth(config, host).await?;
        let rules = config.auth.access.len();
        let auth_kind = match (auth.name(), rules) {
            ("none", 0) => "none; whoever can reach this server may read and write".to_owned(),
            (name, 0) => name.to_owned(),
            (name, rules) => format!("{name}, with {rules} access rules"),
        };
        let options = RegistryOptions { cache_metrics: metrics.cache(), ..registry_options(config)? };
        let registry = Registry::new(Arc::clone(&storage), options);
        let (registry, cache_kind) = descriptors::remembering(config, metrics, registry).await?;
        let registry = Arc::new(registry);
        let secret = upload_secret(config, &registry).await?;
        let api = Api::new(Arc::clone(&registry), auth, secret, api_options(config)?);
        let router = api::router(Arc::new(api.notifying(Arc::clone(notifier)))).merge(served);
        Ok(Self { storage, registry, storage_place, auth_kind, cache_kind, router })
    }
}

/// The provider, with the access rules before it; and what it serves itself.
async fn auth(config: &Config, host: &Host) -> Result<(Arc<dyn AuthProvider>, Router), StartError> {
    let native = native_auth(config.auth.native())?;
    let mut served = Router::new();
    let provider = match &config.auth.plugin {
        None => native,
        Some(plugin) => {
            let slot =
                host.open::<AuthWorld>(&config.plugin_name("auth.plugin"), plugin).await.map_err(StartError::from)?;
            let provider = PluginAuth::new(slot, Some(native)).map_err(StartError::from)?;
            served = provider.router(|request| match request.extensions().get::<RequestInfo>() {
                Some(info) => Connection { peer: info.peer, tls: info.tls },
                None => Connection::default(),
            });
            Arc::new(provider)
        }
    };
    let rules: Vec<Rule> = config.auth.access.iter().map(rule).collect();
    Ok((AccessRules::before(provider, &rules).map_err(StartError::from)?, served))
}

/// A built-in provider.
fn native_auth(provider: Provider<'_>) -> Result<Arc<dyn AuthProvider>, StartError> {
    Ok(match provider {
        Provider::None => Arc::new(Open),
        Provider::Htpasswd(htpasswd) => {
            let options = htpasswd::Options {
                realm: htpasswd.realm.clone(),
                path: htpasswd.path.clone(),
                verified_entries_max: htpasswd.verified_entries_max,
            };
            Arc::new(Htpasswd::open(options).map_err(StartError::from)?)
        }
        Provider::Silly(silly) => {
            let options = silly::Options { realm: silly.realm.clone(), service: silly.service.clone() };
            Arc::new(Silly::new(options).map_err(StartError::from)?)
        }
        Provider::Token(token) => Arc::new(Token::open(token_options(token)).map_err(StartError::from)?),
        other => return Err(StartError(format!("auth.{} is no built-in provider", other.name()))),
    })
}

fn token_options(config: &TokenConfig) -> token::Options {
    let file = |path: &PathBuf| (!path.as_os_str().is_empty()).then(|| path.clone());
    token::Options {
        realm: config.realm.clone(),
        service: config.service.clone(),
        issuer: config.issuer.clone(),
        rootcertbundle: file(&config.rootcertbundle),
        jwks: file(&config.jwks),
        signingalgorithms: config.signingalgorithms.to_vec(),
        autoredirect_path: config.autoredirect.then(|| config.autoredirectpath.clone()),
        leeway: config.leeway.get(),
    }
}

fn rule(rule: &AccessRule) -> Rule {
    Rule { who: rule.who.to_vec(), repositories: rule.repositories.to_vec(), actions: rule.actions.to_vec() }
}

pub(in crate::cli) fn registry_options(config: &Config) -> Result<RegistryOptions, StartError> {
    Ok(RegistryOptions {
        manifest_bytes_max: config.http.limits.manifest_bytes_max.get(),
        manifest_cache_bytes_max: config.storage.cache.manifest_bytes_max.get(),
        upload_buffer_bytes_max: config.storage.uploads.memory_bytes_max.get(),
        manifest_rules: manifest_rules(&config.validation)?,
        ..RegistryOptions::default()
    })
}

fn manifest_rules(validation: &Validation) -> Result<ManifestRules, StartError> {
    let rules = &validation.manifests;
    let set = |key: &str, patterns: &[String]| {
        RegexSet::new(patterns).map_err(|error| StartError(format!("validation.manifests.urls.{key}: {error}")))
    };
    let platform = |listed: &crate::config::validation::Platform| Platform {
        architecture: listed.architecture.clone(),
        os: listed.os.clone(),
    };
    Ok(ManifestRules {
        check_references: !validation.disabled,
        index_children: match rules.indexes.platforms {
            Platforms::All => IndexChildren::All,
            Platforms::None => IndexChildren::None,
            Platforms::List => IndexChildren::Of(rules.indexes.platformlist.iter().map(platform).collect()),
        },
        urls_allow: set("allow", &rules.urls.allow)?,
        urls_deny: set("deny", &rules.urls.deny)?,
    })
}

fn api_options(config: &Config) -> Result<ApiOptions, StartError> {
    let http = &config.http;
    let external = match (&*http.host, http.relativeurls) {
        ("", false) => External::FromRequest,
        ("", true) => External::Relative,
        (host, _) => External::Url(host.trim_end_matches('/').to_owned()),
    };
    let mut headers = Vec::new();
    for (name, values) in &http.headers {
        let bad = |error: &dyn std::fmt::Display| StartError(format!("http.headers.{name}: {error}"));
        let name: HeaderName = name.parse().map_err(|error| bad(&error))?;
        for value in values.iter() {
            let value: HeaderValue = value.parse().map_err(|error| bad(&error))?;
            headers.push((name.clone(), value));
        }
    }
    Ok(ApiOptions {
        prefix: http.prefix.trim_end_matches('/').to_owned(),
        external,
        headers,
        delete_enabled: config.storage.delete.enabled,
        read_only: config.storage.maintenance.readonly.enabled,
        catalog_entries_max: config.catalog.entries_max(),
        tags_page_max: config.tags.entries_max(),
        referrers_page_max: config.referrers.entries_max(),
        chunk_bytes_min: config.storage.uploads.chunk_bytes_min.get(),
        redirect: Redirect {
            seconds: config.storage.redirect.expires.get().as_secs(),
            bytes_min: config.storage.redirect.bytes_min.get(),
            networks: networks(config)?,
        },
    })
}

/// Where clients may be that are sent to the storage.
fn networks(config: &Config) -> Result<Vec<Network>, StartError> {
    let bad = |problem: String| StartError(format!("storage.redirect.networks: {problem}"));
    config.storage.redirect.networks.iter().map(|text| text.parse::<Network>().map_err(bad)).collect()
}

/// The configured key of upload URLs, or the one that is kept with the data, which every replica on the same storage has.
async fn upload_secret(config: &Config, registry: &Registry) -> Result<UploadSecret, StartError> {
    let configured = config.http.secret.expose();
    if !configured.is_empty() {
        return Ok(UploadSecret::new(configured));
    }
    match registry.shared_secret().await {
        Ok(secret) => {
            tracing::info!("No HTTP secret provided: using the one that is kept with the data");
            Ok(UploadSecret::new(secret))
        }
        Err(error) => {
            tracing::warn!(%error, "No HTTP secret provided, and none can be kept with the data: using a random one. Uploads cannot be continued after a restart or on another replica; set http.secret");
            let mut random = vec![0; 32];
            getrandom::fill(&mut random).map_err(StartError::from)?;
            Ok(UploadSecret::new(random))
        }
    }
}
