//! `REGISTRY_*` variables over the tree that a file gave.
//!
//! A name is split at every `_`, and each piece leads one level down. The schema says what a level is: a section, in which a
//! piece names a key (Wharf's own keys may take several pieces); a map, in which it is a key; a list, in which it is an index.
//! Each value is read as YAML for the kind of value that its place wants.

mod explain;
mod names;
mod order;

use std::sync::Arc;

use super::super::check::shapes::join;
use super::super::report::{Origin, Report};
use super::super::schema::{Section, Shape, VariableName, variable_name};
use super::node::{Node, Value};
use super::source::PATH_VARIABLE;
use super::yaml;
use names::{find_field, is_written_small, without_indexes};

/// What every variable of the configuration begins with.
const PREFIX: &str = "REGISTRY_";

/// More than any key has; sections with free names could go on for ever.
const PIECES_MAX: usize = 32;

/// Lays the variables over a tree, in the order of their names. What cannot be applied is reported: a name that leads nowhere
/// as a warning, as `distribution` does; a wrong index as a mistake.
pub(super) fn apply(environment: &[(String, String)], root: &mut Node, schema: &Section, report: &mut Report) {
    let mut variables: Vec<(&str, &str)> = environment
        .iter()
        .filter(|(name, _)| name.starts_with(PREFIX) && name != PATH_VARIABLE)
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    variables.sort_by(|(one, _), (other, _)| order::compare(one, other));
    for (name, text) in variables {
        let mut variable = Variable { name: Arc::from(name), text, report };
        let pieces: Vec<&str> = name[PREFIX.len()..].split('_').collect();
        // A name that turns out to lead nowhere must leave nothing behind: half of one may be a driver's.
        let mut changed = root.clone();
        let outcome = match pieces.len() {
            ..=PIECES_MAX => variable.set_in_section(&mut changed, schema, "", &pieces),
            _ => Err(Lost::TooLong { key: pieces[..2].join(".").to_lowercase() }),
        };
        match outcome {
            Ok(()) => *root = changed,
            Err(lost) => variable.explain(lost),
        }
    }
}

/// Why a name leads nowhere.
enum Lost {
    /// No key of this section is called so.
    Unknown { section: String, pieces: Vec<String>, known: Vec<String> },
    /// The key holds a single value; nothing lies below it.
    TooLong { key: String },
    /// What should be an index isn't, or leaves a gap.
    Index { key: String, piece: String, length: usize },
    /// A file has something else at this key than it should; that is reported when the file is checked.
    InTheWay,
}

struct Variable<'a> {
    name: Arc<str>,
    text: &'a str,
    report: &'a mut Report,
}

impl Variable<'_> {
    fn origin(&self) -> Origin {
        Origin::Variable(self.name.clone())
    }

    /// Goes on below a place of a known shape, or sets it when no piece is left.
    fn set(&mut self, node: &mut Node, shape: &Shape, key: &str, pieces: &[&str]) -> Result<(), Lost> {
        if pieces.is_empty() {
            if let Some(value) = self.parse(shape, key) {
                *node = value;
            }
            return Ok(());
        }
        match shape {
            Shape::Section(section) => self.set_in_section(node, section, key, pieces),
            Shape::Map(inner) => self.set_in_map(node, inner, key, pieces),
            Shape::Any => self.set_in_map(node, &Shape::Any, key, pieces),
            Shape::List(inner) => self.set_in_list(node, inner, key, pieces),
            Shape::Strings => self.set_in_list(node, &Shape::Text, key, pieces),
            _ => Err(Lost::TooLong { key: key.to_owned() }),
        }
    }

    fn set_in_section(&mut self, node: &mut Node, section: &Section, key: &str, pieces: &[&str]) -> Result<(), Lost> {
        if matches!(key, "storage" | "auth") {
            node.expand_short_form();
        }
        let Some(piece) = pieces.first() else { return Err(Lost::InTheWay) };
        if variable_name(&without_indexes(key), piece) == Some(VariableName::Transparent) && pieces.len() > 1 {
            return self.set_in_section(node, section, key, &pieces[1..]);
        }
        let found = find_field(section, key, pieces);
        let Some((field, used)) = found else {
            return Err(Lost::Unknown {
                section: key.to_owned(),
                pieces: pieces.iter().map(|piece| (*piece).to_owned()).collect(),
                known: section.keys().map(str::to_owned).collect(),
            });
        };
        if is_written_small(pieces, used) && pieces.len() > used {
            let upper = field.key.to_uppercase();
            let sentence =
                format!("write {upper} in capitals; distribution would not find \"{}\" by this name", field.key);
            self.report.warning(join(key, &field.key), &self.origin(), sentence);
        }
        let origin = self.origin();
        let entry = node.entry(&field.key, &origin).ok_or(Lost::InTheWay)?;
        let full = join(key, &field.key);
        self.set(entry, &field.shape, &full, &pieces[used..])
    }

    fn set_in_map(&mut self, node: &mut Node, inner: &Shape, key: &str, pieces: &[&str]) -> Result<(), Lost> {
        let Some((piece, rest)) = pieces.split_first() else { return Err(Lost::InTheWay) };
        let existing = match &node.value {
            Value::Map(entries) => entries.iter().map(|(name, _)| name).find(|name| name.eq_ignore_ascii_case(piece)),
            _ => None,
        };
        let name = existing.cloned().unwrap_or_else(|| piece.to_lowercase());
        let origin = self.origin();
        let entry = node.entry(&name, &origin).ok_or(Lost::InTheWay)?;
        self.set(entry, inner, &join(key, &name), rest)
    }

    fn set_in_list(&mut self, node: &mut Node, inner: &Shape, key: &str, pieces: &[&str]) -> Result<(), Lost> {
        let Some((piece, rest)) = pieces.split_first() else { return Err(Lost::InTheWay) };
        let origin = self.origin();
        match &node.value {
            Value::Null => node.value = Value::List(Vec::new()),
            // One text alone is a list of one.
            Value::Plain(_) | Value::Quoted(_) => node.value = Value::List(vec![node.clone()]),
            _ => {}
        }
        let Value::List(items) = &mut node.value else { return Err(Lost::InTheWay) };
        let length = items.len();
        let index = piece.parse::<usize>().ok().filter(|index| *index <= length);
        let Some(index) = index else {
            return Err(Lost::Index { key: key.to_owned(), piece: (*piece).to_owned(), length });
        };
        if index == length {
            items.push(Node::null(origin));
        }
        match items.get_mut(index) {
            Some(item) => self.set(item, inner, &format!("{key}[{index}]"), rest),
            None => Err(Lost::InTheWay),
        }
    }

    /// Reads the value as YAML. Where a text is wanted, what is no YAML (or no single value) is the text itself.
    fn parse(&mut self, shape: &Shape, key: &str) -> Option<Node> {
        let from = yaml::Text::Variable(self.name.clone());
        let single = !matches!(shape, Shape::Section(_) | Shape::Map(_) | Shape::List(_) | Shape::Any);
        let raw = || Node { value: Value::Quoted(self.text.to_owned()), origin: Origin::Variable(self.name.clone()) };
        match yaml::parse(self.text, &from, self.report) {
            Ok(node) if single && shape != &Shape::Strings && matches!(node.value, Value::List(_) | Value::Map(_)) => {
                Some(raw())
            }
            Ok(node) => {
                self.warn_of_comment(&node, key);
                Some(node)
            }
            Err(_) if single => Some(raw()),
            Err(refused) => {
                self.report.mistake(key, &refused.origin, format!("the value is {}", refused.sentence));
                None
            }
        }
    }

    /// A password with ` #` in it loses its end without anybody noticing.
    fn warn_of_comment(&mut self, node: &Node, key: &str) {
        if let Value::Plain(text) = &node.value
            && self.text.contains(" #")
            && text.len() < self.text.trim().len()
        {
            let sentence =
                "what follows \" #\" is a YAML comment and left out; put the whole value into quotes to keep it";
            self.report.warning(key, &Origin::Variable(self.name.clone()), sentence);
        }
    }
}
