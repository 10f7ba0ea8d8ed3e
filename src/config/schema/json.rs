//! The schema as JSON Schema, for editors and for checks outside of Wharf.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

use super::names::OLD_NAMES;
use crate::config::Config;

/// The schema as JSON Schema (draft 2020-12), old names among its properties and marked as deprecated.
pub fn json_schema() -> Json {
    let mut schema = generated();
    for (section, key, stands_for) in OLD_NAMES {
        let Some(mut copy) = find(&mut schema, stands_for).cloned() else { continue };
        if let Some(copy) = copy.as_object_mut() {
            copy.remove("default");
            copy.insert("deprecated".to_owned(), json!(true));
            copy.insert("description".to_owned(), json!(format!("Old name of `{stands_for}`.")));
        }
        if let Some(properties) = made(&mut schema, section) {
            properties.insert(key.to_owned(), copy);
        }
    }
    schema
}

/// What the structs say.
pub(super) fn generated() -> Json {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Config>();
    schema.insert("title".to_owned(), json!("Configuration of Wharf"));
    schema.to_value()
}

fn find<'a>(schema: &'a mut Json, key: &str) -> Option<&'a mut Json> {
    key.split('.').filter(|part| !part.is_empty()).try_fold(schema, |schema, part| {
        let properties = schema.get_mut("properties")?;
        properties.get_mut(part)
    })
}

/// The properties of a section; one that exists only for old names is made.
fn made<'a>(schema: &'a mut Json, key: &str) -> Option<&'a mut Map<String, Json>> {
    let mut section = schema;
    for part in key.split('.').filter(|part| !part.is_empty()) {
        let properties = section.get_mut("properties")?.as_object_mut()?;
        section = properties.entry(part).or_insert_with(
            || json!({ "type": "object", "additionalProperties": false, "properties": {}, "deprecated": true }),
        );
    }
    section.get_mut("properties")?.as_object_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_its_draft_and_its_old_names() {
        let schema = json_schema();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["properties"]["loglevel"]["deprecated"], true);
        assert_eq!(schema["properties"]["redis"]["properties"]["pool"]["properties"]["maxidle"]["type"], "integer");
        assert_eq!(schema["additionalProperties"], false);
    }

    /// The structs as they are written out, and the schema, must have the same keys and the same defaults.
    #[test]
    fn the_structs_and_the_schema_agree() {
        fn compare(value: &Json, schema: &Json, key: &str) {
            let Some(properties) = schema.get("properties").and_then(Json::as_object) else { return };
            let value = value.as_object().unwrap_or_else(|| panic!("{key} is no section"));
            for name in value.keys() {
                assert!(properties.contains_key(name), "{key}.{name} is not in the schema");
            }
            for (name, schema) in properties {
                match value.get(name) {
                    Some(value) => {
                        if let Some(default) = schema.get("default").filter(|default| !default.is_object()) {
                            assert_eq!(default, value, "{key}.{name}");
                        }
                        compare(value, schema, &format!("{key}.{name}"));
                    }
                    // Only what may be absent altogether is not written out.
                    None => {
                        assert!(schema.get("default").is_none_or(Json::is_null), "{key}.{name} is not in the structs")
                    }
                }
            }
        }
        compare(&serde_json::to_value(Config::default()).unwrap(), &generated(), "");
    }

    #[test]
    fn nothing_is_left_unresolved() {
        assert!(!json_schema().to_string().contains("$ref"));
    }
}
