//! The reference in words.

/// The reference as Markdown.
pub fn reference() -> String {
    String::new()
}
