//! Moves what stands under an old name to the name of today.

use super::super::report::Report;
use super::super::schema::{Section, Shape};
use super::node::{Node, Value};

/// Moves everything that stands under an old name. Where both names are given, the one of today counts; the old one is
/// reported as ignored.
pub(super) fn apply(root: &mut Node, schema: &Section, report: &mut Report) {
    for (old, today) in old_names(schema, "") {
        let Some(node) = take(root, &old) else { continue };
        if node.value == Value::Null {
            continue;
        }
        if root.find(today).is_some_and(|found| found.value != Value::Null) {
            // Two drivers would be a mistake under any names; the check for it must see both.
            if old.starts_with("storage.s3") {
                report.mistake(&old, &node.origin, format!("\"s3aws\" and \"s3\" are one driver; keep \"{today}\""));
            } else {
                report.warning(
                    &old,
                    &node.origin,
                    format!("is the old name of {today}, which is given too; it is ignored"),
                );
            }
            continue;
        }
        place(root, today, node);
    }
}

fn old_names<'a>(section: &'a Section, path: &str) -> Vec<(String, &'a str)> {
    let mut found = Vec::new();
    for field in &section.fields {
        let key = if path.is_empty() { field.key.clone() } else { format!("{path}.{}", field.key) };
        match (&field.stands_for, &field.shape) {
            (Some(today), _) if !today.is_empty() => found.push((key, *today)),
            (_, Shape::Section(inner)) => found.extend(old_names(inner, &key)),
            _ => {}
        }
    }
    found
}

fn take(root: &mut Node, key: &str) -> Option<Node> {
    match key.split_once('.') {
        None => root.remove(key),
        Some((first, rest)) => {
            let Value::Map(entries) = &mut root.value else { return None };
            let (_, inner) = entries.iter_mut().find(|(name, _)| name == first)?;
            take(inner, rest)
        }
    }
}

fn place(root: &mut Node, key: &str, node: Node) {
    let mut place = root;
    for part in key.split('.') {
        match place.entry(part, &node.origin) {
            Some(inner) => place = inner,
            // Something else than a section stands on the way, which is reported when it is checked.
            None => return,
        }
    }
    *place = node;
}
