//! The secret that replicas share when the operator has named none.

use bytes::Bytes;

use super::{Registry, Result};
use crate::storage::{ErrorKind, OptionalExt, WriteOptions, layout};

const SECRET_BYTES: usize = 32;

impl Registry {
    /// The secret kept with the data; made at the first call ever. Whoever can read it can read every blob as well, so it is no
    /// weaker than the storage itself; it only keeps clients from forging upload tokens.
    pub async fn shared_secret(&self) -> Result<Vec<u8>> {
        let key = layout::shared_secret();
        if let Some(secret) = self.stored_secret().await? {
            return Ok(secret);
        }
        let mut fresh = [0; SECRET_BYTES];
        if let Err(error) = getrandom::fill(&mut fresh) {
            return Err(crate::storage::StorageError::new(ErrorKind::Other, "secret", &key)
                .with_source(error.to_string())
                .into());
        }
        // Not worth waiting for the disk at the first start: a power cut costs the uploads that are under way their URLs.
        let if_absent = self.storage.capabilities().conditional_put;
        let options = WriteOptions { if_absent, volatile: true, ..WriteOptions::default() };
        match self.storage.put(&key, Bytes::copy_from_slice(&fresh), options).await {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.into()),
            // Another replica may have been faster; what is stored is what counts.
            _ => Ok(self.stored_secret().await?.unwrap_or_else(|| fresh.to_vec())),
        }
    }

    async fn stored_secret(&self) -> Result<Option<Vec<u8>>> {
        let content = self.storage.get(&layout::shared_secret(), 1024).await.optional()?;
        Ok(content.filter(|secret| secret.len() == SECRET_BYTES).map(|secret| secret.to_vec()))
    }
}
