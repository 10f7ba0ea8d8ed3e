//! `wasi:config/store`: the plugin's configuration, with the secrets that it was granted among it.

use wharf_bindings::host::wasi::config::store::{Error, Host};

use super::Sandbox;

impl Host for Sandbox {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, Error>> {
        Ok(Ok(self.permissions.configuration().get(&key).map(|value| value.expose().to_owned())))
    }

    async fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, Error>> {
        let all = self.permissions.configuration().iter();
        Ok(Ok(all.map(|(key, value)| (key.clone(), value.expose().to_owned())).collect()))
    }
}
