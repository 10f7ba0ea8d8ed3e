//! The schema as data: what the reader, the environment, the reference and the JSON Schema all walk over.
//!
//! It is made from the structs of this module (by way of `schemars`), so that a key exists in one place only.

mod json;
mod lower;
mod names;
#[cfg(test)]
mod reference;

use std::sync::LazyLock;

use serde_json::Value as Json;

pub use json::json_schema;
pub(super) use names::{VariableName, variable_name};

/// What may stand at a place of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// Known keys.
    Section(Section),
    /// Any keys, with values of one shape.
    Map(Box<Shape>),
    /// Several values of one shape.
    List(Box<Shape>),
    /// Texts; one alone may be written without a list.
    Strings,
    /// Text.
    Text,
    /// Text that is never shown.
    Secret,
    /// `true` or `false`.
    Bool,
    /// A whole number within bounds.
    Integer {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// A [`ByteSize`](super::ByteSize).
    Size,
    /// A [`Period`](super::Period).
    Period,
    /// One of some words.
    Choice(Vec<Word>),
    /// Anything.
    Any,
}

/// One word of a [`Shape::Choice`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word {
    /// As it is written.
    pub text: String,
    /// What it means.
    pub summary: String,
}

/// Known keys.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Section {
    /// In the order of the struct.
    pub fields: Vec<Field>,
}

/// One known key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    /// The key.
    pub key: String,
    /// What it means.
    pub summary: String,
    /// Its default; null when absent and default are different things.
    pub default: Json,
    /// What may stand there.
    pub shape: Shape,
    /// For a name that is only read for the sake of old files: the full key that it stands for.
    pub stands_for: Option<&'static str>,
}

impl Section {
    /// The field of a key.
    pub fn field(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// The keys that a person would write today.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(|field| field.stands_for.is_none()).map(|field| field.key.as_str())
    }
}

/// The whole schema.
pub(super) fn root() -> &'static Section {
    static ROOT: LazyLock<Section> = LazyLock::new(|| {
        let mut root = lower::section(&json::generated());
        names::add_old_names(&mut root);
        root
    });
    &ROOT
}

/// The field of a full key without indexes, such as `notifications.endpoints.url`.
#[cfg(test)]
pub(super) fn find(key: &str) -> Option<&'static Field> {
    let mut section = root();
    let mut found = None;
    for part in key.split('.') {
        let field = section.field(part)?;
        found = Some(field);
        section = match &field.shape {
            Shape::Section(inner) => inner,
            Shape::List(inner) => match &**inner {
                Shape::Section(inner) => inner,
                _ => return found,
            },
            _ => return found,
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_arrives() {
        let shape = |key: &str| find(key).map(|field| field.shape.clone());
        assert_eq!(shape("http.addr"), Some(Shape::Text));
        assert_eq!(shape("http.secret"), Some(Shape::Secret));
        assert_eq!(shape("http.relativeurls"), Some(Shape::Bool));
        assert_eq!(shape("http.draintimeout"), Some(Shape::Period));
        assert_eq!(shape("http.limits.manifest_bytes_max"), Some(Shape::Size));
        assert_eq!(shape("http.tls.clientcas"), Some(Shape::Strings));
        assert_eq!(shape("http.headers"), Some(Shape::Map(Box::new(Shape::Strings))));
        assert_eq!(shape("storage.s3.forcepathstyle"), Some(Shape::Bool));
        assert_eq!(shape("log.fields"), Some(Shape::Map(Box::new(Shape::Any))));
        assert_eq!(shape("health.http.statuscode"), Some(Shape::Integer { min: 0, max: 65_535 }));
        assert_eq!(shape("redis.db"), Some(Shape::Integer { min: i64::MIN, max: i64::MAX }));
        assert!(matches!(shape("log.level"), Some(Shape::Choice(words)) if words.len() == 4));
        assert!(matches!(shape("storage.s3"), Some(Shape::Section(_))));
        assert!(matches!(shape("notifications.endpoints"), Some(Shape::List(_))));
    }

    #[test]
    fn every_key_is_explained_and_nothing_was_lost() {
        fn walk(section: &Section, path: &str, count: &mut usize) {
            for field in &section.fields {
                let key = format!("{path}{}", field.key);
                assert!(!field.summary.is_empty(), "{key} has no sentence");
                *count += 1;
                match &field.shape {
                    Shape::Section(inner) => walk(inner, &format!("{key}."), count),
                    Shape::List(inner) => {
                        if let Shape::Section(inner) = &**inner {
                            walk(inner, &format!("{key}."), count);
                        }
                    }
                    _ => {}
                }
            }
        }
        let mut count = 0;
        walk(root(), "", &mut count);
        assert!(count > 250, "only {count} keys");
    }

    #[test]
    fn no_two_keys_of_a_section_look_alike_to_the_environment() {
        fn walk(section: &Section) {
            let mut plain: Vec<String> = section.fields.iter().map(|field| field.key.replace(['_', '-'], "")).collect();
            plain.sort();
            let before = plain.len();
            plain.dedup();
            assert_eq!(plain.len(), before, "{plain:?}");
            for field in &section.fields {
                if let Shape::Section(inner) = &field.shape {
                    walk(inner);
                }
            }
        }
        walk(root());
    }
}
