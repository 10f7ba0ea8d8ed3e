//! From a file and the environment to a checked [`Config`].

pub(super) mod node;
mod old_names;
mod overlay;
pub(super) mod scalar;
mod source;
mod toml;
mod yaml;

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

pub use source::{Inputs, Source};

use super::Config;
use super::check::{self, Dialect};
use super::report::{Notice, Origin, Report};
use super::schema;
use node::{Node, Value};

/// A larger file is no configuration.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A configuration that a server can run with.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration. Exactly one storage driver and at most one auth provider are set.
    pub config: Config,
    /// Where it came from.
    pub source: Source,
    /// What the operator should know all the same, in the order of the file.
    pub warnings: Vec<Notice>,
}

/// Finds the configuration file, reads it, lays the environment over it and checks the result.
///
/// # Errors
/// A [`Report`] with every mistake that was found, and the warnings beside them.
pub fn load(inputs: &Inputs) -> Result<Loaded, Report> {
    let source = source::find(inputs);
    let mut report = Report::default();
    for name in &inputs.unreadable {
        let origin = Origin::Variable(Arc::from(name.as_str()));
        report.mistake("", &origin, "the value is no UTF-8 text; write it in UTF-8");
    }
    let (root, dialect) = match &source {
        Source::File(path) => read_file(path, &mut report),
        Source::BuiltIn => (Some(Node::section(Origin::BuiltIn)), Dialect::BuiltIn),
    };
    finish(root, dialect, source, &inputs.environment, report)
}

/// Like [`load`], from the text of a file: `name` tells its dialect and stands in the report.
///
/// # Errors
/// As [`load`].
pub fn load_text(name: &Path, text: &str, environment: &[(String, String)]) -> Result<Loaded, Report> {
    let mut report = Report::default();
    let (root, dialect) = read_text(name, text, &mut report);
    finish(root, dialect, Source::File(name.to_owned()), environment, report)
}

fn finish(
    root: Option<Node>,
    dialect: Dialect,
    source: Source,
    environment: &[(String, String)],
    mut report: Report,
) -> Result<Loaded, Report> {
    let config = root.map(|root| understand(root, dialect, environment, &mut report));
    match config {
        Some(config) if report.mistakes.is_empty() => Ok(Loaded { config, source, warnings: report.warnings }),
        _ => Err(report),
    }
}

/// From the tree of a file to a configuration. The result can be used only if no mistake was reported.
fn understand(mut root: Node, dialect: Dialect, environment: &[(String, String)], report: &mut Report) -> Config {
    let schema = schema::root();
    if root.value == Value::Null {
        root.value = Value::Map(Vec::new());
    }
    overlay::apply(environment, &mut root, schema, report);
    for section in ["storage", "auth"] {
        if let Value::Map(entries) = &mut root.value {
            entries.iter_mut().filter(|(name, _)| name == section).for_each(|(_, node)| node.expand_short_form());
        }
    }
    old_names::apply(&mut root, schema, report);
    check::run(&root, dialect, report)
}

/// Reads a file; what can't be read is reported, and then there is no tree.
fn read_file(path: &Path, report: &mut Report) -> (Option<Node>, Dialect) {
    match text_of(path) {
        Ok(text) => read_text(path, &text, report),
        Err(sentence) => {
            report.mistake("", &Origin::BuiltIn, format!("{}: {sentence}", path.display()));
            (None, Dialect::BuiltIn)
        }
    }
}

fn read_text(path: &Path, text: &str, report: &mut Report) -> (Option<Node>, Dialect) {
    let name: Arc<str> = Arc::from(path.display().to_string());
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match dialect(path, text) {
        Dialect::Toml => (toml::parse(text, &name, report), Dialect::Toml),
        dialect => match yaml::parse(text, &yaml::Text::File(name), report) {
            Ok(root) if matches!(root.value, Value::Map(_) | Value::Null) => (Some(root), dialect),
            Ok(root) => {
                let sentence = format!("holds {} instead of sections such as storage and http", root.value.kind());
                report.mistake("", &root.origin, sentence);
                (None, dialect)
            }
            Err(refused) => {
                report.mistake("", &refused.origin, refused.sentence);
                (None, dialect)
            }
        },
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    let mut file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            "there is no such file; name another one, or none for the built-in defaults".to_owned()
        }
        _ => format!("the file can't be opened: {error}"),
    })?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err("is a directory; name the file in it".to_owned());
    }
    let mut bytes = Vec::new();
    file.by_ref()
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("the file can't be read: {error}"))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("is larger than {} MiB, which no configuration is", FILE_BYTES_MAX >> 20));
    }
    String::from_utf8(bytes)
        .map_err(|error| format!("is no UTF-8 text (first wrong byte at offset {})", error.utf8_error().valid_up_to()))
}

/// By the name's ending; without a known one by the first line that says something: TOML has `[section]` or `key = value`.
fn dialect(path: &Path, text: &str) -> Dialect {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => return Dialect::Toml,
        Some("yml" | "yaml" | "json") => return Dialect::Yaml,
        _ => {}
    }
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    let before = |sign: char| first.find(sign).unwrap_or(usize::MAX);
    match first.starts_with('[') || before('=') < before(':') {
        true => Dialect::Toml,
        false => Dialect::Yaml,
    }
}
