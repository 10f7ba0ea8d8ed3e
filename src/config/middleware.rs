//! `middleware`: named pieces around the registry, repositories and the storage.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Middleware by the place where it is put.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Middleware {
    /// Around the registry.
    pub registry: Vec<Piece>,
    /// Around each repository.
    pub repository: Vec<Piece>,
    /// Around the storage: `cloudfront`, `redirect`, `rewrite`, `alicdn`.
    pub storage: Vec<Piece>,
}

/// One piece of middleware.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Piece {
    /// Its name.
    pub name: String,
    /// Keeps it in the file without using it.
    pub disabled: bool,
    /// Its options.
    pub options: BTreeMap<String, serde_json::Value>,
}
