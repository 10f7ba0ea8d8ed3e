//! What the contract promises to those who read it: every item says what it is, and since when it is there.

use std::path::Path;

use wit_bindgen_core::wit_parser::{
    Docs, Interface, InterfaceId, Resolve, Stability, Type, TypeDef, TypeDefKind, TypeOwner,
};

use super::World;

#[derive(Default)]
struct Look {
    items: usize,
    faults: Vec<String>,
}

impl Look {
    fn documented(&mut self, name: &str, docs: &Docs) {
        self.items += 1;
        if docs.contents.as_deref().is_none_or(|text| text.trim().is_empty()) {
            self.faults.push(format!("{name} has no doc comment"));
        }
    }

    fn item(&mut self, name: &str, docs: &Docs, stability: &Stability) {
        self.documented(name, docs);
        if !matches!(stability, Stability::Stable { .. }) {
            self.faults.push(format!("{name} has no @since"));
        }
    }

    fn interface(&mut self, owner: InterfaceId, interface: &Interface, resolve: &Resolve) {
        let name = interface.name.as_deref().unwrap_or_default();
        self.item(name, &interface.docs, &interface.stability);
        for function in interface.functions.values() {
            self.item(&format!("{name}.{}", function.name), &function.docs, &function.stability);
        }
        for (type_name, id) in &interface.types {
            let defined = &resolve.types[*id];
            assert_eq!(defined.owner, TypeOwner::Interface(owner));
            // What is only used here is documented where it is defined.
            let used = matches!(defined.kind, TypeDefKind::Type(Type::Id(other)) if resolve.types[other].owner != defined.owner);
            if !used {
                self.type_definition(&format!("{name}.{type_name}"), defined);
            }
        }
    }

    fn type_definition(&mut self, name: &str, defined: &TypeDef) {
        self.item(name, &defined.docs, &defined.stability);
        let parts: Vec<(&String, &Docs)> = match &defined.kind {
            TypeDefKind::Record(record) => record.fields.iter().map(|field| (&field.name, &field.docs)).collect(),
            TypeDefKind::Variant(variant) => variant.cases.iter().map(|case| (&case.name, &case.docs)).collect(),
            TypeDefKind::Enum(cases) => cases.cases.iter().map(|case| (&case.name, &case.docs)).collect(),
            TypeDefKind::Flags(flags) => flags.flags.iter().map(|flag| (&flag.name, &flag.docs)).collect(),
            _ => Vec::new(),
        };
        for (part, docs) in parts {
            self.documented(&format!("{name}.{part}"), docs);
        }
    }
}

#[test]
fn every_item_of_the_contract_says_what_it_is_and_since_when() {
    for package in ["auth", "notify", "storage"] {
        let mut resolve = Resolve::default();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("wit").join(package);
        let (id, _) = resolve.push_dir(&folder).unwrap();
        let mut look = Look::default();
        for (name, interface) in resolve.packages[id].interfaces.clone() {
            let described = &resolve.interfaces[interface];
            look.interface(interface, described, &resolve);
            assert_eq!(described.name.as_deref(), Some(name.as_str()));
        }
        for world in resolve.packages[id].worlds.values() {
            let world = &resolve.worlds[*world];
            look.item(&world.name, &world.docs, &world.stability);
        }
        assert!(look.faults.is_empty(), "wharf:{package}:\n{}", look.faults.join("\n"));
        assert!(look.items > 30, "only {} items were found in wharf:{package}", look.items);
    }
}

#[test]
fn what_a_project_gets_is_the_contract_of_this_repository() {
    for world in World::ALL {
        for (path, text) in super::wit::dependencies(world) {
            let source = match path.strip_prefix("wharf-") {
                Some(ours) => format!("wit/{ours}"),
                None => format!("wit/deps/{path}"),
            };
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(&source);
            assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "{source}");
        }
    }
}
