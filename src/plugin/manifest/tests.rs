use proptest::prelude::*;

use super::*;

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// A section of a module or component.
fn with_section(head: &[u8], id: u8, content: &[u8]) -> Vec<u8> {
    let mut out = head.to_vec();
    out.push(id);
    out.push(u8::try_from(content.len()).unwrap());
    out.extend_from_slice(content);
    out
}

fn custom(head: &[u8], text: &str) -> Vec<u8> {
    let name = [&[u8::try_from(SECTION.len()).unwrap()], SECTION.as_bytes(), text.as_bytes()].concat();
    with_section(head, 0, &name)
}

#[test]
fn what_is_embedded_is_read_back() {
    let text = "name = \"mail\"\nworld = \"notification-hook\"\n[asks]\nhosts = [\"*\"]\n";
    let once = embed(COMPONENT, text).unwrap();
    assert_eq!(section(&once).unwrap(), Some(text));
    assert_eq!(Manifest::of(&once).unwrap().asks.hosts, ["*"]);
    let again = embed(&once, "name = \"other\"").unwrap();
    assert_eq!(section(&again).unwrap(), Some("name = \"other\""));
    assert!(again.len() < once.len(), "the old one is gone");
}

#[test]
fn a_component_without_a_manifest_asks_for_nothing() {
    assert_eq!(Manifest::of(COMPONENT).unwrap(), Manifest::default());
    assert_eq!(Manifest::default().asks, Asks::default());
}

#[test]
fn a_manifest_in_the_module_counts_unless_the_component_has_its_own() {
    let module = custom(MODULE, "name = \"inner\"");
    let component = with_section(COMPONENT, 1, &module);
    assert_eq!(section(&component).unwrap(), Some("name = \"inner\""));
    assert_eq!(section(&embed(&component, "name = \"outer\"").unwrap()).unwrap(), Some("name = \"outer\""));
    let two = with_section(&component, 1, &custom(MODULE, "name = \"another\""));
    assert!(section(&two).unwrap_err().contains("several manifests"));
}

#[test]
fn a_manifest_goes_into_a_component_only() {
    assert!(embed(MODULE, "").unwrap_err().contains("is none"));
    assert!(embed(b"", "").is_err() && embed(b"\0asm\x0d\0\x01\0\x00", "").is_err());
    assert!(section(b"#!/bin/sh").is_err());
}

#[test]
fn an_author_is_told_of_a_key_that_nobody_reads() {
    let good = "name = \"a\"\nversion = \"1\"\nworld = \"auth-provider\"\nlicense = \"MIT\"\n";
    assert_eq!(Manifest::check(good).unwrap().licence, "MIT");
    let text = format!("{good}[asks]\nhost = [\"*\"]\n");
    let problem = Manifest::check(&text).unwrap_err();
    assert!(problem.contains("asks.host;") && problem.contains("asks.hosts meant"), "{problem}");
    assert_eq!(Manifest::parse(&text).unwrap().asks, Asks::default(), "a server reads on");
    assert!(Manifest::check("name = \"a\"").unwrap_err().contains("world is missing"));
}

proptest! {
    #[test]
    fn no_bytes_end_the_process(bytes: Vec<u8>, head in prop::sample::select(vec![COMPONENT, MODULE, b""])) {
        let bytes = [head, &bytes].concat();
        let _ = section(&bytes);
        if let Ok(with) = embed(&bytes, "name = \"a\"") {
            prop_assert!(with.len() > bytes.len().min(8));
        }
    }

    #[test]
    fn no_text_ends_the_process(text in "(?s)(\\[asks\\]\n)?[a-z\\[\\]=\"\n .*]{0,80}|.*") {
        let _ = Manifest::check(&text);
    }
}
