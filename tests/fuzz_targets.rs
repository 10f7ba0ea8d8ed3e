//! Runs every fuzz target over its seeds and over random bytes. Goal: that the targets compile and hold in every run of
//! the tests, not only where a fuzzer is installed, and that a finding, once put among the seeds, is never made again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may end itself")]

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

/// At how many places a seed is changed.
const PLACES_MAX: usize = 60;

fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("no seeds in {}: {error}", folder.display()));
    files.map(|file| file.unwrap().path()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn every_target_holds_on_its_seeds() {
    for (name, target) in fuzz::TARGETS {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "the target {name} has no seed");
        for (path, seed) in seeds {
            println!("{}", path.display());
            target(&seed);
        }
    }
}

#[test]
fn every_target_holds_on_seeds_with_a_byte_changed_or_cut() {
    for (name, target) in fuzz::TARGETS {
        for (_, seed) in seeds(name) {
            // Every place of a short seed, places all over a long one.
            let step = seed.len().div_ceil(PLACES_MAX).max(1);
            for at in (0..seed.len()).step_by(step) {
                target(&seed[..at]);
                for byte in [0, b'"', b'/', b'9', 0xff] {
                    let mut changed = seed.clone();
                    changed[at] = byte;
                    target(&changed);
                }
            }
        }
    }
}

#[test]
fn every_target_is_a_fuzzer_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let mut files: Vec<String> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let mut targets: Vec<String> = fuzz::TARGETS.iter().map(|(name, _)| format!("{name}.rs")).collect();
    files.sort();
    targets.sort();
    assert_eq!(files, targets);
}

proptest! {
    #[test]
    fn every_target_holds_on_random_bytes(data: Vec<u8>) {
        for (_, target) in fuzz::TARGETS {
            target(&data);
        }
    }
}
