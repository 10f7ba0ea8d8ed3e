//! What the host needs to know of a world of the contract.

use std::future::Future;

use wasmtime::Store;
use wasmtime::component::{InstancePre, Linker};

use super::error::InitError;
use super::sandbox::Sandbox;

/// A world of the contract, as the host drives it: usually the `…Pre` that `bindgen!` made for it, or a struct that holds
/// several, for a world with optional exports. One value belongs to one version of one component.
pub trait World: Send + Sync + Sized + 'static {
    /// Its name: `wharf:auth/auth-provider`.
    const NAME: &'static str;
    /// The interface that a component must export to be of this world, with the version that this server speaks:
    /// `wharf:auth/provider@0.1.0`.
    const EXPORT: &'static str;
    /// Whether a call may leave something in its instance for the next one, when the operator does not say. Worlds whose calls
    /// see the secrets of many people don't, as long as a fresh instance is cheap.
    const FRESH_WHEN_CHEAP: bool;
    /// One instance's exports.
    type Guest: Send + Sync + 'static;

    /// Adds what this world imports beyond what every plugin is offered.
    ///
    /// # Errors
    /// When something of that name is there already.
    fn link(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
        let _ = linker;
        Ok(())
    }

    /// Finds the exports in a component.
    ///
    /// # Errors
    /// When one of them is missing or has another type.
    fn bind(component: InstancePre<Sandbox>) -> wasmtime::Result<Self>;

    /// Makes an instance.
    fn instantiate(&self, store: &mut Store<Sandbox>) -> impl Future<Output = wasmtime::Result<Self::Guest>> + Send;

    /// Calls `init`.
    fn init(
        guest: &Self::Guest,
        store: &mut Store<Sandbox>,
    ) -> impl Future<Output = wasmtime::Result<Result<(), InitError>>> + Send;

    /// Calls `health`. The error says what is wrong.
    fn health(
        guest: &Self::Guest,
        store: &mut Store<Sandbox>,
    ) -> impl Future<Output = wasmtime::Result<Result<(), String>>> + Send;
}
