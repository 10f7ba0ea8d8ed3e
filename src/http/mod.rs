//! HTTP: the server that accepts connections, the visible stack of layers that every request passes, and the API behind it.

mod guarded;
mod outcome;
mod outlet;
mod request_info;

pub mod api;
pub mod debug;
pub mod layers;
pub mod server;

pub use outcome::Outcome;
pub use outlet::FileOutlet;
pub use request_info::RequestInfo;
