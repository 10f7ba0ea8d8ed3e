//! What the documentation and the examples show must be read without a word.

use std::fs;
use std::path::Path;

use super::super::testing::toml;
use super::super::{Inputs, load};

#[test]
fn every_example_is_read_without_a_word() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/config");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let loaded = load(&Inputs { argument: Some(path.clone()), ..Inputs::default() });
        let loaded = loaded.unwrap_or_else(|report| panic!("{}: {report}", path.display()));
        assert!(loaded.warnings.is_empty(), "{}: {:?}", path.display(), loaded.warnings);
        count += 1;
    }
    assert!(count >= 5, "{count}");
}

#[test]
fn every_toml_of_the_document_is_read_without_a_word() {
    let document = include_str!("../../../../docs/configuration.md");
    let blocks: Vec<&str> = document.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        toml(block, &[]).silent();
    }
}
