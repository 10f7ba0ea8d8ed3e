//! What a service is like beyond what it advertises.

use ::opendal::Operator;

use super::OpendalOptions;

#[derive(Debug, Clone, Copy)]
pub(super) struct Quirks {
    /// It is a file system: it has directories that stay when they are empty, and a file is no prefix.
    pub(super) directories: bool,
    /// Rename is one atomic step. It is, on file systems; stores have none.
    pub(super) renames: bool,
    /// Copy is done by the service, and its result appears whole.
    pub(super) copies: bool,
    /// Proved by whoever made the options, or known.
    pub(super) conditional_put: bool,
    /// Each call goes to another machine.
    pub(super) remote: bool,
    /// A listing tells the sizes of objects.
    pub(super) lists_sizes: bool,
}

impl Quirks {
    pub(super) fn of(operator: &Operator, options: &OpendalOptions) -> Self {
        let info = operator.info();
        let (scheme, can) = (info.scheme().to_string(), info.capability());
        let (directories, memory) = (scheme == "fs", scheme == "memory");
        Self {
            directories,
            renames: directories && can.rename,
            // The fs service writes a copy in place.
            copies: can.copy && !directories,
            // The fs service looks first and writes then; the memory service does both under a lock.
            conditional_put: can.write_with_if_not_exists && options.conditional_put.unwrap_or(memory),
            remote: !directories && !memory,
            lists_sizes: !memory,
        }
    }
}
