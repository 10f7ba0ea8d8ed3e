//! The layers that every request passes on its way to a handler.

mod guarded;

pub use guarded::Guarded;
