//! A configuration before its meaning is known: a tree in which every value knows where it was written.

use std::mem;

use super::super::report::Origin;

/// One place of the tree.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::config) struct Node {
    /// What stands there.
    pub value: Value,
    /// Where it was written.
    pub origin: Origin,
}

/// What can stand at a place.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::config) enum Value {
    /// Nothing; counts as if the key were absent.
    Null,
    /// A value whose kind is open: `010` may be a text or the number eight.
    Plain(String),
    /// A text that says of itself that it is one.
    Quoted(String),
    /// A list.
    List(Vec<Node>),
    /// Keys and values in the order of the file.
    Map(Vec<(String, Node)>),
}

impl Value {
    /// What it is called in a sentence.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "empty",
            Self::Plain(_) | Self::Quoted(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a section",
        }
    }
}

impl Node {
    /// An empty section.
    pub fn section(origin: Origin) -> Self {
        Self { value: Value::Map(Vec::new()), origin }
    }

    /// An empty place.
    pub fn null(origin: Origin) -> Self {
        Self { value: Value::Null, origin }
    }

    /// The value of a key, if this is a section that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The value of a key, made empty when it is missing; `None` if this is no section. An empty place becomes one.
    pub fn entry(&mut self, key: &str, origin: &Origin) -> Option<&mut Self> {
        if self.value == Value::Null {
            self.value = Value::Map(Vec::new());
        }
        let Value::Map(entries) = &mut self.value else { return None };
        let index = entries.iter().position(|(name, _)| name == key).unwrap_or_else(|| {
            entries.push((key.to_owned(), Self::null(origin.clone())));
            entries.len() - 1
        });
        entries.get_mut(index).map(|(_, node)| node)
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) -> Option<Self> {
        let Value::Map(entries) = &mut self.value else { return None };
        let index = entries.iter().position(|(name, _)| name == key)?;
        Some(entries.remove(index).1)
    }

    /// The node of a full key such as `health.http[0].uri`.
    pub fn find(&self, key: &str) -> Option<&Self> {
        let mut node = self;
        for part in key.split('.').filter(|part| !part.is_empty()) {
            let (name, indexes) = part.split_once('[').map_or((part, ""), |(name, rest)| (name, rest));
            node = node.get(name)?;
            for index in indexes.split('[').filter(|index| !index.is_empty()) {
                let index: usize = index.trim_end_matches(']').parse().ok()?;
                node = match &node.value {
                    Value::List(items) => items.get(index)?,
                    _ => return None,
                };
            }
        }
        Some(node)
    }

    /// Where a key was written; the nearest place above it that is written, when it is not.
    pub fn origin_of(&self, key: &str) -> Origin {
        let mut key = key;
        loop {
            if let Some(node) = self.find(key) {
                return node.origin.clone();
            }
            match key.rfind(['.', '[']) {
                Some(end) => key = &key[..end],
                None => return Origin::BuiltIn,
            }
        }
    }

    /// Turns `inmemory` into `{inmemory: {}}`: the short form of `storage` and `auth`.
    pub fn expand_short_form(&mut self) {
        if let Value::Plain(name) | Value::Quoted(name) = &mut self.value {
            let name = mem::take(name);
            let inner = Self::section(self.origin.clone());
            self.value = Value::Map(vec![(name, inner)]);
        }
    }

    /// Number of places, this one among them.
    pub fn size(&self) -> usize {
        1 + match &self.value {
            Value::List(items) => items.iter().map(Self::size).sum(),
            Value::Map(entries) => entries.iter().map(|(_, node)| node.size()).sum(),
            _ => 0,
        }
    }
}
