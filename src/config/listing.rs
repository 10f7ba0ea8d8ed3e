//! `catalog`, `tags` and `referrers`: how long a list may be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The list of repositories.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Catalog {
    /// Repositories in one answer at most, whatever `n` asks for. Less than 1 counts as 1000.
    pub maxentries: i64,
}

impl Default for Catalog {
    fn default() -> Self {
        Self { maxentries: 1000 }
    }
}

/// Lists of tags.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tags {
    /// Tags in one answer at most, if `n` asks for a number at all. 0 counts as 1000.
    pub maxtags: u32,
}

impl Default for Tags {
    fn default() -> Self {
        Self { maxtags: 1000 }
    }
}

/// Lists of referrers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Referrers {
    /// Descriptors in one answer at most; further ones are on the page that `Link` names. 0 counts as 1000.
    pub maxentries: u32,
}

impl Default for Referrers {
    fn default() -> Self {
        Self { maxentries: 1000 }
    }
}

/// What [`Catalog::maxentries`], [`Tags::maxtags`] and [`Referrers::maxentries`] fall back to.
const ENTRIES_DEFAULT: usize = 1000;

impl Catalog {
    /// The effective number of repositories in one answer; at least 1.
    pub fn entries_max(&self) -> usize {
        usize::try_from(self.maxentries).ok().filter(|entries| *entries > 0).unwrap_or(ENTRIES_DEFAULT)
    }
}

impl Tags {
    /// The effective number of tags in one answer; at least 1.
    pub fn entries_max(&self) -> usize {
        if self.maxtags == 0 { ENTRIES_DEFAULT } else { self.maxtags as usize }
    }
}

impl Referrers {
    /// The effective number of descriptors in one answer; at least 1.
    pub fn entries_max(&self) -> usize {
        if self.maxentries == 0 { ENTRIES_DEFAULT } else { self.maxentries as usize }
    }
}
