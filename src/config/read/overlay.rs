//! `REGISTRY_*` variables over the tree that a file gave.
//!
//! A name is split at every `_`, and each piece leads one level down. The schema says what a level is: a section, in which a
//! piece names a key (Wharf's own keys may take several pieces); a map, in which it is a key; a list, in which it is an index.
//! Each value is read as YAML for the kind of value that its place wants.

mod order;

use std::sync::Arc;

use super::super::check::nearest::nearest;
use super::super::report::{Origin, Report};
use super::super::schema::{Field, Section, Shape, VariableName, variable_name};
use super::node::{Node, Value};
use super::source::PATH_VARIABLE;
use super::yaml;

/// What every variable of the configuration begins with.
const PREFIX: &str = "REGISTRY_";

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
        if let Err(lost) = variable.into_section(root, schema, "", &pieces) {
            variable.explain(lost);
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
    fn into(&mut self, node: &mut Node, shape: &Shape, key: &str, pieces: &[&str]) -> Result<(), Lost> {
        if pieces.is_empty() {
            if let Some(value) = self.parse(shape, key) {
                *node = value;
            }
            return Ok(());
        }
        match shape {
            Shape::Section(section) => self.into_section(node, section, key, pieces),
            Shape::Map(inner) => self.into_map(node, inner, key, pieces),
            Shape::Any => self.into_map(node, &Shape::Any, key, pieces),
            Shape::List(inner) => self.into_list(node, inner, key, pieces),
            Shape::Strings => self.into_list(node, &Shape::Text, key, pieces),
            _ => Err(Lost::TooLong { key: key.to_owned() }),
        }
    }

    fn into_section(&mut self, node: &mut Node, section: &Section, key: &str, pieces: &[&str]) -> Result<(), Lost> {
        if matches!(key, "storage" | "auth") {
            node.expand_short_form();
        }
        let Some(piece) = pieces.first() else { return Err(Lost::InTheWay) };
        if variable_name(&without_indexes(key), piece) == Some(VariableName::Transparent) && pieces.len() > 1 {
            return self.into_section(node, section, key, &pieces[1..]);
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
            self.report.warning(super::super::check::shapes::join(key, &field.key), &self.origin(), sentence);
        }
        let origin = self.origin();
        let entry = node.entry(&field.key, &origin).ok_or(Lost::InTheWay)?;
        let full = super::super::check::shapes::join(key, &field.key);
        self.into(entry, &field.shape, &full, &pieces[used..])
    }

    fn into_map(&mut self, node: &mut Node, inner: &Shape, key: &str, pieces: &[&str]) -> Result<(), Lost> {
        let Some((piece, rest)) = pieces.split_first() else { return Err(Lost::InTheWay) };
        let existing = match &node.value {
            Value::Map(entries) => entries.iter().map(|(name, _)| name).find(|name| name.eq_ignore_ascii_case(piece)),
            _ => None,
        };
        let name = existing.cloned().unwrap_or_else(|| piece.to_lowercase());
        let origin = self.origin();
        let entry = node.entry(&name, &origin).ok_or(Lost::InTheWay)?;
        self.into(entry, inner, &super::super::check::shapes::join(key, &name), rest)
    }

    fn into_list(&mut self, node: &mut Node, inner: &Shape, key: &str, pieces: &[&str]) -> Result<(), Lost> {
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
            Some(item) => self.into(item, inner, &format!("{key}[{index}]"), rest),
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

    fn explain(&mut self, lost: Lost) {
        let origin = self.origin();
        if matches!(lost, Lost::InTheWay) {
            return;
        }
        if is_of_kubernetes(&self.name) {
            let sentence = "looks like a variable that Kubernetes sets for a service, and is ignored; \
                            enableServiceLinks: false in the pod keeps such variables out";
            return self.report.warning("", &origin, sentence);
        }
        match lost {
            Lost::Unknown { section, pieces, known } => self.explain_unknown(&section, &pieces, &known),
            Lost::TooLong { key } => {
                let sentence = format!("{key} is a single value with nothing below it; the variable is ignored");
                self.report.warning("", &origin, sentence);
            }
            Lost::Index { key, piece, length } => {
                let sentence = format!(
                    "{key} is a list of {length}, and \"{piece}\" is no index of it; write 0 to {length}, or give the whole list as [a, b]"
                );
                self.report.mistake("", &origin, sentence);
            }
            Lost::InTheWay => {}
        }
    }
}

impl Variable<'_> {
    fn explain_unknown(&mut self, section: &str, pieces: &[String], known: &[String]) {
        let first = pieces.first().cloned().unwrap_or_default();
        // A key of one word, or one of Wharf's own that takes all the pieces that are left.
        let meant =
            [&first, &pieces.concat()].into_iter().find_map(|word| nearest(word, known.iter().map(String::as_str)));
        let hint = match meant {
            Some(meant) => format!("did you mean \"{}\"?", meant.to_uppercase()),
            None => format!("known there: {}", known.join(", ").to_uppercase()),
        };
        let origin = self.origin();
        match section {
            // Without its driver or its provider a server would not do what was asked.
            "storage" | "auth" => {
                self.report.mistake("", &origin, format!("there is nothing called {first} in {section}; {hint}"));
            }
            "" => self.report.warning("", &origin, format!("is no key of the configuration and ignored; {hint}")),
            _ => self.report.warning("", &origin, format!("there is no {first} in {section}; it is ignored; {hint}")),
        }
    }
}

/// The key that the first pieces name, and how many of them. Capitals always match. Small letters match below `storage` and
/// `auth` only, whose parameters are maps in `distribution`. Several pieces match a key that has `_` in its own name.
fn find_field<'a>(section: &'a Section, key: &str, pieces: &[&str]) -> Option<(&'a Field, usize)> {
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

fn is_written_small(pieces: &[&str], used: usize) -> bool {
    pieces[..used].iter().any(|piece| piece.bytes().any(|byte| byte.is_ascii_lowercase()))
}

fn without_indexes(key: &str) -> String {
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
fn is_of_kubernetes(name: &str) -> bool {
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
