//! The files of a new project, as templates in which `{{name}}` is the plugin's name.

use super::language::Language;
use super::world::World;

/// Where a file goes, and its template.
pub(super) type Template = (&'static str, String);

/// A template of this folder.
macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("templates/", $path))
    };
}

/// All files of a project but its `wit/deps`.
pub(super) fn files(world: World, language: Language) -> Vec<Template> {
    let mut files: Vec<(&'static str, &'static str)> = Vec::new();
    files.extend(of_world(world));
    files.extend(of_language(language));
    files.extend(sources(world, language));
    let mut files: Vec<Template> = files.into_iter().map(|(path, text)| (path, text.to_owned())).collect();
    files.push(("README.md", readme(world, language)));
    files
}

fn of_world(world: World) -> Vec<(&'static str, &'static str)> {
    match world {
        World::AuthProvider => vec![
            ("plugin.toml", template!("auth/plugin.toml")),
            ("plugin-tests.toml", template!("auth/plugin-tests.toml")),
            ("wit/world.wit", template!("auth/world.wit")),
        ],
        World::NotificationHook => {
            vec![("plugin.toml", template!("notify/plugin.toml")), ("wit/world.wit", template!("notify/world.wit"))]
        }
        World::StorageBackend => {
            vec![("plugin.toml", template!("storage/plugin.toml")), ("wit/world.wit", template!("storage/world.wit"))]
        }
        World::StorageLayer => {
            vec![("plugin.toml", template!("layer/plugin.toml")), ("wit/world.wit", template!("layer/world.wit"))]
        }
    }
}

fn of_language(language: Language) -> Vec<(&'static str, &'static str)> {
    let ignored = (".gitignore", template!("common/gitignore"));
    match language {
        Language::Rust => vec![ignored, ("Cargo.toml", template!("common/rust.Cargo.toml"))],
        Language::JavaScript => vec![ignored, ("package.json", template!("common/package.json"))],
        Language::Python => vec![ignored, ("requirements.txt", template!("common/requirements.txt"))],
        Language::Go => {
            vec![ignored, ("go.mod", template!("common/go.mod")), ("memory.go", template!("common/memory.go"))]
        }
        Language::C => vec![ignored],
    }
}

fn sources(world: World, language: Language) -> Vec<(&'static str, &'static str)> {
    use {Language as L, World as W};
    match (world, language) {
        (W::AuthProvider, L::Rust) => vec![("src/lib.rs", template!("auth/lib.rs"))],
        (W::AuthProvider, L::JavaScript) => vec![("plugin.js", template!("auth/plugin.js"))],
        (W::AuthProvider, L::Python) => vec![("plugin.py", template!("auth/plugin.py"))],
        (W::AuthProvider, L::Go) => {
            vec![("plugin.go", template!("auth/plugin.go")), ("wharf.go", template!("auth/wharf.go"))]
        }
        (W::AuthProvider, L::C) => vec![("plugin.c", template!("auth/plugin.c"))],
        (W::NotificationHook, L::Rust) => vec![("src/lib.rs", template!("notify/lib.rs"))],
        (W::NotificationHook, L::JavaScript) => vec![("plugin.js", template!("notify/plugin.js"))],
        (W::NotificationHook, L::Python) => vec![("plugin.py", template!("notify/plugin.py"))],
        (W::NotificationHook, L::Go) => {
            vec![("plugin.go", template!("notify/plugin.go")), ("wharf.go", template!("notify/wharf.go"))]
        }
        (W::NotificationHook, L::C) => vec![("plugin.c", template!("notify/plugin.c"))],
        (W::StorageBackend, L::Rust) => vec![
            ("src/lib.rs", template!("storage/lib.rs")),
            ("src/files.rs", template!("storage/files.rs")),
            ("src/listing.rs", template!("storage/listing.rs")),
        ],
        (W::StorageBackend, L::JavaScript) => vec![("plugin.js", template!("storage/plugin.js"))],
        (W::StorageBackend, L::Python) => vec![("plugin.py", template!("storage/plugin.py"))],
        (W::StorageBackend, L::Go) => {
            vec![
                ("plugin.go", template!("storage/plugin.go")),
                ("sync.go", template!("storage/sync.go")),
                ("wharf.go", template!("storage/wharf.go")),
            ]
        }
        (W::StorageBackend, L::C) => {
            vec![
                ("plugin.c", template!("storage/plugin.c")),
                ("listing.c", template!("storage/listing.c")),
                ("storage.h", template!("storage/storage.h")),
            ]
        }
        (W::StorageLayer, L::Rust) => vec![("src/lib.rs", template!("layer/lib.rs"))],
        (W::StorageLayer, L::JavaScript) => vec![("plugin.js", template!("layer/plugin.js"))],
        (W::StorageLayer, L::Python) => vec![("plugin.py", template!("layer/plugin.py"))],
        (W::StorageLayer, L::Go) => {
            vec![
                ("plugin.go", template!("layer/plugin.go")),
                ("below.go", template!("layer/below.go")),
                ("wharf.go", template!("storage/wharf.go")),
            ]
        }
        (W::StorageLayer, L::C) => vec![("plugin.c", template!("layer/plugin.c"))],
    }
}

/// The page that says how to go on: what the language needs, and what the world's plugin is given in a server.
fn readme(world: World, language: Language) -> String {
    let of_language = match language {
        Language::Rust => template!("common/readme-rust.md"),
        Language::JavaScript => template!("common/readme-javascript.md"),
        Language::Python => template!("common/readme-python.md"),
        Language::Go => template!("common/readme-go.md"),
        Language::C => template!("common/readme-c.md"),
    };
    let of_world = match world {
        World::AuthProvider => template!("auth/readme.md"),
        World::NotificationHook => template!("notify/readme.md"),
        World::StorageBackend => template!("storage/readme.md"),
        World::StorageLayer => template!("layer/readme.md"),
    };
    format!("# {{{{name}}}}\n\n{of_world}\n## Building\n\n{of_language}")
}
