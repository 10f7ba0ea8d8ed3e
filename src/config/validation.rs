//! `validation` and `policy`: what a manifest must fulfil to be accepted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::Strings;

/// What a manifest must fulfil.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Validation {
    /// Turns off the rules of this section. A manifest must be well-formed all the same.
    pub disabled: bool,
    /// Has no effect any more: the rules apply unless `disabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Rules for manifests.
    pub manifests: Manifests,
}

/// Rules for manifests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Manifests {
    /// Which `urls` a layer may have. With both lists empty it may have none.
    pub urls: Urls,
    /// Which children of an index must exist in the repository before it.
    pub indexes: Indexes,
}

/// Rules for the `urls` of layers, as regular expressions that match anywhere in a URL.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Urls {
    /// A URL must match one of these, if there are any.
    pub allow: Strings,
    /// A URL may match none of these.
    pub deny: Strings,
}

/// Rules for indexes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Indexes {
    /// Which children must exist: `all`; `none`, so that an index may be sparse; or those of the platforms in `platformlist`.
    pub platforms: Platforms,
    /// The platforms for `platforms: list`.
    pub platformlist: Vec<Platform>,
}

/// Which children of an index must exist.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Platforms {
    /// Every one.
    #[default]
    All,
    /// None of them.
    None,
    /// Those of the listed platforms.
    List,
}

/// A platform.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Platform {
    /// Processor, as Go names it: `amd64`, `arm64`…
    pub architecture: String,
    /// System, as Go names it: `linux`, `windows`…
    pub os: String,
}

/// Which repositories are accepted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// By the class of their content.
    pub repository: RepositoryPolicy,
}

/// Repositories by class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RepositoryPolicy {
    /// Accepted classes, such as `image` and `plugin`; empty accepts all. A manifest of another class is refused with 403.
    pub classes: Strings,
}
