use std::fs;
use std::path::Path;

use super::component::ProjectWorld;
use super::{Error, Language, World, build, scaffold};

fn every_scaffold(parent: &Path) -> impl Iterator<Item = (World, Language, std::path::PathBuf)> {
    let each = |world| Language::ALL.into_iter().map(move |language| (world, language));
    World::ALL.into_iter().flat_map(each).map(|(world, language)| {
        let name = format!("{}-{}", world.name(), language.name());
        let folder = scaffold(parent, &name, world, language).unwrap();
        (world, language, folder)
    })
}

#[test]
fn every_project_has_wit_that_can_be_read_and_a_manifest_without_mistakes() {
    let parent = tempfile::tempdir().unwrap();
    for (world, language, folder) in every_scaffold(parent.path()) {
        let project = ProjectWorld::read(&folder.join("wit")).unwrap();
        let exports = &project.resolve.worlds[project.world].exports;
        assert_eq!(exports.len(), 1, "{}", folder.display());
        let text = fs::read_to_string(folder.join("plugin.toml")).unwrap();
        let manifest = crate::plugin::manifest::Manifest::check(&text).unwrap();
        assert_eq!(
            (manifest.world.as_str(), manifest.name.as_str()),
            (world.name(), folder.file_name().unwrap().to_str().unwrap())
        );
        assert_eq!(Language::of_project(&folder), Some(language));
        for file in ["README.md", ".gitignore"] {
            assert!(folder.join(file).is_file(), "{file} of {}", folder.display());
        }
    }
}

#[test]
fn no_placeholder_stays_in_a_project() {
    fn look(folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look(&path);
            } else {
                assert!(!fs::read_to_string(&path).unwrap().contains("{{name}}"), "{}", path.display());
            }
        }
    }
    let parent = tempfile::tempdir().unwrap();
    every_scaffold(parent.path()).for_each(drop);
    look(parent.path());
}

#[test]
fn a_name_that_would_break_a_project_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    for name in ["", "Mail", "1st", "a b", "../up", "a/b", "-a", "a-", "a_b", &"a".repeat(65)] {
        let refused = scaffold(parent.path(), name, World::AuthProvider, Language::C);
        assert!(
            matches!(&refused, Err(Error::Project(text)) if text.contains("begins with a letter")),
            "{name}: {refused:?}"
        );
    }
    assert!(fs::read_dir(parent.path()).unwrap().next().is_none());
}

#[test]
fn what_is_there_already_is_not_written_over() {
    let parent = tempfile::tempdir().unwrap();
    scaffold(parent.path(), "mine", World::AuthProvider, Language::C).unwrap();
    let again = scaffold(parent.path(), "mine", World::AuthProvider, Language::Go).unwrap_err();
    assert!(again.to_string().contains("is there already"), "{again}");
    assert!(!parent.path().join("mine/go.mod").exists());
}

#[test]
fn a_folder_that_holds_no_project_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = build(folder.path(), None).unwrap_err().to_string();
    assert!(error.contains("plugin.toml") && error.contains("wharf plugin new"), "{error}");
    let manifest = "name = \"a\"\nversion = \"1\"\nworld = \"auth-provider\"\n";
    fs::write(folder.path().join("plugin.toml"), manifest).unwrap();
    let error = build(folder.path(), None).unwrap_err().to_string();
    assert!(error.contains("plugin.py") && error.contains("Cargo.toml"), "{error}");
    fs::write(folder.path().join("plugin.toml"), manifest.replace("auth-provider", "auth")).unwrap();
    assert!(build(folder.path(), None).unwrap_err().to_string().contains("is none of storage-backend"));
}

/// Languages without a scaffold: their compiler is called by somebody else.
#[test]
fn what_another_compiler_made_becomes_a_component_with_its_manifest() {
    let parent = tempfile::tempdir().unwrap();
    let folder = scaffold(parent.path(), "mine", World::AuthProvider, Language::C).unwrap();
    let made = parent.path().join("made.wasm");
    let text = r#"(module
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "wharf:auth/provider@0.1.0#init") (result i32) unreachable)
        (func (export "wharf:auth/provider@0.1.0#health") (result i32) unreachable)
        (func (export "wharf:auth/provider@0.1.0#authorize") (param i32) (result i32) unreachable))"#;
    fs::write(&made, wat::parse_str(text).unwrap()).unwrap();
    let component = build(&folder, Some(&made)).unwrap();
    let bytes = fs::read(&component).unwrap();
    let manifest = crate::plugin::manifest::Manifest::of(&bytes).unwrap();
    assert_eq!(manifest.name, "mine");
    // And a component is taken as it is.
    assert_eq!(fs::read(build(&folder, Some(&component)).unwrap()).unwrap(), bytes);
    fs::write(&made, "int main() {}").unwrap();
    let error = build(&folder, Some(&made)).unwrap_err().to_string();
    assert!(error.contains("is no WebAssembly"), "{error}");
    fs::write(&made, wat::parse_str("(module)").unwrap()).unwrap();
    let error = build(&folder, Some(&made)).unwrap_err().to_string();
    assert!(error.contains("wharf:auth/provider"), "{error}");
}

/// A mended helper must be mended for those who read the examples too.
#[test]
fn the_examples_have_the_helpers_of_the_scaffolds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (example, file, template) in [
        ("auth-go", "memory.go", "common/memory.go"),
        ("auth-go", "wharf.go", "auth/wharf.go"),
        ("storage-c", "listing.c", "storage/listing.c"),
        ("storage-c", "storage.h", "storage/storage.h"),
    ] {
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        let has = read(&format!("examples/{example}/{file}"));
        let should = read(&format!("src/plugin/author/templates/{template}")).replace("{{name}}", example);
        assert!(has == should, "examples/{example}/{file} differs from the template {template}: copy it over");
    }
}
