//! The kinds of values that keys can have beyond numbers, booleans and text.

mod bytes;
mod network;
mod period;
mod secret;
mod strings;

pub use bytes::ByteSize;
pub use network::Network;
pub use period::Period;
pub use secret::Secret;
pub use strings::Strings;
