//! Other names of keys: those of older files, and those that only environment variables use.

use serde_json::Value as Json;

use super::{Field, Section, Shape};

/// Names of older versions: the section, the name in it, the full key that it stands for today.
pub(super) const OLD_NAMES: [(&str, &str, &str); 8] = [
    ("", "loglevel", "log.level"),
    ("", "hooks", "log.hooks"),
    ("storage", "s3aws", "storage.s3"),
    ("storage.cache", "layerinfo", "storage.cache.blobdescriptor"),
    ("redis", "addr", "redis.addrs"),
    ("redis.pool", "maxidle", "redis.maxidleconns"),
    ("redis.pool", "maxactive", "redis.poolsize"),
    ("redis.pool", "idletimeout", "redis.connmaxidletime"),
];

/// Adds the old names as fields, each with the shape of what it stands for.
pub(super) fn add_old_names(root: &mut Section) {
    for (section, key, stands_for) in OLD_NAMES {
        let Some(shape) = shape_of(root, stands_for) else { continue };
        let field = Field {
            key: key.to_owned(),
            summary: format!("Old name of `{stands_for}`."),
            default: Json::Null,
            shape,
            stands_for: Some(stands_for),
        };
        if let Some(section) = section_of(root, section) {
            section.fields.push(field);
        }
    }
}

fn shape_of(root: &Section, key: &str) -> Option<Shape> {
    let (first, rest) = key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
    let field = root.field(first)?;
    match (rest, &field.shape) {
        (None, shape) => Some(shape.clone()),
        (Some(rest), Shape::Section(inner)) => shape_of(inner, rest),
        _ => None,
    }
}

/// The section of a path; one that exists only for old names is made.
fn section_of<'a>(root: &'a mut Section, path: &str) -> Option<&'a mut Section> {
    let mut section = root;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let index = section.fields.iter().position(|field| field.key == part).unwrap_or_else(|| {
            section.fields.push(Field {
                key: part.to_owned(),
                summary: "Holds old names only.".to_owned(),
                default: Json::Null,
                shape: Shape::Section(Section::default()),
                stands_for: Some(""),
            });
            section.fields.len() - 1
        });
        section = match &mut section.fields.get_mut(index)?.shape {
            Shape::Section(inner) => inner,
            _ => return None,
        };
    }
    Some(section)
}

/// What a piece of a variable's name means where it differs from the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum VariableName {
    /// This key of the same section.
    Key(&'static str),
    /// The section itself: the piece adds nothing.
    Transparent,
}

/// Looks up a piece of a variable's name that `distribution` took from its source code, not from its file format.
///
/// `section` is the full key of the section without indexes.
pub(in crate::config) fn variable_name(section: &str, piece: &str) -> Option<VariableName> {
    let key = match (section, piece) {
        ("notifications", "EVENTCONFIG") => "events",
        ("log.hooks" | "hooks", "MAILOPTIONS") => "options",
        ("health", "FILECHECKERS") => "file",
        ("health", "HTTPCHECKERS") => "http",
        ("health", "TCPCHECKERS") => "tcp",
        ("redis", "OPTIONS") => return Some(VariableName::Transparent),
        _ => return None,
    };
    Some(VariableName::Key(key))
}

#[cfg(test)]
mod tests {
    use super::super::root;
    use super::*;

    #[test]
    fn every_old_name_has_the_shape_of_what_it_stands_for() {
        for (section, key, stands_for) in OLD_NAMES {
            let full = [section, key].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(".");
            assert!(shape_of(root(), stands_for).is_some(), "{stands_for} is no key");
            assert_eq!(shape_of(root(), &full), shape_of(root(), stands_for), "{full}");
        }
    }
}
