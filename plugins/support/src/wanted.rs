//! What a hook wants to hear of, in the words of its configuration: `events` and `levels`.

use crate::config::Reader;

const EVENTS: [&str; 5] = ["push", "pull", "mount", "delete", "server"];
const LEVELS: [&str; 7] = ["panic", "fatal", "error", "warn", "info", "debug", "trace"];

/// What a hook wants to hear of. The bits stand in the order in which the flags of `wharf:notify/types` do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The flags `actions`.
    pub actions: u8,
    /// The flags `levels`.
    pub levels: u8,
    /// Events about the server.
    pub server: bool,
}

impl Wanted {
    /// Reads `events` and `levels`; `default` is what is wanted where neither is there.
    pub fn read(reader: &mut Reader, default: Self) -> Self {
        let (events, levels) = (reader.list("events"), reader.list("levels"));
        let mut wanted = Self::default();
        for event in &events {
            match position(reader, "events", event, &EVENTS) {
                Some(4) => wanted.server = true,
                Some(action) => wanted.actions |= 1 << action,
                None => {}
            }
        }
        for level in &levels {
            let level = if level.eq_ignore_ascii_case("warning") { "warn" } else { level };
            if let Some(level) = position(reader, "levels", level, &LEVELS) {
                wanted.levels |= 1 << level;
            }
        }
        if events.is_empty() && levels.is_empty() { default } else { wanted }
    }
}

fn position(reader: &mut Reader, key: &str, word: &str, known: &[&str]) -> Option<usize> {
    let found = known.iter().position(|known| known.eq_ignore_ascii_case(word));
    if found.is_none() {
        reader.problem(key, format!("`{}` is none of {}", word.escape_debug(), known.join(", ")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_flags() {
        let default = Wanted { levels: 1, ..Wanted::default() };
        let read = |pairs: &[(&str, &str)]| {
            let mut reader = Reader::of(pairs);
            let wanted = Wanted::read(&mut reader, default);
            reader.finish(wanted)
        };
        assert_eq!(read(&[]), Ok(default));
        let some = Wanted { actions: 0b1001, levels: 0b1000, server: true };
        assert_eq!(read(&[("events", "push, Delete,server"), ("levels", "Warning")]), Ok(some));
        assert!(read(&[("events", "birth")]).is_err() && read(&[("levels", "loud")]).is_err());
    }
}
