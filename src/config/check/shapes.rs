//! Whether every value fits the place where it stands: from the tree that was read to plain data.

use serde_json::{Map, Value as Json};

use super::super::read::node::{Node, Value};
use super::super::read::scalar;
use super::super::report::{Origin, Report};
use super::super::schema::{Section, Shape, Word};
use super::super::value::{ByteSize, Period};
use super::nearest::{alternatives, nearest};

/// How strictly unknown keys are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Dialect {
    /// Wharf's own files: an unknown key is a mistake.
    Toml,
    /// Files that were written for `distribution`, which ignores unknown keys: a warning.
    Yaml,
    /// No file.
    BuiltIn,
}

/// Turns a tree into plain data. What doesn't fit is reported and left out, so that everything else can still be checked.
pub(in crate::config) fn convert(root: &Node, schema: &Section, dialect: Dialect, report: &mut Report) -> Json {
    Converter { dialect, report }.section(root, schema, "")
}

struct Converter<'a> {
    dialect: Dialect,
    report: &'a mut Report,
}

impl Converter<'_> {
    /// `None`: nothing stands there, or nothing that fits.
    fn value(&mut self, node: &Node, shape: &Shape, key: &str) -> Option<Json> {
        match (shape, &node.value) {
            // A section that is named and left empty (`inmemory:`) is there all the same.
            (Shape::Section(_), Value::Null) => Some(Json::Object(Map::new())),
            (_, Value::Null) => None,
            (Shape::Section(section), Value::Map(_)) => Some(self.section(node, section, key)),
            (Shape::Map(inner), Value::Map(entries)) => Some(self.map(entries, inner, key)),
            (Shape::List(inner), Value::List(items)) => Some(self.list(items, inner, key)),
            (Shape::Strings, Value::List(items)) => Some(self.list(items, &Shape::Text, key)),
            (Shape::Any, _) => Some(anything(node)),
            (Shape::List(inner), Value::Plain(_) | Value::Quoted(_)) if is_single(inner) => {
                Some(Json::Array(vec![self.value(node, inner, key)?]))
            }
            (_, Value::Plain(text)) => self.single(text, true, shape, key, &node.origin),
            (_, Value::Quoted(text)) => self.single(text, false, shape, key, &node.origin),
            _ => self.wrong_kind(node, shape, key),
        }
    }

    fn section(&mut self, node: &Node, section: &Section, key: &str) -> Json {
        let mut object = Map::new();
        if let Value::Map(entries) = &node.value {
            for (name, node) in entries {
                let full = join(key, name);
                match section.field(name) {
                    Some(field) => {
                        let value = self.value(node, &field.shape, &full);
                        // What stood under an old name has been moved; left is at most an empty section.
                        if let Some(value) = value.filter(|_| field.stands_for.is_none()) {
                            object.insert(name.clone(), value);
                        }
                    }
                    None => self.unknown_key(key, name, &node.origin, section),
                }
            }
        }
        Json::Object(object)
    }

    fn unknown_key(&mut self, section_key: &str, name: &str, origin: &Origin, section: &Section) {
        let key = join(section_key, name);
        let meant = match nearest(name, section.keys()) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("known here: {}", section.keys().collect::<Vec<_>>().join(", ")),
        };
        let from_file = matches!(origin, Origin::File { .. });
        match section_key {
            "storage" if name == "rados" => self.report.mistake(
                key,
                origin,
                "there is no rados driver any more; use the \"s3\" driver with Ceph's S3 gateway (RADOS Gateway) as its regionendpoint",
            ),
            "storage" => self.report.mistake(key, origin, format!("there is no storage driver or key of this name; {meant}")),
            "auth" => self.report.mistake(key, origin, format!("there is no auth provider or key of this name; {meant}")),
            _ if self.dialect == Dialect::Toml && from_file => {
                self.report.mistake(key, origin, format!("there is no key of this name; {meant}"));
            }
            _ => self.report.warning(key, origin, format!("there is no key of this name, and it is ignored; {meant}")),
        }
    }

    fn map(&mut self, entries: &[(String, Node)], inner: &Shape, key: &str) -> Json {
        let values = entries.iter().filter_map(|(name, node)| {
            let value = self.value(node, inner, &join(key, name))?;
            Some((name.clone(), value))
        });
        Json::Object(values.collect())
    }

    fn list(&mut self, items: &[Node], inner: &Shape, key: &str) -> Json {
        let values = items.iter().enumerate();
        Json::Array(values.filter_map(|(index, node)| self.value(node, inner, &format!("{key}[{index}]"))).collect())
    }

    fn wrong_kind(&mut self, node: &Node, shape: &Shape, key: &str) -> Option<Json> {
        let sentence = format!("is {}, but must be {}", node.value.kind(), wanted(shape));
        self.report.mistake(key, &node.origin, sentence);
        None
    }

    /// A single value. Never shows the text of a secret.
    fn single(&mut self, text: &str, plain: bool, shape: &Shape, key: &str, origin: &Origin) -> Option<Json> {
        let refused = match shape {
            Shape::Text | Shape::Secret | Shape::Strings => return Some(Json::from(text)),
            Shape::Bool => match scalar::boolean(text) {
                Some(yes) => return Some(Json::Bool(yes)),
                None => None,
            },
            Shape::Integer { min, max } => match scalar::integer(text, plain) {
                Some(number) if (*min..=*max).contains(&number) => return Some(Json::from(number)),
                Some(_) => Some(bounds(*min, *max)),
                None => None,
            },
            Shape::Size => match text.parse::<ByteSize>().ok().or_else(|| bytes(text, plain)) {
                Some(size) => return Some(Json::from(size.get())),
                None => None,
            },
            Shape::Period => match text.parse::<Period>() {
                Ok(_) => return Some(Json::from(text)),
                Err(_) => match scalar::integer(text, plain) {
                    Some(nanos) => return Some(Json::from(nanos)),
                    None => None,
                },
            },
            Shape::Choice(words) => match choose(text, words) {
                Some(word) => return Some(Json::from(word)),
                None => match tolerated(key, text) {
                    Some((word, sentence)) => {
                        self.report.warning(key, origin, format!("is {}, {sentence}", shown(text)));
                        return Some(Json::from(word));
                    }
                    None => Some(choice_hint(text, words)),
                },
            },
            Shape::Section(_) | Shape::Map(_) | Shape::List(_) | Shape::Any => {
                self.report.mistake(key, origin, format!("is a single value, but must be {}", wanted(shape)));
                return None;
            }
        };
        let must = refused.unwrap_or_else(|| format!("must be {}", wanted(shape)));
        self.report.mistake(key, origin, format!("is {}, but {must}", shown(text)));
        None
    }
}

fn is_single(shape: &Shape) -> bool {
    !matches!(shape, Shape::Section(_) | Shape::Map(_) | Shape::List(_) | Shape::Any)
}

fn bytes(text: &str, plain: bool) -> Option<ByteSize> {
    scalar::integer(text, plain).and_then(|number| u64::try_from(number).ok()).map(ByteSize::new)
}

/// Words are compared without regard to case, as `distribution` compares log levels.
fn choose<'a>(text: &str, words: &'a [Word]) -> Option<&'a str> {
    words.iter().map(|word| word.text.as_str()).find(|word| word.eq_ignore_ascii_case(text))
}

/// Words of older versions, and words that `distribution` starts with all the same: what is taken for them, and why.
fn tolerated(key: &str, text: &str) -> Option<(&'static str, &'static str)> {
    match (key, text) {
        ("http.tls.minimumtls", "tls1.0" | "tls1.1") => {
            Some(("tls1.2", "which is broken and not spoken any more; TLS 1.2 is the lowest version"))
        }
        ("storage.cache.blobdescriptor", "") => Some(("none", "which turns the cache off; write \"none\"")),
        ("storage.cache.blobdescriptor", _) => {
            Some(("none", "which is no cache; blob descriptors are not cached. Write \"inmemory\" or \"redis\""))
        }
        _ => None,
    }
}

fn choice_hint(text: &str, words: &[Word]) -> String {
    let texts = || words.iter().map(|word| word.text.as_str());
    match nearest(text, texts()) {
        Some(meant) => format!("must be {}; did you mean \"{meant}\"?", alternatives(texts())),
        None => format!("must be {}", alternatives(texts())),
    }
}

fn bounds(min: i64, max: i64) -> String {
    match (min, max) {
        (i64::MIN, max) => format!("must be at most {max}"),
        (min, i64::MAX) => format!("must be at least {min}"),
        (min, max) => format!("must be between {min} and {max}"),
    }
}

/// What belongs there, for a sentence that begins with "must be".
fn wanted(shape: &Shape) -> String {
    match shape {
        Shape::Section(section) => {
            let keys: Vec<&str> = section.keys().take(4).collect();
            match keys.is_empty() {
                true => "a section".to_owned(),
                false => format!("a section with keys such as {}", keys.join(", ")),
            }
        }
        Shape::Map(_) => "a section of names and values".to_owned(),
        Shape::List(_) => "a list".to_owned(),
        Shape::Strings => "a list of texts, or one text".to_owned(),
        Shape::Text | Shape::Secret => "a text".to_owned(),
        Shape::Bool => "true or false".to_owned(),
        Shape::Integer { .. } => "a whole number".to_owned(),
        Shape::Size => "a size such as 4194304 or \"4MiB\"".to_owned(),
        Shape::Period => "a length of time such as \"300s\", \"2h10m\" or \"10ms\"".to_owned(),
        Shape::Choice(words) => alternatives(words.iter().map(|word| word.text.as_str())),
        Shape::Any => "a value".to_owned(),
    }
}

/// A value as a sentence shows it: cut where it is long, and without the password of a URL.
pub(in crate::config) fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    let text = super::super::show::without_password(text);
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

fn anything(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Plain(text) => scalar::anything(text),
        Value::Quoted(text) => Json::from(text.as_str()),
        Value::List(items) => Json::Array(items.iter().map(anything).collect()),
        Value::Map(entries) => Json::Object(entries.iter().map(|(key, node)| (key.clone(), anything(node))).collect()),
    }
}

/// A full key.
pub(in crate::config) fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}
