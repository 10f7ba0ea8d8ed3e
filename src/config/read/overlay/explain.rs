//! What is said of a variable that leads nowhere.

use super::super::super::check::nearest::nearest;
use super::names::is_of_kubernetes;
use super::{Lost, Variable};

impl Variable<'_> {
    pub(super) fn explain(&mut self, lost: Lost) {
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
