//! The contract of `wit/` as Rust types, made by `wasmtime::component::bindgen!`.
//!
//! A crate of its own because it takes a minute to compile, seldom changes, and must be optimised even in development: a list of
//! bytes that crosses into a component is one copy here when it is, and a loop over bytes when it is not.
//!
//! | Module | What it binds |
//! |---|---|
//! | [`storage`] | the world `wharf:storage/storage-backend`: the interface `backend` as a component exports it |
//! | [`small_objects`], [`batches`], [`server_side`], [`presigning`], [`streams`] | what such a component may export beside it, each alone |
//! | [`layer`] | what a `wharf:storage/storage-layer` imports: the same interfaces, given by the host |
//! | [`auth`] | the world `wharf:auth/auth-provider` |
//! | [`notify`] | the world `wharf:notify/notification-hook` |
//! | [`host`] | the drafts of WASI that the host implements itself: configuration, logging, key-value |

#![allow(missing_docs, reason = "the documentation is in wit/, and bindgen! carries over what it can")]

/// Drafts of WASI that the host implements itself.
pub mod host {
    wasmtime::component::bindgen!({
        path: "../wit/storage",
        inline: "
            package wharf:bindings;
            world host {
                import wasi:config/store@0.2.0-rc.1;
                import wasi:logging/logging@0.1.0-draft;
                import wasi:keyvalue/store@0.2.0-draft;
                import wasi:keyvalue/atomics@0.2.0-draft;
            }
        ",
        world: "wharf:bindings/host",
        imports: { default: async | trappable },
    });
}

/// `wharf:storage/storage-backend`.
pub mod storage {
    wasmtime::component::bindgen!({
        path: "../wit/storage",
        world: "wharf:storage/storage-backend",
        exports: { default: async },
        with: {
            "wasi:config/store@0.2.0-rc.1": crate::host::wasi::config::store,
            "wasi:logging/logging@0.1.0-draft": crate::host::wasi::logging::logging,
        },
    });
}

/// `wharf:storage/small-objects`, as a component exports it.
pub mod small_objects {
    wasmtime::component::bindgen!({
        path: "../wit/storage",
        inline: "package wharf:bindings; world small-objects { export wharf:storage/small-objects@0.1.0; }",
        world: "wharf:bindings/small-objects",
        exports: { default: async },
        with: { "wharf:storage/types@0.1.0": crate::storage::wharf::storage::types },
    });
}

/// `wharf:storage/batches`, as a component exports it.
pub mod batches {
    wasmtime::component::bindgen!({
        path: "../wit/storage",
        inline: "package wharf:bindings; world batches { export wharf:storage/batches@0.1.0; }",
        world: "wharf:bindings/batches",
        exports: { default: async },
        with: { "wharf:storage/types@0.1.0": crate::storage::wharf::storage::types },
    });
}

/// `wharf:storage/server-side`, as a component exports it.
pub mod server_side {
    wasmtime::component::bindgen!({
        path: "../wit/storage",
        inline: "package wharf:bindings; world server-side { export wharf:storage/server-side@0.1.0; }",
        world: "wharf:bindings/server-side",
        exports: { default: async },
        with: { "wharf:storage/types@0.1.0": crate::storage::wharf::storage::types },
    });
}

/// `wharf:storage/presigning`, as a component exports it.
pub mod presigning {
    wasmtime::component::bindgen!({
        path: "../wit/storage",
        inline: "package wharf:bindings; world presigning { export wharf:storage/presigning@0.1.0; }",
        world: "wharf:bindings/presigning",
        exports: { default: async },
        with: { "wharf:storage/types@0.1.0": crate::storage::wharf::storage::types },
    });
}

/// `wharf:storage/streams`, as a component exports it. With `backend`, whose resources it speaks of; the streams are those of
/// `wasmtime-wasi`.
pub mod streams {
    wasmtime::component::bindgen!({
        path: "../wit/storage",
        inline: "
            package wharf:bindings;
            world streams {
                export wharf:storage/backend@0.1.0;
                export wharf:storage/streams@0.1.0;
            }
        ",
        world: "wharf:bindings/streams",
        exports: { default: async },
        with: {
            "wharf:storage/types@0.1.0": crate::storage::wharf::storage::types,
            "wasi:io": wasmtime_wasi_io::bindings::wasi::io,
        },
    });
}

/// What a `wharf:storage/storage-layer` imports. The resources are the host's own: `Resource<Reader>` and `Resource<Writer>`
/// hold the index of whatever the host keeps in its table.
pub mod layer {
    wasmtime::component::bindgen!({
        path: "../wit/storage",
        inline: "
            package wharf:bindings;
            world layer {
                import wharf:storage/backend@0.1.0;
                import wharf:storage/small-objects@0.1.0;
                import wharf:storage/batches@0.1.0;
                import wharf:storage/server-side@0.1.0;
                import wharf:storage/presigning@0.1.0;
            }
        ",
        world: "wharf:bindings/layer",
        imports: { default: async | trappable },
        with: { "wharf:storage/types@0.1.0": crate::storage::wharf::storage::types },
    });
}

/// `wharf:auth/auth-provider`.
pub mod auth {
    wasmtime::component::bindgen!({
        path: "../wit/auth",
        world: "wharf:auth/auth-provider",
        exports: { default: async },
        with: {
            "wasi:config/store@0.2.0-rc.1": crate::host::wasi::config::store,
            "wasi:logging/logging@0.1.0-draft": crate::host::wasi::logging::logging,
        },
    });
}

/// `wharf:notify/notification-hook`.
pub mod notify {
    wasmtime::component::bindgen!({
        path: "../wit/notify",
        world: "wharf:notify/notification-hook",
        exports: { default: async },
        with: {
            "wasi:config/store@0.2.0-rc.1": crate::host::wasi::config::store,
            "wasi:logging/logging@0.1.0-draft": crate::host::wasi::logging::logging,
        },
    });
}
