//! The world `wharf:auth/auth-provider`.

use wasmtime::Store;
use wasmtime::component::InstancePre;
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyIndices};
use wharf_bindings::auth::wharf::auth::types as wit;
use wharf_bindings::auth::{AuthProvider, AuthProviderIndices};

use crate::plugin::error::{ConfigProblem, InitError};
use crate::plugin::sandbox::Sandbox;
use crate::plugin::world::World;

/// A component that decides, and may serve HTTP.
pub struct AuthWorld {
    component: InstancePre<Sandbox>,
    provider: AuthProviderIndices,
    http: Option<ProxyIndices>,
}

/// One instance of it.
pub struct AuthGuest {
    /// The decisions.
    pub provider: AuthProvider,
    /// HTTP, when the component exports `wasi:http/incoming-handler`.
    pub http: Option<Proxy>,
}

impl AuthWorld {
    /// Whether it exports `wasi:http/incoming-handler`.
    pub fn serves_http(&self) -> bool {
        self.http.is_some()
    }
}

impl World for AuthWorld {
    const NAME: &'static str = "wharf:auth/auth-provider";
    const EXPORT: &'static str = "wharf:auth/provider@0.1.0";
    const FRESH_WHEN_CHEAP: bool = true;
    type Guest = AuthGuest;

    fn bind(component: InstancePre<Sandbox>) -> wasmtime::Result<Self> {
        let provider = AuthProviderIndices::new(&component)?;
        let http = ProxyIndices::new(&component).ok();
        Ok(Self { component, provider, http })
    }

    async fn instantiate(&self, store: &mut Store<Sandbox>) -> wasmtime::Result<AuthGuest> {
        let instance = self.component.instantiate_async(&mut *store).await?;
        let provider = self.provider.load(&mut *store, &instance)?;
        let http = self.http.as_ref().map(|http| http.load(&mut *store, &instance)).transpose()?;
        Ok(AuthGuest { provider, http })
    }

    async fn init(guest: &AuthGuest, store: &mut Store<Sandbox>) -> wasmtime::Result<Result<(), InitError>> {
        Ok(guest.provider.wharf_auth_provider().call_init(store).await?.map_err(init_error))
    }

    async fn health(guest: &AuthGuest, store: &mut Store<Sandbox>) -> wasmtime::Result<Result<(), String>> {
        let health = guest.provider.wharf_auth_provider().call_health(store).await?;
        Ok(health.map_err(|(wit::Error::Unavailable(reason) | wit::Error::Other(reason))| reason))
    }
}

fn init_error(error: wit::InitError) -> InitError {
    match error {
        wit::InitError::Config(problems) => InitError::Config(
            problems.into_iter().map(|at| ConfigProblem { key: at.key, problem: at.problem }).collect(),
        ),
        wit::InitError::Unavailable(reason) => InitError::Unavailable(reason),
        wit::InitError::Other(reason) => InitError::Other(reason),
    }
}
