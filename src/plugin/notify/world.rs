//! The world `wharf:notify/notification-hook`.

use wasmtime::Store;
use wasmtime::component::InstancePre;
use wharf_bindings::notify::wharf::notify::types as wit;
use wharf_bindings::notify::{NotificationHook, NotificationHookPre};

use crate::plugin::error::{ConfigProblem, InitError};
use crate::plugin::sandbox::Sandbox;
use crate::plugin::world::World;

/// A component that is told what happens.
pub struct HookWorld(NotificationHookPre<Sandbox>);

impl World for HookWorld {
    const NAME: &'static str = "wharf:notify/notification-hook";
    const EXPORT: &'static str = "wharf:notify/hook@0.1.0";
    // It may gather events over several calls.
    const FRESH_WHEN_CHEAP: bool = false;
    type Guest = NotificationHook;

    fn bind(component: InstancePre<Sandbox>) -> wasmtime::Result<Self> {
        NotificationHookPre::new(component).map(Self)
    }

    async fn instantiate(&self, store: &mut Store<Sandbox>) -> wasmtime::Result<NotificationHook> {
        self.0.instantiate_async(store).await
    }

    async fn init(guest: &NotificationHook, store: &mut Store<Sandbox>) -> wasmtime::Result<Result<(), InitError>> {
        Ok(guest.wharf_notify_hook().call_init(store).await?.map_err(init_error))
    }

    async fn health(guest: &NotificationHook, store: &mut Store<Sandbox>) -> wasmtime::Result<Result<(), String>> {
        let health = guest.wharf_notify_hook().call_health(store).await?;
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
