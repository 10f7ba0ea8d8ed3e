//! HTTP: the server that accepts connections, the visible stack of layers that every request passes, and the API behind it.

mod request_info;

pub mod layers;
pub mod server;

pub use request_info::RequestInfo;
