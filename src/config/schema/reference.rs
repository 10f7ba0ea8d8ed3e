//! The reference in words: `docs/configuration.md` holds it between two marks, and a test keeps it there.

use std::fmt::Write;

use serde_json::Value as Json;

use super::{Field, Section, Shape, root};

/// The reference as Markdown: one table per section.
fn reference() -> String {
    let mut text = String::new();
    let top = root().fields.iter().filter(|field| field.stands_for.is_none());
    let (sections, single): (Vec<_>, Vec<_>) = top.partition(|field| section_of(&field.shape).is_some());
    text.push_str("### At the top\n\n");
    table(&mut text, &single);
    for field in sections {
        section(&mut text, field, &field.key);
    }
    text
}

fn section(text: &mut String, field: &Field, key: &str) {
    let Some(section) = section_of(&field.shape) else { return };
    let is_list = matches!(field.shape, Shape::List(_));
    let _ = write!(text, "\n### `{key}`\n\n{}{}\n", field.summary, if is_list { " A list of sections." } else { "" });
    let rows: Vec<&Field> = section.fields.iter().filter(|field| section_of(&field.shape).is_none()).collect();
    if !rows.is_empty() {
        text.push('\n');
        table(text, &rows);
    }
    let inner = |field: &&Field| section_of(&field.shape).is_some();
    for field in section.fields.iter().filter(inner) {
        self::section(text, field, &format!("{key}{}.{}", if is_list { "[]" } else { "" }, field.key));
    }
}

/// The keys below a place, of a section or of each section of a list.
fn section_of(shape: &Shape) -> Option<&Section> {
    match shape {
        Shape::Section(section) => Some(section),
        Shape::List(inner) => section_of(inner),
        _ => None,
    }
}

fn table(text: &mut String, fields: &[&Field]) {
    text.push_str("| Key | Value | Default | Meaning |\n|---|---|---|---|\n");
    for field in fields {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            field.key,
            kind(&field.shape),
            default(field),
            meaning(field).replace('|', "\\|")
        );
    }
}

fn meaning(field: &Field) -> String {
    let mut meaning = field.summary.clone();
    if let Shape::Choice(words) = &field.shape
        && field.stands_for.is_none()
    {
        for word in words {
            let _ = write!(meaning, "<br>`{}`: {}", word.text, word.summary);
        }
    }
    meaning
}

fn kind(shape: &Shape) -> &'static str {
    match shape {
        Shape::Section(_) => "section",
        Shape::Map(_) => "names and values",
        Shape::List(_) => "list",
        Shape::Strings => "list of texts",
        Shape::Text => "text",
        Shape::Secret => "secret",
        Shape::Bool => "boolean",
        Shape::Integer { .. } => "number",
        Shape::Size => "size",
        Shape::Period => "time",
        Shape::Choice(_) => "word",
        Shape::Any => "anything",
    }
}

fn default(field: &Field) -> String {
    let text = match &field.default {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(yes) => Some(yes.to_string()),
        _ => None,
    };
    text.map_or("–".to_owned(), |text| format!("`{text}`"))
}

const BEGIN: &str = "<!-- The reference begins here. It is made from src/config: change the sentence there. -->\n\n";
const END: &str = "\n<!-- The reference ends here. -->\n";

/// Set to anything, the test writes the reference into the document instead of comparing the two.
const UPDATE: &str = "WHARF_UPDATE_REFERENCE";

#[test]
fn the_document_holds_the_reference() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (head, rest) = document.split_once(BEGIN).expect("the mark where the reference begins is missing");
    let (written, tail) = rest.split_once(END).expect("the mark where the reference ends is missing");
    let reference = reference();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(path, format!("{head}{BEGIN}{reference}{END}{tail}")).unwrap();
        return;
    }
    let first_difference = written.lines().zip(reference.lines()).find(|(written, made)| written != made);
    assert_eq!(first_difference, None, "run this test with {UPDATE}=1 to write the reference anew");
    assert_eq!(written.len(), reference.len(), "run this test with {UPDATE}=1 to write the reference anew");
}

#[test]
fn the_document_speaks_of_every_section() {
    let text = reference();
    for key in ["`http.tls.letsencrypt`", "`notifications.endpoints[].ignore`", "`storage.maintenance.readonly`"] {
        assert!(text.contains(&format!("### {key}\n")), "{key}");
    }
    assert!(text.contains("| `manifest_bytes_max` | size | `4MiB` | Size of a manifest."));
    assert!(text.contains("| `age` | time | `168h` |"));
}
