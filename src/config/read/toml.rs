//! TOML into a [`Node`].

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::report::{Origin, Report};
use super::node::{Node, Value};

/// Mistakes of one file that are listed; one misplaced quote can make hundreds.
const MISTAKES_MAX: usize = 10;

/// Reads a file; what is no TOML is reported as mistakes, and then there is no tree.
pub(super) fn parse(text: &str, file: &Arc<str>, report: &mut Report) -> Option<Node> {
    let lines = Lines { text, file };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors.iter().take(MISTAKES_MAX) {
        let origin = lines.origin(error.span().unwrap_or_default());
        report.mistake("", &origin, format!("no valid TOML: {}", error.message()));
    }
    errors.is_empty().then(|| lines.section(table.into_inner(), 0..0))
}

struct Lines<'a> {
    text: &'a str,
    file: &'a Arc<str>,
}

impl Lines<'_> {
    fn origin(&self, span: Range<usize>) -> Origin {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        Origin::File { file: self.file.clone(), line: 1 + before.iter().filter(|byte| **byte == b'\n').count() }
    }

    fn node(&self, value: Spanned<DeValue<'_>>) -> Node {
        let span = value.span();
        let value = match value.into_inner() {
            DeValue::String(text) => Value::Quoted(text.into_owned()),
            DeValue::Integer(number) => Value::Plain(decimal(number.as_str(), number.radix())),
            DeValue::Float(number) => Value::Plain(number.as_str().to_owned()),
            DeValue::Boolean(yes) => Value::Plain(yes.to_string()),
            DeValue::Datetime(time) => Value::Quoted(time.to_string()),
            DeValue::Array(items) => Value::List(items.into_iter().map(|item| self.node(item)).collect()),
            DeValue::Table(table) => return self.section(table, span),
        };
        Node { value, origin: self.origin(span) }
    }

    fn section(&self, table: DeTable<'_>, span: Range<usize>) -> Node {
        let mut entries: Vec<_> = table.into_iter().collect();
        // The table is sorted by key; reports are easier to follow in the order of the file.
        entries.sort_by_key(|(key, _)| key.span().start);
        let value = Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| {
                    // A section's header stands elsewhere than its first value; the key's place is what one looks for.
                    let line = self.origin(key.span());
                    let mut node = self.node(value);
                    node.origin = line;
                    (key.into_inner().into_owned(), node)
                })
                .collect(),
        );
        Node { value, origin: self.origin(span) }
    }
}

/// TOML's `0x1F`, `0o17` and `0b1` as decimal digits; what is too large for any key stays as it is, and is refused there.
fn decimal(digits: &str, radix: u32) -> String {
    i128::from_str_radix(digits, radix).map_or_else(|_| digits.to_owned(), |number| number.to_string())
}
