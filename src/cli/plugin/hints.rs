//! What an author can do about a failure, in the words of this command line: the host's own sentences name the keys of a server's
//! configuration.

use std::collections::BTreeSet;

use super::Failure;
use crate::plugin::OpenError;
use crate::plugin::error::{InitError, LoadError};

/// Limits that have an option of their own.
const OPTIONS: [&str; 4] = ["call_time_max", "start_time_max", "compile_time_max", "memory_bytes_max"];

/// A component that does not even start.
pub(super) fn refused(error: OpenError) -> Failure {
    let text = error.to_string();
    let hint = match &error.error {
        LoadError::Init(InitError::Config(_)) => {
            Some("give configuration by --config KEY=VALUE, a secret too".to_owned())
        }
        _ => for_limits(std::iter::once(text.as_str())).pop_first(),
    };
    Failure::Said(with(text, hint))
}

/// A call that was not answered.
pub(super) fn failed(text: String) -> Failure {
    let hint = for_limits(std::iter::once(text.as_str())).pop_first();
    Failure::Said(with(text, hint))
}

fn with(text: String, hint: Option<String>) -> String {
    match hint {
        Some(hint) => format!("{text}\nnote: {hint}"),
        None => text,
    }
}

/// One sentence for each limit that the texts name.
pub(super) fn for_limits<'a>(texts: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    texts.flat_map(|text| text.split("limits.").skip(1)).filter_map(hint).collect()
}

/// For a text that begins with a limit's name.
fn hint(text: &str) -> Option<String> {
    let end = text.find(|character: char| character != '_' && !character.is_ascii_lowercase()).unwrap_or(text.len());
    let name = text.get(..end).filter(|name| name.ends_with("_max"))?;
    Some(match OPTIONS.contains(&name) {
        true => format!("limits.{name} is raised by --{}", name.replace('_', "-")),
        false => format!("limits.{name} is raised by --limits '{name} = …'"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_told_by_the_option_that_raises_it() {
        let texts = [
            "compiling it takes longer than limits.compile_time_max (60s); raise the limit",
            "write took longer than limits.call_time_max (10s)",
            "write took longer than limits.call_time_max (10s), and is over limits.resources_max",
            "nothing of the kind: limits. limits.other",
        ];
        let hints: Vec<String> = for_limits(texts.into_iter()).into_iter().collect();
        assert_eq!(
            hints,
            [
                "limits.call_time_max is raised by --call-time-max",
                "limits.compile_time_max is raised by --compile-time-max",
                "limits.resources_max is raised by --limits 'resources_max = …'",
            ]
        );
    }
}
