//! Whether a configuration makes sense: first the shape of every value, then what the values mean, and mean together.

mod auth;
mod drivers;
mod http;
mod inactive;
mod listeners;
pub(super) mod nearest;
mod notifications;
mod plugin;
mod redis;
mod rules;
pub(super) mod shapes;
mod storage;
#[cfg(test)]
mod tests;
mod tls;

use super::Config;
use super::read::node::{Node, Value};
use super::report::{Origin, Report};
use super::schema;

pub(super) use shapes::Dialect;

/// Checks a whole tree. Every mistake is reported; the result can be used only if there is none.
pub(super) fn run(root: &Node, dialect: Dialect, report: &mut Report) -> Config {
    let json = shapes::convert(root, schema::root(), dialect, report);
    let mut config = match serde_json::from_value::<Config>(json) {
        Ok(config) => config,
        Err(error) => {
            report.mistake("", &Origin::BuiltIn, format!("a value fits its key but not its meaning: {error}"));
            Config::default()
        }
    };
    let mut checker = Checker { root, dialect, report };
    checker.version(&config);
    storage::check(&mut checker, &mut config);
    auth::check(&mut checker, &config);
    http::check(&mut checker, &mut config);
    tls::check(&mut checker, &config);
    rules::check(&mut checker, &config);
    notifications::check(&mut checker, &config);
    plugin::check(&mut checker, &config);
    redis::check(&mut checker, &config);
    inactive::check(&mut checker, &config);
    config
}

/// What every check needs: where values were written, and where to say what is wrong with them.
struct Checker<'a> {
    root: &'a Node,
    dialect: Dialect,
    report: &'a mut Report,
}

impl Checker<'_> {
    /// Reports a mistake, unless one was found at this key already: a value of the wrong shape is also missing, but that is
    /// not the operator's second mistake.
    fn mistake(&mut self, key: &str, sentence: impl Into<String>) {
        if !self.report.has_mistake(key) {
            let origin = self.root.origin_of(key);
            self.report.mistake(key, &origin, sentence);
        }
    }

    fn warning(&mut self, key: &str, sentence: impl Into<String>) {
        let origin = self.root.origin_of(key);
        self.report.warning(key, &origin, sentence);
    }

    /// Whether something stands at a key.
    fn is_given(&self, key: &str) -> bool {
        self.root.find(key).is_some_and(|node| node.value != Value::Null)
    }

    /// Reports a text that must be there and isn't.
    fn required(&mut self, key: &str, is_empty: bool, mend: &str) {
        if is_empty {
            self.mistake(key, format!("is missing; {mend}"));
        }
    }

    fn version(&mut self, config: &Config) {
        let key = "version";
        if !self.is_given(key) && self.dialect == Dialect::Yaml {
            self.mistake(key, "is missing; write \"version: 0.1\" at the top of the file");
        } else if config.version != "0.1" {
            let version = shapes::shown(&config.version);
            self.mistake(key, format!("is {version}, but the only version that is understood is 0.1"));
        }
    }
}
