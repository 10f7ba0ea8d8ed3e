//! Auth providers that no compiler would write: modules as text, made into whole components.

use std::path::Path;

use wasmparser::{Parser, Payload};
use wit_bindgen_core::wit_parser::Resolve;
use wit_component::{ComponentEncoder, StringEncoding};

/// What a provider does beside granting everything to anybody; each is WebAssembly as text, and nothing by default.
#[derive(Debug, Default, Clone)]
pub struct Bomb {
    /// What the module has beside the functions of the world.
    pub module: String,
    /// At the begin of `init`.
    pub init: &'static str,
    /// At the begin of `health`.
    pub health: &'static str,
    /// In `authorize`, for requests whose path is longer than eight bytes. Address 128 has the answer: all zeros are a grant to
    /// nobody, of nothing; the attributes of its identity are the list at 144.
    pub authorize: &'static str,
    /// At the begin of `cabi_realloc`, by which the host asks for memory, for texts that are longer than 500 bytes.
    pub realloc: &'static str,
    /// After an answer was read, if its path was such a one.
    pub post: &'static str,
}

/// Never ends.
pub const SPIN: &str = "(loop $spin (br $spin))";

impl Bomb {
    /// The component.
    pub fn component(&self) -> Vec<u8> {
        let Self { module, init, health, authorize, realloc, post } = self;
        let text = format!(
            r#"(module
                (memory (export "memory") 64)
                (global $next (mut i32) (i32.const 65536))
                (global $evil (mut i32) (i32.const 0))
                {module}
                (func (export "cabi_realloc") (param $old i32) (param $had i32) (param $align i32) (param $size i32) (result i32)
                    (if (i32.gt_u (local.get $size) (i32.const 500)) (then {realloc}))
                    (global.set $next (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
                    (global.get $next)
                    (global.set $next (i32.add (global.get $next) (local.get $size))))
                (func (export "wharf:auth/provider@0.1.0#init") (result i32) {init} (i32.const 64))
                (func (export "wharf:auth/provider@0.1.0#health") (result i32) {health} (i32.const 64))
                (func (export "wharf:auth/provider@0.1.0#authorize") (param $context i32) (result i32) (local $i i32)
                    (global.set $evil (i32.gt_u (i32.load offset=12 (local.get $context)) (i32.const 8)))
                    (if (global.get $evil) (then {authorize}))
                    (i32.const 128))
                (func (export "cabi_post_wharf:auth/provider@0.1.0#authorize") (param i32)
                    (if (global.get $evil) (then {post}))))"#
        );
        let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut resolve = Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("wit/auth");
        let (package, _) = resolve.push_dir(&wit).expect("the contract can be read");
        let world = resolve.select_world(&[package], Some("auth-provider")).expect("its world");
        wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
            .expect("a module can be told its world");
        let mut encoder = ComponentEncoder::default();
        encoder.module(&module).expect("a module").encode().expect("a component")
    }
}

/// The component with `count` instances more of this module in it.
pub fn crowded(component: &[u8], module: &str, count: u32) -> Vec<u8> {
    let module = wat::parse_str(module).expect("a module");
    let (mut index, mut depth) = (0, 0_u32);
    for payload in Parser::new(0).parse_all(component) {
        match payload.expect("a component") {
            // At the top, modules are counted; what lies in them is not.
            Payload::ModuleSection { .. } if depth == 1 => index += 1,
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            _ => {}
        }
    }
    let mut instances = number(count);
    for _ in 0..count {
        instances.push(0);
        instances.extend(number(index));
        instances.push(0);
    }
    let mut bytes = component.to_vec();
    for (section, content) in [(1, module), (2, instances)] {
        bytes.push(section);
        bytes.extend(number(u32::try_from(content.len()).expect("small")));
        bytes.extend(content);
    }
    bytes
}

/// As the binary format writes numbers: seven bits a byte, the lowest first.
fn number(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Functions that take long to compile, as text: each computes with a hundred values that are all alive at the end.
pub fn slow_to_compile(functions: usize) -> String {
    const VALUES: usize = 100;
    let mut body = format!("(param i64) (result i64) (local{})", " i64".repeat(VALUES));
    for round in 0..10 {
        for value in 1..=VALUES {
            let (one, other) = ((value + round) % VALUES + 1, (value * 7 + round) % VALUES + 1);
            let step = format!(
                "(local.set {value} (i64.add (i64.mul (local.get {one}) (local.get {other})) (i64.load (i32.wrap_i64 (local.get 0)))))"
            );
            body.push_str(&step);
        }
    }
    let sum =
        (1..=VALUES).fold("(local.get 0)".to_owned(), |sum, value| format!("(i64.xor {sum} (local.get {value}))"));
    body.push_str(&sum);
    (0..functions).map(|number| format!("(func (export \"f{number}\") {body})")).collect()
}
