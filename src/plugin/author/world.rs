//! What kinds of plugins there are.

/// A world of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum World {
    /// `wharf:storage/storage-backend`.
    StorageBackend,
    /// `wharf:auth/auth-provider`.
    AuthProvider,
    /// `wharf:notify/notification-hook`.
    NotificationHook,
    /// `wharf:storage/storage-layer`.
    StorageLayer,
}

impl World {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::StorageBackend, Self::AuthProvider, Self::NotificationHook, Self::StorageLayer];

    /// Its name on the command line and in WIT: `auth-provider`.
    pub fn name(self) -> &'static str {
        match self {
            Self::StorageBackend => "storage-backend",
            Self::AuthProvider => "auth-provider",
            Self::NotificationHook => "notification-hook",
            Self::StorageLayer => "storage-layer",
        }
    }

    /// The package that it belongs to: `auth` of `wharf:auth`.
    pub(super) fn package(self) -> &'static str {
        match self {
            Self::StorageBackend | Self::StorageLayer => "storage",
            Self::AuthProvider => "auth",
            Self::NotificationHook => "notify",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|world| world.name() == name)
    }
}
