//! What the pieces of a variable's name mean.

use super::super::super::schema::{Field, Section, VariableName, variable_name};

/// The key that the first pieces name, and how many of them. Capitals always match. Small letters match below `storage` and
/// `auth` only, whose parameters are maps in `distribution`. Several pieces match a key that has `_` in its own name.
pub(super) fn find_field<'a>(section: &'a Section, key: &str, pieces: &[&str]) -> Option<(&'a Field, usize)> {
    let first = pieces.first()?;
    if let Some(VariableName::Key(name)) = variable_name(&without_indexes(key), first) {
        return Some((section.field(name)?, 1));
    }
    let any_case = ["storage", "auth"].iter().any(|top| key == *top || key.starts_with(&format!("{top}.")));
    (1..=pieces.len()).find_map(|count| {
        let joined = pieces[..count].concat();
        let matches = |field: &&Field| {
            let plain = field.key.replace(['_', '-'], "");
            plain.to_uppercase() == joined || (any_case && plain.eq_ignore_ascii_case(&joined))
        };
        section.fields.iter().find(matches).map(|field| (field, count))
    })
}

pub(super) fn is_written_small(pieces: &[&str], used: usize) -> bool {
    pieces[..used].iter().any(|piece| piece.bytes().any(|byte| byte.is_ascii_lowercase()))
}

pub(super) fn without_indexes(key: &str) -> String {
    let mut plain = String::with_capacity(key.len());
    let mut inside = false;
    for c in key.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            c if !inside => plain.push(c),
            _ => {}
        }
    }
    plain
}

/// `…_PORT`, `…_PORT_5000_TCP_ADDR`, `…_SERVICE_HOST`, `…_SERVICE_PORT_HTTP`: what Kubernetes sets for every service that a
/// pod could see. One called `registry-storage` makes REGISTRY_STORAGE_PORT.
pub(super) fn is_of_kubernetes(name: &str) -> bool {
    let pieces: Vec<&str> = name.split('_').collect();
    pieces.iter().enumerate().skip(1).any(|(at, piece)| match (*piece, &pieces[at + 1..]) {
        ("SERVICE", ["HOST"] | ["PORT", ..]) => true,
        ("PORT", []) => true,
        ("PORT", [number, protocol, rest @ ..]) => {
            number.parse::<u16>().is_ok()
                && matches!(*protocol, "TCP" | "UDP" | "SCTP")
                && matches!(rest, [] | ["PROTO" | "PORT" | "ADDR"])
        }
        _ => false,
    })
}
