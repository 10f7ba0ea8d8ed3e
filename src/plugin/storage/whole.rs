//! Small objects in one call.

use bytes::{Bytes, BytesMut};

use super::PluginStorage;
use super::convert;
use super::session::{Attempts, ask, has};
use crate::storage::{ByteRange, ErrorKind, Result, StorageKey, WriteOptions};

/// The contract's bound of an object that crosses in one piece, in bytes.
pub(super) const SMALL_BYTES_MAX: usize = 4 * 1024 * 1024;

impl PluginStorage {
    /// A whole object, by `small-objects` if the component has it and the object can't be larger than may cross at once.
    pub(super) async fn get_whole(&self, key: &StorageKey, bytes_max: u64) -> Result<Bytes> {
        let small = u32::try_from(bytes_max).ok().filter(|max| *max as usize <= SMALL_BYTES_MAX);
        let Some(asked) = small.filter(|_| self.found().small_objects) else {
            return self.collect(key, bytes_max).await;
        };
        let (call, name) = (self.call("get", key), convert::name(key));
        let found = ask!(self, &call, |store, exports| async {
            match &exports.small_objects {
                Some(small) => small.wharf_storage_small_objects().call_get(store, &name, asked).await.map(has),
                None => Ok(Ok(None)),
            }
        })?;
        let Some(found) = found else { return self.collect(key, bytes_max).await };
        if found.len() > asked as usize {
            return Err(call.broken(format_args!("get gives {} bytes, at most {asked} were asked for", found.len())));
        }
        Ok(found.into())
    }

    async fn collect(&self, key: &StorageKey, bytes_max: u64) -> Result<Bytes> {
        let call = self.call("get", key);
        let (meta, mut body) = self.open_reader(call.clone(), self.places(1, &call).await?, ByteRange::ALL).await?;
        if meta.size > bytes_max {
            return Err(call.error(ErrorKind::TooLarge, format_args!("it has {} bytes", meta.size)));
        }
        let Some(first) = body.next().await? else { return Ok(Bytes::new()) };
        if first.len() as u64 == meta.size {
            return Ok(first);
        }
        let mut whole = BytesMut::from(&*first);
        while let Some(piece) = body.next().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// Writes a whole object, by `small-objects` if the component has it and the object is not too large for that.
    pub(super) async fn put_whole(&self, key: &StorageKey, content: &Bytes, options: WriteOptions) -> Result<()> {
        let small = options.append_at.is_none() && content.len() <= SMALL_BYTES_MAX;
        if small && self.found().small_objects && self.put_small(key, content, options).await? {
            return Ok(());
        }
        let call = self.call("put", key);
        let place = self.places(1, &call).await?;
        let mut writer = self.open_writer(call, place, options).await?;
        writer.add(content.clone()).await?;
        writer.close().await.map(drop)
    }

    /// Whether `small-objects` was there to do it.
    async fn put_small(&self, key: &StorageKey, content: &Bytes, options: WriteOptions) -> Result<bool> {
        let (call, name) = (self.call("put", key), convert::name(key));
        let asked = convert::options(options);
        let mut attempts = match options.if_absent {
            // Done twice, the second time would find what the first one wrote.
            true => Attempts::only_one(),
            false => Attempts::default(),
        };
        let done = ask!(self, &call, attempts, |store, exports| async {
            match &exports.small_objects {
                Some(small) => {
                    small.wharf_storage_small_objects().call_put(store, &name, content, asked).await.map(has)
                }
                None => Ok(Ok(None)),
            }
        })?;
        Ok(done.is_some())
    }
}
