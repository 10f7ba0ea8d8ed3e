//! What our own plugins share, over WASI 0.2: configuration, HTTP, waiting.
//!
//! The bindings are generated once, here. What a plugin does not call is not in its component: the component imports only what
//! its code uses.

pub mod config;
pub mod http;
pub mod time;
pub mod wanted;

#[allow(missing_docs, reason = "the documentation is in wit/")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/notify",
        inline: "
            package wharf:plugin-support;
            world support {
                include wharf:notify/host@0.1.0;
            }
        ",
        world: "wharf:plugin-support/support",
        generate_all,
    });
}

pub use bindings::wasi;
