//! YAML into a [`Node`], by the rules of YAML 1.1 that `distribution` reads its file with: the last of two equal keys wins,
//! `<<` merges, and what a plain scalar means is decided by the key that it stands at (see `scalar`).

use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, Tag};

use super::super::report::{Origin, Report};
use super::node::{Node, Value};

/// Deeper than any configuration; a file beyond it is a mistake or an attack.
const DEPTH_MAX: usize = 32;
/// Places in the tree, with everything that aliases repeat.
const NODES_MAX: usize = 50_000;

/// Where the text comes from.
#[derive(Debug, Clone)]
pub(super) enum Text {
    /// A file, by its name.
    File(Arc<str>),
    /// A variable, by its name.
    Variable(Arc<str>),
}

impl Text {
    fn origin(&self, line: usize) -> Origin {
        match self {
            Self::File(file) => Origin::File { file: file.clone(), line },
            Self::Variable(name) => Origin::Variable(name.clone()),
        }
    }
}

/// Why a text is no YAML that could be used.
pub(super) struct Refused {
    pub origin: Origin,
    pub sentence: String,
}

/// Reads the first document of a text; an empty text is an empty place. Equal keys are reported as warnings.
pub(super) fn parse(text: &str, from: &Text, report: &mut Report) -> Result<Node, Refused> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut reader = Reader {
        events: Parser::new_from_str_with_options(text, options),
        from,
        anchors: HashMap::new(),
        nodes_left: NODES_MAX,
        report,
    };
    reader.document()
}

struct Reader<'a, I> {
    events: I,
    from: &'a Text,
    /// What aliases repeat.
    anchors: HashMap<usize, Node>,
    nodes_left: usize,
    report: &'a mut Report,
}

impl<'a, I: Iterator<Item = Result<(Event<'a>, Span), ScanError>>> Reader<'a, I> {
    fn document(&mut self) -> Result<Node, Refused> {
        loop {
            match self.next()? {
                Some((Event::StreamStart | Event::DocumentStart(..), _)) => {}
                Some((Event::StreamEnd | Event::DocumentEnd, _)) | None => {
                    return Ok(Node::null(self.from.origin(1)));
                }
                Some((event, span)) => {
                    let node = self.node(event, span, "", 0)?;
                    self.end()?;
                    return Ok(node);
                }
            }
        }
    }

    /// What follows the document must still be YAML; a second document is ignored, and said to be.
    fn end(&mut self) -> Result<(), Refused> {
        let mut warned = false;
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::DocumentStart(..)) && !warned {
                warned = true;
                let origin = self.from.origin(span.start.line());
                self.report.warning("", &origin, "a second document starts here; only the first one is read");
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Refused> {
        match self.events.next() {
            None => Ok(None),
            Some(Ok(event)) => Ok(Some(event)),
            Some(Err(error)) => Err(Refused {
                origin: self.from.origin(error.marker().line()),
                sentence: format!("no valid YAML: {} (column {})", error.kind(), error.marker().col() + 1),
            }),
        }
    }

    fn refuse<T>(&self, span: &Span, sentence: impl Into<String>) -> Result<T, Refused> {
        Err(Refused { origin: self.from.origin(span.start.line()), sentence: sentence.into() })
    }

    fn node(&mut self, event: Event<'a>, span: Span, path: &str, depth: usize) -> Result<Node, Refused> {
        if depth > DEPTH_MAX {
            return self.refuse(&span, format!("nested deeper than {DEPTH_MAX} levels"));
        }
        if self.nodes_left == 0 {
            return self.refuse(&span, format!("more than {NODES_MAX} values"));
        }
        self.nodes_left -= 1;
        let origin = self.from.origin(span.start.line());
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => (scalar(&text, style, tag.as_deref()), anchor),
            Event::SequenceStart(_, anchor, _) => (self.list(path, depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.map(path, depth)?, anchor),
            Event::Alias(anchor) => return self.alias(anchor, &span),
            _ => return self.refuse(&span, "no valid YAML: a value is missing"),
        };
        let node = Node { value, origin };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, span: &Span) -> Result<Node, Refused> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return self.refuse(span, "no valid YAML: an alias to something that contains it");
        };
        match self.nodes_left.checked_sub(node.size()) {
            Some(left) => self.nodes_left = left,
            None => return self.refuse(span, format!("more than {NODES_MAX} values")),
        }
        Ok(node)
    }

    fn list(&mut self, path: &str, depth: usize) -> Result<Value, Refused> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Some((Event::SequenceEnd, _)) | None => return Ok(Value::List(items)),
                Some((event, span)) => {
                    let path = format!("{path}[{}]", items.len());
                    items.push(self.node(event, span, &path, depth + 1)?);
                }
            }
        }
    }

    fn map(&mut self, path: &str, depth: usize) -> Result<Value, Refused> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        let mut merged = Vec::new();
        loop {
            let (key, line) = match self.next()? {
                Some((Event::MappingEnd, _)) | None => break,
                Some((event, span)) => (self.key(event, &span)?, span.start.line()),
            };
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let Some((event, span)) = self.next()? else { break };
            let mut node = self.node(event, span, &path, depth + 1)?;
            // A section begins at its first key; what one looks for is the line of its name.
            node.origin = self.from.origin(line);
            if key == "<<" {
                merged.push(node);
                continue;
            }
            match entries.iter_mut().find(|(name, _)| *name == key) {
                Some((_, earlier)) => {
                    let sentence =
                        format!("stands here again and replaces what {} says; keep one of them", earlier.origin);
                    self.report.warning(&path, &node.origin, sentence);
                    *earlier = node;
                }
                None => entries.push((key, node)),
            }
        }
        for node in merged {
            merge(&mut entries, node);
        }
        Ok(Value::Map(entries))
    }

    fn key(&self, event: Event<'a>, span: &Span) -> Result<String, Refused> {
        let alias = |anchor| self.anchors.get(&anchor).map(|node| node.value.clone());
        match event {
            Event::Scalar(text, ..) => Ok(text.into_owned()),
            Event::Alias(anchor) => match alias(anchor) {
                Some(Value::Plain(text) | Value::Quoted(text)) => Ok(text),
                _ => self.refuse(span, "a key must be a text"),
            },
            _ => self.refuse(span, "a key must be a text"),
        }
    }
}

/// Adds the keys of a merged section that are not there yet.
fn merge(entries: &mut Vec<(String, Node)>, node: Node) {
    match node.value {
        Value::Map(more) => {
            for (key, node) in more {
                if !entries.iter().any(|(name, _)| *name == key) {
                    entries.push((key, node));
                }
            }
        }
        Value::List(sections) => sections.into_iter().for_each(|section| merge(entries, section)),
        _ => {}
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let text = text.to_owned();
    match tag.map(Tag::suffix) {
        Some("str") => return Value::Quoted(text),
        Some("int" | "float" | "bool") => return Value::Plain(text),
        _ => {}
    }
    match style {
        ScalarStyle::Plain if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL") => Value::Null,
        ScalarStyle::Plain => Value::Plain(text),
        _ => Value::Quoted(text),
    }
}
