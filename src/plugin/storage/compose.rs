//! Objects made of others: by `server-side` where the component has it, otherwise the bytes pass through here, a piece at a
//! time.

use wharf_bindings::storage::wharf::storage::types as wit;

use super::PluginStorage;
use super::convert;
use super::errors::Call;
use super::session::{Attempts, Place, ask, has};
use super::writer::PluginWriter;
use crate::storage::{ByteRange, ErrorKind, Result, StorageKey, WriteOptions};

/// The contract's bound of one call of `delete`, in keys.
const DELETE_KEYS_MAX: usize = 1000;

impl PluginStorage {
    pub(super) async fn delete_keys(&self, keys: &[StorageKey]) -> Result<()> {
        for keys in keys.chunks(DELETE_KEYS_MAX) {
            let Some(first) = keys.first() else { continue };
            let texts = texts(keys);
            let call = self.call("delete", first);
            ask!(self, &call, |store, exports| exports.backend.wharf_storage_backend().call_delete(store, &texts))?;
        }
        Ok(())
    }

    pub(super) async fn delete_beneath(&self, prefix: &StorageKey) -> Result<()> {
        let (call, name) = (self.call("delete", prefix), convert::name(prefix));
        if self.found().server_side {
            let done = ask!(self, &call, |store, exports| async {
                match &exports.server_side {
                    Some(found) => found.wharf_storage_server_side().call_delete_prefix(store, &name).await.map(has),
                    None => Ok(Ok(None)),
                }
            })?;
            if done.is_some() {
                return Ok(());
            }
        }
        self.delete_listed(&call, prefix).await
    }

    pub(super) async fn copy_object(&self, from: &StorageKey, to: &StorageKey) -> Result<()> {
        let call = self.call("copy", from);
        if self.found().server_side {
            let (source, destination) = (convert::name(from), convert::name(to));
            let done = ask!(self, &call, |store, exports| async {
                match &exports.server_side {
                    Some(found) => {
                        let found = found.wharf_storage_server_side();
                        found.call_copy(store, &source, &destination).await.map(has)
                    }
                    None => Ok(Ok(None)),
                }
            })?;
            if done.is_some() {
                return Ok(());
            }
        }
        let place = self.places(2, &call).await?;
        // The source first: what is not there should not even open a writer.
        let (_, mut body) = self.open_reader(call, Place::clone(&place), ByteRange::ALL).await?;
        let mut writer = self.open_writer(self.call("copy", to), place, WriteOptions::default()).await?;
        while let Some(piece) = body.next().await? {
            writer.add(piece).await?;
        }
        writer.close().await.map(drop)
    }

    pub(super) async fn assemble_parts(&self, parts: &[StorageKey], key: &StorageKey) -> Result<()> {
        let call = self.call("assemble", key);
        if self.found().server_side {
            let (texts, name) = (texts(parts), convert::name(key));
            // Once: after a failure half way the parts may be gone.
            let mut attempts = Attempts::only_one();
            let done = ask!(self, &call, attempts, |store, exports| async {
                match &exports.server_side {
                    Some(found) => found.wharf_storage_server_side().call_assemble(store, &texts, &name).await.map(has),
                    None => Ok(Ok(None)),
                }
            })?;
            if done.is_some() {
                return Ok(());
            }
        }
        // The writer, a reader, and another writer that holds off those who append.
        let place = self.places(3, &call).await?;
        let mut writer = self.open_writer(call, Place::clone(&place), WriteOptions::default()).await?;
        for part in parts {
            self.add_part(&mut writer, part, &place).await?;
        }
        writer.close().await.map(drop)
    }

    /// Adds a part's bytes. A part that somebody appends to at this moment is a conflict, which the component itself tells when
    /// one tries to append too.
    async fn add_part(&self, writer: &mut PluginWriter, part: &StorageKey, place: &Place) -> Result<()> {
        let call = self.call("assemble", part);
        let (meta, mut body) = self.open_reader(call.clone(), Place::clone(place), ByteRange::ALL).await?;
        let guard = match self.found().flags.contains(wit::CapabilityFlags::APPEND) {
            true => {
                let at_end = WriteOptions { append_at: Some(meta.size), ..WriteOptions::default() };
                Some(self.open_writer(call, Place::clone(place), at_end).await?)
            }
            false => None,
        };
        while let Some(piece) = body.next().await? {
            writer.add(piece).await?;
        }
        if let Some(guard) = guard {
            guard.throw_away().await;
        }
        Ok(())
    }

    pub(super) async fn url_of(&self, key: &StorageKey, seconds: u64) -> Result<Option<String>> {
        let call = self.call("url", key);
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        let name = convert::name(key);
        let url = ask!(self, &call, |store, exports| async {
            match &exports.presigning {
                Some(found) => found.wharf_storage_presigning().call_url(store, &name, seconds).await,
                // That there is none is an answer here.
                None => Ok(Ok(None)),
            }
        })?;
        url.map(|url| checked_url(&call, url)).transpose()
    }
}

/// What clients are sent to must be a web address that fits into a header.
fn checked_url(call: &Call, url: String) -> Result<String> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    match url.parse::<http::Uri>() {
        Ok(_) if is_web => Ok(url),
        _ => Err(call.error(ErrorKind::Corrupt, "it gives a text that is no http or https URL")),
    }
}

pub(super) fn texts(keys: &[StorageKey]) -> Vec<String> {
    keys.iter().map(convert::name).collect()
}
