//! `wasi:keyvalue`: small values that outlive an instance, and a swap.
//!
//! Namespaces belong to a plugin (by its name), are kept in memory, and are gone when the server ends. All instances and all
//! versions of the plugin see the same ones.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime::component::Resource;
use wharf_bindings::host::wasi::keyvalue::store::{Bucket, Error, HostBucket, KeyResponse};
use wharf_bindings::host::wasi::keyvalue::{atomics, store};

use super::Sandbox;

/// What an entry costs beside its key and value, so that empty entries are not free.
const ENTRY_BYTES: u64 = 64;
/// Keys in one answer of `list-keys`.
const PAGE_KEYS: usize = 1000;

/// The namespaces of one plugin.
#[derive(Debug, Default)]
pub struct Namespaces(Mutex<HashMap<String, Arc<Namespace>>>);

impl Namespaces {
    /// The namespace of this name, made when it is new.
    fn open(&self, name: &str) -> Arc<Namespace> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(name.to_owned()).or_default())
    }
}

/// One namespace.
#[derive(Debug, Default)]
struct Namespace(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    values: BTreeMap<String, Vec<u8>>,
    bytes: u64,
}

impl Namespace {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn set(&mut self, key: String, value: Vec<u8>, bytes_max: u64) -> Result<(), Error> {
        let freed = self.values.get(&key).map_or(0, |old| size(&key, old));
        let bytes = (self.bytes - freed).saturating_add(size(&key, &value));
        if bytes > bytes_max {
            return Err(Error::Other(format!(
                "the namespace is full: limits.keyvalue_bytes_max is {bytes_max} bytes, of which each entry takes \
                 {ENTRY_BYTES} beside its key and value"
            )));
        }
        self.bytes = bytes;
        self.values.insert(key, value);
        Ok(())
    }

    fn delete(&mut self, key: &str) {
        if let Some(old) = self.values.remove(key) {
            self.bytes -= size(key, &old);
        }
    }

    /// The cursor is how many keys came before.
    fn page(&self, cursor: u64) -> KeyResponse {
        let skip = usize::try_from(cursor).unwrap_or(usize::MAX).min(self.values.len());
        let keys: Vec<String> = self.values.keys().skip(skip).take(PAGE_KEYS).cloned().collect();
        let next = skip + keys.len();
        KeyResponse { keys, cursor: (next < self.values.len()).then_some(next as u64) }
    }

    /// A counter is its decimal digits, as other hosts keep it.
    fn increment(&mut self, key: String, delta: u64, bytes_max: u64) -> Result<u64, Error> {
        let old = match self.values.get(&key) {
            None => 0,
            Some(value) => std::str::from_utf8(value)
                .ok()
                .and_then(|digits| digits.parse::<u64>().ok())
                .ok_or_else(|| Error::Other(format!("{key:?} holds no number")))?,
        };
        let new = old.checked_add(delta).ok_or_else(|| Error::Other(format!("{key:?} would be beyond 64 bits")))?;
        self.set(key, new.to_string().into_bytes(), bytes_max)?;
        Ok(new)
    }
}

fn size(key: &str, value: &[u8]) -> u64 {
    ENTRY_BYTES.saturating_add(key.len() as u64).saturating_add(value.len() as u64)
}

/// What a guest's handle of a bucket stands for.
struct Open(Arc<Namespace>);

impl Sandbox {
    fn namespace(&mut self, bucket: &Resource<Bucket>) -> wasmtime::Result<Arc<Namespace>> {
        let open = self.table.get(&Resource::<Open>::new_borrow(bucket.rep()))?;
        Ok(Arc::clone(&open.0))
    }

    fn keyvalue_bytes_max(&self) -> u64 {
        self.permissions.limits().keyvalue_bytes_max.get()
    }
}

impl store::Host for Sandbox {
    async fn open(&mut self, identifier: String) -> wasmtime::Result<Result<Resource<Bucket>, Error>> {
        // An empty name is how many guests open the only namespace that they have.
        let identifier = if identifier.is_empty() { "default".to_owned() } else { identifier };
        if !self.permissions.plan().keyvalue.contains(&identifier) {
            self.shared.refusals.tell(format!(
                "was refused the key-value namespace {}; both its manifest and grants.keyvalue must name it",
                super::logging::clean(&identifier, 64)
            ));
            return Ok(Err(Error::AccessDenied));
        }
        let namespace = self.keyvalue.open(&identifier);
        let open = self.table.push(Open(namespace))?;
        Ok(Ok(Resource::new_own(open.rep())))
    }
}

impl HostBucket for Sandbox {
    async fn get(&mut self, bucket: Resource<Bucket>, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        Ok(Ok(self.namespace(&bucket)?.entries().values.get(&key).cloned()))
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        Ok(self.namespace(&bucket)?.entries().set(key, value, self.keyvalue_bytes_max()))
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> wasmtime::Result<Result<(), Error>> {
        self.namespace(&bucket)?.entries().delete(&key);
        Ok(Ok(()))
    }

    async fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> wasmtime::Result<Result<bool, Error>> {
        Ok(Ok(self.namespace(&bucket)?.entries().values.contains_key(&key)))
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<u64>,
    ) -> wasmtime::Result<Result<KeyResponse, Error>> {
        Ok(Ok(self.namespace(&bucket)?.entries().page(cursor.unwrap_or(0))))
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Open>::new_own(bucket.rep()))?;
        Ok(())
    }
}

impl atomics::Host for Sandbox {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: u64,
    ) -> wasmtime::Result<Result<u64, Error>> {
        Ok(self.namespace(&bucket)?.entries().increment(key, delta, self.keyvalue_bytes_max()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_bounded_and_gives_back_what_is_deleted() {
        let mut entries = Entries::default();
        let max = 3 * ENTRY_BYTES + 20;
        entries.set("a".into(), vec![0; 10], max).unwrap();
        entries.set("b".into(), vec![0; 5], max).unwrap();
        let Err(Error::Other(problem)) = entries.set("c".into(), vec![0; 10], max) else { panic!("beyond the limit") };
        assert!(problem.contains("keyvalue_bytes_max"), "{problem}");
        entries.set("a".into(), Vec::new(), max).unwrap();
        entries.set("c".into(), vec![0; 10], max).unwrap();
        entries.delete("a");
        entries.delete("a");
        entries.delete("b");
        entries.delete("c");
        assert_eq!(entries.bytes, 0);
    }

    #[test]
    fn empty_entries_are_not_free() {
        let mut entries = Entries::default();
        let stored = (0..10_000).filter(|n| entries.set(n.to_string(), Vec::new(), 64 << 10).is_ok()).count();
        assert!(stored < 1024, "{stored} entries in 64 KiB");
    }

    #[test]
    fn counters_are_digits() {
        let mut entries = Entries::default();
        assert_eq!(entries.increment("n".into(), 2, 1000).unwrap(), 2);
        assert_eq!(entries.increment("n".into(), 40, 1000).unwrap(), 42);
        assert_eq!(entries.values["n"], b"42");
        assert!(entries.increment("n".into(), u64::MAX, 1000).is_err());
        entries.set("text".into(), b"x".to_vec(), 1000).unwrap();
        assert!(entries.increment("text".into(), 1, 1000).is_err());
    }

    #[test]
    fn keys_come_in_pages() {
        let mut entries = Entries::default();
        for n in 0..2500 {
            entries.set(format!("{n:04}"), Vec::new(), u64::MAX).unwrap();
        }
        let (mut cursor, mut seen) = (Some(0), Vec::new());
        while let Some(at) = cursor {
            let page = entries.page(at);
            seen.extend(page.keys);
            cursor = page.cursor;
        }
        assert!(seen.len() == 2500 && seen.is_sorted());
        assert!(entries.page(u64::MAX).keys.is_empty());
    }
}
