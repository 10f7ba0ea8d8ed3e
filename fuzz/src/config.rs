//! Fuzz target of the configuration.

use std::path::Path;

use wharf::config::{load_text, to_toml};

/// Configurations: a file's name, its text, then names and values of variables, with NULs between them. What is accepted can
/// be shown, and what is shown is accepted.
pub fn config(data: &[u8]) {
    let Some(mut parts) = std::str::from_utf8(data).ok().map(|text| text.split('\0').map(str::to_owned)) else {
        return;
    };
    let (Some(name), Some(text)) = (parts.next(), parts.next()) else { return };
    let mut variables = Vec::new();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        variables.push((name, value));
    }
    let Ok(loaded) = load_text(Path::new(&name), &text, &variables) else { return };
    assert!(loaded.config.storage.driver().is_some());
    let shown = match to_toml(&loaded.config) {
        Ok(shown) => shown,
        Err(sentence) => panic!("what is accepted cannot be shown: {sentence}"),
    };
    if let Err(report) = load_text(Path::new("shown.toml"), &shown, &[]) {
        panic!("what is shown is not accepted: {report}\n{shown}");
    }
}
