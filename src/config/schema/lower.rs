//! From a JSON Schema to a [`Shape`].

use serde_json::Value as Json;

use super::{Field, Section, Shape, Word};

/// The section that an object with known properties describes.
pub(super) fn section(schema: &Json) -> Section {
    let properties = schema.get("properties").and_then(Json::as_object);
    let fields = properties.into_iter().flatten().map(|(key, schema)| field(key, schema)).collect();
    Section { fields }
}

fn field(key: &str, schema: &Json) -> Field {
    Field {
        key: key.to_owned(),
        summary: sentence(schema),
        default: schema.get("default").cloned().unwrap_or(Json::Null),
        shape: shape(schema),
        stands_for: None,
    }
}

fn text(schema: &Json, member: &str) -> String {
    schema.get(member).and_then(Json::as_str).unwrap_or_default().to_owned()
}

/// The documentation of a struct's field on one line.
fn sentence(schema: &Json) -> String {
    text(schema, "description").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every form that `schemars` gives the types of this configuration; anything unknown is [`Shape::Any`], which a test of the
/// schema would find.
fn shape(schema: &Json) -> Shape {
    if let Some(format) = schema.get("format").and_then(Json::as_str) {
        match format {
            "size" => return Shape::Size,
            "period" => return Shape::Period,
            "strings" => return Shape::Strings,
            "password" => return Shape::Secret,
            _ => {}
        }
    }
    if let Some(words) = schema.get("oneOf").and_then(Json::as_array) {
        return Shape::Choice(words.iter().map(word).collect());
    }
    // An optional section: the section, or null.
    if let Some(either) = schema.get("anyOf").and_then(Json::as_array) {
        return either.iter().find(|schema| type_of(schema) != Some("null")).map_or(Shape::Any, shape);
    }
    match type_of(schema) {
        Some("object") if schema.get("additionalProperties").is_some_and(|values| !values.is_boolean()) => {
            Shape::Map(Box::new(shape(&schema["additionalProperties"])))
        }
        Some("object") if schema.get("additionalProperties") == Some(&Json::Bool(true)) => {
            Shape::Map(Box::new(Shape::Any))
        }
        Some("object") => Shape::Section(section(schema)),
        Some("array") => Shape::List(Box::new(shape(&schema["items"]))),
        Some("string") => Shape::Text,
        Some("boolean") => Shape::Bool,
        Some("integer") => integer(schema),
        _ => Shape::Any,
    }
}

fn word(schema: &Json) -> Word {
    Word { text: text(schema, "const"), summary: sentence(schema) }
}

/// The type; of an optional value (`["boolean", "null"]`) the first.
fn type_of(schema: &Json) -> Option<&str> {
    match schema.get("type")? {
        Json::Array(types) => types.first()?.as_str(),
        one => one.as_str(),
    }
}

fn integer(schema: &Json) -> Shape {
    let bound = |member: &str| schema.get(member).and_then(Json::as_i64);
    let max_of_format = match schema.get("format").and_then(Json::as_str) {
        Some("uint32") => Some(i64::from(u32::MAX)),
        _ => None,
    };
    Shape::Integer {
        min: bound("minimum").unwrap_or(i64::MIN),
        max: bound("maximum").or(max_of_format).unwrap_or(i64::MAX),
    }
}
