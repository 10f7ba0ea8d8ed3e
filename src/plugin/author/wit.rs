//! The contract and what it refers to, as the files of a project get it.

use super::World;

/// A file beneath a project's `wit/deps/`, and its text.
pub(super) type File = (&'static str, &'static str);

/// The WIT files that a project for this world needs beside its own.
pub(super) fn dependencies(world: World) -> impl Iterator<Item = File> {
    let contract: &[File] = match world.package() {
        "auth" => AUTH,
        "notify" => NOTIFY,
        _ => STORAGE,
    };
    contract.iter().chain(WASI).copied()
}

/// `wharf:auth`.
const AUTH: &[File] = &[
    ("wharf-auth/provider.wit", include_str!("../../../wit/auth/provider.wit")),
    ("wharf-auth/types.wit", include_str!("../../../wit/auth/types.wit")),
    ("wharf-auth/worlds.wit", include_str!("../../../wit/auth/worlds.wit")),
];

/// `wharf:notify`.
const NOTIFY: &[File] = &[
    ("wharf-notify/hook.wit", include_str!("../../../wit/notify/hook.wit")),
    ("wharf-notify/types.wit", include_str!("../../../wit/notify/types.wit")),
    ("wharf-notify/worlds.wit", include_str!("../../../wit/notify/worlds.wit")),
];

/// `wharf:storage`.
const STORAGE: &[File] = &[
    ("wharf-storage/backend.wit", include_str!("../../../wit/storage/backend.wit")),
    ("wharf-storage/optional.wit", include_str!("../../../wit/storage/optional.wit")),
    ("wharf-storage/types.wit", include_str!("../../../wit/storage/types.wit")),
    ("wharf-storage/worlds.wit", include_str!("../../../wit/storage/worlds.wit")),
];

/// The interfaces of WASI 0.2 that the host offers.
const WASI: &[File] = &[
    ("cli.wit", include_str!("../../../wit/deps/cli.wit")),
    ("clocks.wit", include_str!("../../../wit/deps/clocks.wit")),
    ("config/store.wit", include_str!("../../../wit/deps/config/store.wit")),
    ("config/world.wit", include_str!("../../../wit/deps/config/world.wit")),
    ("filesystem.wit", include_str!("../../../wit/deps/filesystem.wit")),
    ("http.wit", include_str!("../../../wit/deps/http.wit")),
    ("io.wit", include_str!("../../../wit/deps/io.wit")),
    ("keyvalue/atomic.wit", include_str!("../../../wit/deps/keyvalue/atomic.wit")),
    ("keyvalue/batch.wit", include_str!("../../../wit/deps/keyvalue/batch.wit")),
    ("keyvalue/store.wit", include_str!("../../../wit/deps/keyvalue/store.wit")),
    ("keyvalue/watch.wit", include_str!("../../../wit/deps/keyvalue/watch.wit")),
    ("keyvalue/world.wit", include_str!("../../../wit/deps/keyvalue/world.wit")),
    ("logging.wit", include_str!("../../../wit/deps/logging.wit")),
    ("random.wit", include_str!("../../../wit/deps/random.wit")),
    ("sockets.wit", include_str!("../../../wit/deps/sockets.wit")),
    ("tls/types.wit", include_str!("../../../wit/deps/tls/types.wit")),
    ("tls/world.wit", include_str!("../../../wit/deps/tls/world.wit")),
];
