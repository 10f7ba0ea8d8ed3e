//! From the bytes of a component to code that can be run, off the threads that answer requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::{Runtime, trusted};
use crate::plugin::error::LoadError;

/// A component that can be run.
pub struct Code {
    /// The component.
    pub component: Component,
    /// How long it took to compile; `None` when the code was kept from an earlier time.
    pub compile_time: Option<Duration>,
}

impl Runtime {
    /// Compiles a component, unless its compiled code was kept. `digest` is that of `bytes`. Waits for its turn as long
    /// as it may take to compile, so that one that is slow costs the next one no time of its own.
    ///
    /// # Errors
    /// When it is no component, is not valid, its turn does not come, or it takes longer than `compile_time_max`. What
    /// runs on then has nobody waiting for it, and its result is kept for the next try.
    pub async fn code(
        self: &Arc<Self>,
        bytes: Bytes,
        digest: String,
        compile_time_max: Duration,
    ) -> Result<Code, LoadError> {
        is_component(&bytes)?;
        let (runtime, name) = (Arc::clone(self), digest.clone());
        if let Some(component) = spawn_blocking(move || runtime.kept(&name)).await.map_err(failed)? {
            return Ok(Code { component, compile_time: None });
        }
        let turn = self.turn(compile_time_max).await?;
        let runtime = Arc::clone(self);
        let work = spawn_blocking(move || {
            let _turn = turn;
            runtime.compile(&bytes, &digest)
        });
        match timeout(compile_time_max, work).await {
            Ok(compiled) => compiled.map_err(failed)?,
            Err(_) => Err(LoadError::Compile(format!(
                "compiling it takes longer than limits.compile_time_max ({compile_time_max:?}); raise the limit, or try \
                 once more: what is compiled meanwhile is kept"
            ))),
        }
    }

    /// Waits until nothing else is being compiled.
    async fn turn(&self, wait_time_max: Duration) -> Result<OwnedSemaphorePermit, LoadError> {
        match timeout(wait_time_max, Arc::clone(&self.compiling).acquire_owned()).await {
            Ok(turn) => turn.map_err(failed),
            Err(_) => Err(LoadError::Compile(format!(
                "another component is being compiled, and it was not its turn within limits.compile_time_max \
                 ({wait_time_max:?}); try once more"
            ))),
        }
    }

    fn compile(&self, bytes: &[u8], digest: &str) -> Result<Code, LoadError> {
        // Somebody else may have compiled it meanwhile.
        if let Some(component) = self.kept(digest) {
            return Ok(Code { component, compile_time: None });
        }
        let begin = Instant::now();
        let component = compile(&self.engine, bytes)?;
        let compile_time = Some(begin.elapsed());
        if let Some(kept) = &self.kept {
            let stored = component.serialize().map_err(|error| format!("{error:#}"));
            let stored =
                stored.and_then(|code| kept.store(&self.engine, digest, &code).map_err(|error| error.to_string()));
            if let Err(error) = stored {
                tracing::warn!("plugins: compiled code can't be kept: {error}");
            }
        }
        Ok(Code { component, compile_time })
    }

    fn kept(&self, digest: &str) -> Option<Component> {
        let code = self.kept.as_ref()?.load(&self.engine, digest)?;
        match trusted::deserialize(&self.engine, &code) {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::debug!("plugins: kept code does not fit: {error:#}");
                None
            }
        }
    }
}

fn compile(engine: &Engine, bytes: &[u8]) -> Result<Component, LoadError> {
    Component::from_binary(engine, bytes)
        .map_err(|error| LoadError::Compile(format!("it is no valid component: {error:#}")))
}

fn failed(error: impl std::fmt::Display) -> LoadError {
    LoadError::Compile(format!("compiling it was given up: {error}"))
}

/// Tells what is no component by its first eight bytes, which say what it is instead.
fn is_component(bytes: &[u8]) -> Result<(), LoadError> {
    let sentence = match bytes.get(..8) {
        Some(b"\0asm\x0d\0\x01\0") => return Ok(()),
        Some(b"\0asm\x01\0\0\0") => {
            "it is a core module, not a component; build it with `wharf plugin build`, or with your language's component tool"
        }
        Some([0x7f, b'E', b'L', b'F', ..]) => {
            "it is a native program or compiled code, which is never taken from outside; give the component itself"
        }
        _ if bytes.is_empty() => "the file is empty; was its build interrupted?",
        _ => "it is no WebAssembly component",
    };
    Err(LoadError::NoComponent(sentence.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_told_apart() {
        for (bytes, word) in [
            (&b"\0asm\x01\0\0\0"[..], "core module"),
            (b"", "empty"),
            (b"\x7fELF\0\0\0\0", "native"),
            (b"hello, world", "no WebAssembly component"),
        ] {
            assert!(is_component(bytes).unwrap_err().to_string().contains(word), "{word}");
        }
        assert!(is_component(b"\0asm\x0d\0\x01\0").is_ok());
    }
}
