//! What must hold for any variables and any text.

use proptest::prelude::*;

use super::super::testing::{toml, variables, yaml};
use crate::config::schema::{self, Section, Shape};
use crate::config::value::{ByteSize, Period};

/// Every key with a single value, as the pieces of a variable's name.
fn single_values() -> Vec<(String, Shape)> {
    fn walk(section: &Section, path: &str, found: &mut Vec<(String, Shape)>) {
        for field in section.fields.iter().filter(|field| field.stands_for.is_none()) {
            let name = format!("{path}_{}", field.key.replace('-', "_").to_uppercase());
            match &field.shape {
                Shape::Section(inner) => walk(inner, &name, found),
                Shape::List(_) | Shape::Map(_) | Shape::Any => {}
                shape => found.push((name, shape.clone())),
            }
        }
    }
    let mut found = Vec::new();
    walk(schema::root(), "REGISTRY", &mut found);
    found
}

fn fitting(shape: &Shape) -> String {
    match shape {
        Shape::Bool => "true".to_owned(),
        Shape::Integer { .. } => "7".to_owned(),
        Shape::Size => ByteSize::mib(8).to_string(),
        Shape::Period => Period::secs(7).to_string(),
        Shape::Choice(words) => words[0].text.clone(),
        _ => "text".to_owned(),
    }
}

/// Every key of the schema can be set by a variable of its name: none is lost, none has the wrong kind.
#[test]
fn every_key_is_reached_by_its_variable() {
    let keys = single_values();
    assert!(keys.len() > 150, "{}", keys.len());
    for (name, shape) in keys {
        let outcome = variables(&[(&name, &fitting(&shape))]);
        let lost = |line: &&String| {
            line.contains("there is no") || line.contains("is no key") || line.contains("but must be ")
        };
        let about_kind: Vec<_> = outcome.mistakes.iter().chain(&outcome.warnings).filter(lost).collect();
        // A text may still be no address and no algorithm.
        let arrived = about_kind.is_empty() || matches!(shape, Shape::Text | Shape::Strings);
        assert!(arrived, "{name}: {about_kind:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_variables_end_the_process(
        pairs in proptest::collection::vec(
            ("REGISTRY(_(HTTP|STORAGE|AUTH|LOG|HEALTH|TCP|ACCESS|HOOKS|S3|s3|0|1|10|X|HEADERS|FIELDS|ADDR|)){0,5}", ".{0,12}"),
            0..6,
        )
    ) {
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let _ = variables(&pairs);
        let _ = yaml("version: 0.1\nstorage: inmemory\nhealth: {tcp: [{addr: 'a:1'}]}\n", &pairs);
    }

    #[test]
    fn the_order_in_which_the_system_gives_variables_does_not_matter(
        seed in proptest::collection::vec(0..8_usize, 8)
    ) {
        let all = [
            ("REGISTRY_STORAGE", "filesystem"),
            ("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/a"),
            ("REGISTRY_STORAGE_FILESYSTEM_rootdirectory", "/b"),
            ("REGISTRY_HEALTH_TCP_0_ADDR", "a:1"),
            ("REGISTRY_HEALTH_TCP_1_ADDR", "b:1"),
            ("REGISTRY_HEALTH_TCP", "[]"),
            ("REGISTRY_HTTP_ADDR", ":1"),
            ("REGISTRY_HTTP", "{net: tcp}"),
        ];
        let mut shuffled = all;
        for (index, other) in seed.into_iter().enumerate() {
            shuffled.swap(index, other);
        }
        prop_assert_eq!(variables(&shuffled).accepted(), variables(&all).accepted());
    }

    #[test]
    fn any_password_arrives_whole_if_it_is_quoted(password in "[ -~]{0,30}") {
        let quoted = format!("'{}'", password.replace('\'', "''"));
        let config = variables(&[("REGISTRY_HTTP_SECRET", &quoted)]).silent();
        prop_assert_eq!(config.http.secret.expose(), password);
    }

    #[test]
    fn a_secret_is_never_shown(secret in "[a-z]{12,20}") {
        let outcome = yaml(
            &format!("version: 0.1\nstorage: {{s3: {{accesskey: {secret}, secretkey: [{secret}]}}}}\nproxy: {{password: {{a: {secret}}}}}\nhttp: {{secret: {secret}}}\n"),
            &[("REGISTRY_REDIS_PASSWORD", &secret), ("REGISTRY_STORAGE_S3_SECRETKEY_X", &secret)],
        );
        let said = format!("{outcome:?} {}", crate::config::to_toml(&outcome.config).unwrap());
        prop_assert!(!said.contains(&secret), "{}", said);
    }

    #[test]
    fn no_text_ends_the_process(text in "[-a-z:{}\\[\\]&*!|>'\"#%@, \n=.]{0,80}|.{0,60}") {
        let _ = yaml(&text, &[]);
        let _ = toml(&text, &[]);
    }
}
