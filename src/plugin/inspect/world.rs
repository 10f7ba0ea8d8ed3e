//! Which world a component is for, told from what it exports.

use std::fmt;

use serde::Serialize;

/// A world of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum World {
    /// `wharf:storage/storage-backend`.
    StorageBackend,
    /// `wharf:storage/storage-layer`.
    StorageLayer,
    /// `wharf:auth/auth-provider`.
    AuthProvider,
    /// `wharf:notify/notification-hook`.
    NotificationHook,
}

/// The interface by which each package's worlds are known, and the version that this server speaks.
const INTERFACES: [(&str, &str, World); 3] = [
    ("wharf:storage/backend", "0.1.0", World::StorageBackend),
    ("wharf:auth/provider", "0.1.0", World::AuthProvider),
    ("wharf:notify/hook", "0.1.0", World::NotificationHook),
];

impl World {
    /// As it is written in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::StorageBackend => "storage-backend",
            Self::StorageLayer => "storage-layer",
            Self::AuthProvider => "auth-provider",
            Self::NotificationHook => "notification-hook",
        }
    }

    /// The package that it is in.
    pub fn package(self) -> &'static str {
        match self {
            Self::StorageBackend | Self::StorageLayer => "wharf:storage",
            Self::AuthProvider => "wharf:auth",
            Self::NotificationHook => "wharf:notify",
        }
    }
}

/// Why a component is of no world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorldError {
    /// It was built with another version of the contract.
    Version {
        /// What it exports.
        exported: String,
        /// The version that this server speaks.
        spoken: &'static str,
    },
    /// It exports nothing by which it would be known.
    Unknown(Vec<String>),
    /// It exports several.
    Several(Vec<&'static str>),
}

impl fmt::Display for WorldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { exported, spoken } => {
                let (interface, version) = split(exported);
                let package = interface.split('/').next().unwrap_or(interface);
                let short = spoken.rsplit_once('.').map_or(*spoken, |(short, _)| short);
                write!(f, "this component exports {package}@{version}; this server speaks {short}. ")?;
                write!(f, "Build it with the WIT files of {package}@{spoken}, or run a server that speaks {version}")
            }
            Self::Unknown(exports) => {
                let found = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
                let known = INTERFACES.map(|(interface, version, _)| format!("{interface}@{version}")).join(", ");
                write!(
                    f,
                    "this component exports {found}; a plugin exports one of {known}. \"wharf plugin new\" writes one"
                )
            }
            Self::Several(worlds) => {
                write!(f, "this component is a {} at once; make a component of each", worlds.join(" and a "))
            }
        }
    }
}

/// The world, and the version that the component was built with.
pub(super) fn of(exports: &[String], imports: &[String]) -> Result<(World, String), WorldError> {
    let mut found = Vec::new();
    for (interface, spoken, world) in INTERFACES {
        for export in exports.iter().filter(|export| split(export).0 == interface) {
            let version = split(export).1;
            if !is_spoken(version, spoken) {
                return Err(WorldError::Version { exported: export.clone(), spoken });
            }
            found.push((world, version.to_owned()));
        }
    }
    match found.as_slice() {
        [] => Err(WorldError::Unknown(exports.to_vec())),
        [(World::StorageBackend, version)] if imports.iter().any(|import| split(import).0 == INTERFACES[0].0) => {
            Ok((World::StorageLayer, version.clone()))
        }
        [one] => Ok(one.clone()),
        several => Err(WorldError::Several(several.iter().map(|(world, _)| world.name()).collect())),
    }
}

/// Before 1.0 the second number is the one that breaks.
fn is_spoken(version: &str, spoken: &str) -> bool {
    let kept = |version: &str| version.rsplit_once('.').map(|(kept, _)| kept.to_owned());
    kept(version) == kept(spoken)
}

/// `wharf:auth/provider@0.1.0` as its two parts.
fn split(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}
