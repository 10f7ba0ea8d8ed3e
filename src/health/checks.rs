//! The checks that an operator can configure.

mod head;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Health;
use crate::config::Period;
use crate::config::health::{Health as Config, HttpCheck, TcpCheck};
use crate::storage::{OptionalExt, Storage, StorageKey};

/// The least time between two runs of a check; a shorter one would only be load.
const INTERVAL_MIN: Duration = Duration::from_millis(10);
/// A check that has not answered by then has failed, when its own configuration sets no time.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// One thing to look at.
#[async_trait]
trait Check: Send + Sync {
    /// Looks once. The error says what is wrong, for the operator.
    async fn run(&self) -> Result<(), String>;
}

impl Health {
    /// Starts the configured checks; each runs at once and then at its interval, for as long as the runtime lives.
    pub fn start(self: &Arc<Self>, config: &Config, storage: &Arc<dyn Storage>) {
        let driver = &config.storagedriver;
        if driver.enabled {
            let name = format!("storagedriver_{}", storage.name());
            let check = StorageCheck { storage: Arc::clone(storage) };
            self.spawn(name, driver.interval, driver.threshold, Period::ZERO, check);
        }
        for file in &config.file {
            let check = FileCheck { file: file.file.clone() };
            self.spawn(file.file.display().to_string(), file.interval, 0, Period::ZERO, check);
        }
        for http in &config.http {
            self.spawn(http.uri.clone(), http.interval, http.threshold, http.timeout, UrlCheck(http.clone()));
        }
        for tcp in &config.tcp {
            self.spawn(tcp.addr.clone(), tcp.interval, tcp.threshold, tcp.timeout, AddressCheck(tcp.clone()));
        }
    }

    /// Starts a check that somebody else makes: `look` looks once, and its error says what is wrong.
    pub fn watch<L, W>(self: &Arc<Self>, name: String, every: Period, threshold: u32, look: L)
    where
        L: Fn() -> W + Send + Sync + 'static,
        W: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.spawn(name, every, threshold, Period::ZERO, Look(look));
    }

    fn spawn(
        self: &Arc<Self>,
        name: String,
        every: Period,
        threshold: u32,
        patience: Period,
        check: impl Check + 'static,
    ) {
        let health = Arc::clone(self);
        let patience = if patience.is_zero() { TIMEOUT_DEFAULT } else { patience.get() };
        let mut ticks = interval(every.get().max(INTERVAL_MIN));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::spawn(async move {
            loop {
                ticks.tick().await;
                let outcome = timeout(patience, check.run()).await;
                let outcome = outcome.unwrap_or_else(|_| Err(format!("no answer within {patience:?}")));
                health.note(&name, threshold, outcome);
            }
        });
    }
}

/// What somebody else looks at.
struct Look<L>(L);

#[async_trait]
impl<L, W> Check for Look<L>
where
    L: Fn() -> W + Send + Sync,
    W: Future<Output = Result<(), String>> + Send,
{
    async fn run(&self) -> Result<(), String> {
        (self.0)().await
    }
}

/// The storage backend answers.
struct StorageCheck {
    storage: Arc<dyn Storage>,
}

/// The top of everything that a registry keeps.
const TOP: &str = "docker";

#[async_trait]
impl Check for StorageCheck {
    async fn run(&self) -> Result<(), String> {
        let key = StorageKey::parse(TOP).map_err(|error| error.to_string())?;
        // An empty storage is a healthy one.
        self.storage.stat(&key).await.optional().map(drop).map_err(|error| error.to_string())
    }
}

/// A file does not exist.
struct FileCheck {
    file: PathBuf,
}

#[async_trait]
impl Check for FileCheck {
    async fn run(&self) -> Result<(), String> {
        match tokio::fs::metadata(&self.file).await {
            Ok(_) => Err("file exists".to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A URL answers HEAD with the expected status.
struct UrlCheck(HttpCheck);

#[async_trait]
impl Check for UrlCheck {
    async fn run(&self) -> Result<(), String> {
        let status = head::status(&self.0.uri, &self.0.headers).await?;
        if status == self.0.statuscode {
            Ok(())
        } else {
            Err(format!("answered {status} instead of {}", self.0.statuscode))
        }
    }
}

/// An address takes a TCP connection.
struct AddressCheck(TcpCheck);

#[async_trait]
impl Check for AddressCheck {
    async fn run(&self) -> Result<(), String> {
        // Go's `:port` means this machine.
        let addr = match self.0.addr.strip_prefix(':') {
            Some(port) => format!("localhost:{port}"),
            None => self.0.addr.clone(),
        };
        let found: Vec<SocketAddr> = tokio::net::lookup_host(&addr).await.map_err(|error| error.to_string())?.collect();
        TcpStream::connect(&*found).await.map(drop).map_err(|error| format!("connection failed: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::storage::memory::MemoryStorage;

    #[tokio::test]
    async fn a_file_a_port_and_an_empty_storage_are_checked() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("maintenance");
        let check = FileCheck { file: file.clone() };
        assert_eq!(check.run().await, Ok(()));
        std::fs::write(file, "").unwrap();
        assert_eq!(check.run().await, Err("file exists".to_owned()));

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let check = AddressCheck(TcpCheck { addr: listener.local_addr().unwrap().to_string(), ..TcpCheck::default() });
        assert_eq!(check.run().await, Ok(()));
        drop(listener);
        assert!(check.run().await.unwrap_err().contains("connection failed"));

        let check = StorageCheck { storage: Arc::new(MemoryStorage::new()) };
        assert_eq!(check.run().await, Ok(()));
    }
}
