//! Whether a configuration makes sense: first the shape of every value, then what the values mean together.

pub(super) mod nearest;
pub(super) mod shapes;

use super::Config;
use super::read::node::Node;
use super::report::{Origin, Report};
use super::schema;
use super::storage::Filesystem;

pub(super) use shapes::Dialect;

/// Directory of the storage when nothing says otherwise.
const DIRECTORY: &str = "wharf-data";

/// Checks a whole tree. Every mistake is reported; the result can be used only if there is none.
pub(super) fn run(root: &Node, dialect: Dialect, report: &mut Report) -> Config {
    let json = shapes::convert(root, schema::root(), dialect, report);
    let mut config = match serde_json::from_value::<Config>(json) {
        Ok(config) => config,
        Err(error) => {
            report.mistake("", &Origin::BuiltIn, error.to_string());
            Config::default()
        }
    };
    if config.storage.driver().is_none() {
        config.storage.filesystem = Some(Filesystem { rootdirectory: DIRECTORY.into(), ..Filesystem::default() });
    }
    config
}
