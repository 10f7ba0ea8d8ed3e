//! The collection against a second, simple-minded account of what is needed, on random registries.

mod by_hand;
mod cut;
mod model;
mod world;

use std::sync::Arc;

use proptest::prelude::*;

use super::{GcError, GcEvent, GcOptions, GcOutcome};
use crate::registry::{Registry, RegistryOptions};
use crate::storage::Storage;
use crate::storage::memory::MemoryStorage;
use cut::CutStorage;
use model::Model;

/// Runs a collection; its lines and its outcome.
async fn collect(storage: Arc<dyn Storage>, options: GcOptions) -> (Vec<String>, Result<GcOutcome, GcError>) {
    let registry = Registry::new(storage, RegistryOptions::default());
    let mut lines = Vec::new();
    let outcome = registry.collect_garbage(options, &mut |event: GcEvent<'_>| lines.push(event.to_string())).await;
    (lines, outcome)
}

/// A storage that is never cut off, near or far.
fn whole(storage: &MemoryStorage, remote: bool) -> Arc<dyn Storage> {
    Arc::new(CutStorage::new(storage.clone(), usize::MAX, remote))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_needed_stays_and_nothing_else(world in world::worlds(), delete_untagged: bool, remote: bool) {
        block_on(async {
            let storage = MemoryStorage::new();
            world.store(&storage).await;
            let before = world::everything(&storage).await;
            let expected = Model::of(&world, &before, delete_untagged);

            let options = GcOptions { delete_untagged, ..GcOptions::default() };
            let (dry_lines, dry) = collect(whole(&storage, remote), GcOptions { dry_run: true, ..options }).await;
            assert_eq!(world::everything(&storage).await, before, "a dry run changes nothing");

            let (lines, outcome) = collect(whole(&storage, remote), options).await;
            assert_eq!(lines, dry_lines, "a dry run says what would happen");
            assert_eq!(outcome.as_ref().ok(), dry.as_ref().ok());
            assert_eq!(world::everything(&storage).await, expected.after);
            assert_eq!(outcome.unwrap().blobs, expected.blobs_deleted);

            let (_, again) = collect(whole(&storage, remote), options).await;
            let again = again.unwrap();
            assert_eq!((again.blobs, again.manifests, again.layer_links), (0, 0, 0), "the job is done");
        });
    }

    #[test]
    fn a_collection_that_is_cut_off_harms_nothing(world in world::worlds(), delete_untagged: bool, remote: bool, after in 0..40_usize) {
        block_on(async {
            let storage = MemoryStorage::new();
            world.store(&storage).await;
            let before = world::everything(&storage).await;
            let expected = Model::of(&world, &before, delete_untagged);
            let options = GcOptions { delete_untagged, ..GcOptions::default() };

            let _ = collect(Arc::new(CutStorage::new(storage.clone(), after, remote)), options).await;
            let between = world::everything(&storage).await;
            assert!(expected.after.is_subset(&between), "what is needed is still there");
            assert!(world.dangling(&between).is_subset(&world.dangling(&before)), "nothing dangles that did not");

            let (_, outcome) = collect(whole(&storage, remote), options).await;
            assert!(outcome.is_ok());
            assert_eq!(world::everything(&storage).await, expected.after, "running it again finishes the job");
        });
    }
}
