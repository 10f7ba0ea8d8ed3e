//! What a component says of itself, compared with what this server speaks.

use wasmtime::component::{Component, InstancePre, types};

use super::engine::Runtime;
use super::error::LoadError;
use super::sandbox::Sandbox;
use super::world::World;

/// Links a component to what the host offers to its world.
///
/// # Errors
/// [`LoadError::World`] when it exports something else, or another version; [`LoadError::Import`] when it asks for something that
/// the host does not have.
pub fn link<W: World>(runtime: &Runtime, component: &Component) -> Result<InstancePre<Sandbox>, LoadError> {
    let engine = runtime.engine();
    let kind = component.component_type();
    if component.get_export_index(None, W::EXPORT).is_none() {
        let exports = kind.exports(engine).map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        return Err(LoadError::World(wrong_world(W::NAME, W::EXPORT, &exports)));
    }
    let mut linker = runtime.linker().clone();
    W::link(&mut linker).map_err(|error| LoadError::Host(format!("{}: {error:#}", W::NAME)))?;
    linker.instantiate_pre(component).map_err(|error| LoadError::Import(unknown_import(&kind, runtime, &error)))
}

/// What the component is, when it is not of the world that is wanted.
fn wrong_world(world: &str, wanted: &str, exports: &[String]) -> String {
    let (package, version) = (package_of(wanted), version_of(wanted));
    let short = version.rsplit_once('.').map_or(version, |(short, _)| short);
    let ours: Vec<&str> = exports.iter().map(String::as_str).filter(|name| name.starts_with("wharf:")).collect();
    if let Some(other) = ours.iter().find(|name| package_of(name) == package) {
        let (other_version, other) = (version_of(other), *other);
        if other_version != version {
            return format!(
                "this component exports {package}@{other_version} ({other}); this server speaks {short}: build it with the wit files \
                 of {package}@{version}"
            );
        }
        return format!("this component exports {other}, but not {wanted}, which {world} demands");
    }
    let found = match (ours.as_slice(), exports) {
        ([], []) => "nothing".to_owned(),
        ([], exports) => exports.join(", "),
        (ours, _) => ours.join(", "),
    };
    format!(
        "this component exports {found}; a {world} exports {wanted}: is it meant for another place of the configuration?"
    )
}

/// Names the import that nobody offers, where it can be found.
fn unknown_import(kind: &types::Component, runtime: &Runtime, error: &wasmtime::Error) -> String {
    let text = format!("{error:#}");
    let engine = runtime.engine();
    let named = kind.imports(engine).map(|(name, _)| name).find(|name| text.contains(&format!("`{name}`")));
    match named {
        Some(name) => format!(
            "this component imports {name}, which this server does not offer; see docs/plugins for what it does ({text})"
        ),
        None => format!("this component can't be linked: {text}"),
    }
}

/// `wharf:auth` of `wharf:auth/provider@0.1.0`.
fn package_of(interface: &str) -> &str {
    interface.split(['/', '@']).next().unwrap_or(interface)
}

/// `0.1.0` of `wharf:auth/provider@0.1.0`.
fn version_of(interface: &str) -> &str {
    interface.rsplit_once('@').map_or("", |(_, version)| version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(exports: &[&str]) -> String {
        let exports: Vec<String> = exports.iter().map(ToString::to_string).collect();
        wrong_world("wharf:storage/storage-backend", "wharf:storage/backend@0.1.0", &exports)
    }

    #[test]
    fn another_version_is_told_with_both_numbers() {
        let text = told(&["wharf:storage/backend@0.2.0", "wasi:http/incoming-handler@0.2.0"]);
        assert!(text.contains("this component exports wharf:storage@0.2.0"), "{text}");
        assert!(text.contains("this server speaks 0.1"), "{text}");
    }

    #[test]
    fn another_world_is_told_by_what_it_exports() {
        assert!(told(&["wharf:auth/provider@0.1.0"]).contains("exports wharf:auth/provider@0.1.0; a wharf:storage"));
        assert!(told(&[]).contains("exports nothing"));
        assert!(told(&["wasi:cli/run@0.2.0"]).contains("exports wasi:cli/run@0.2.0"));
        assert!(told(&["wharf:storage/batches@0.1.0"]).contains("but not wharf:storage/backend@0.1.0"));
    }
}
