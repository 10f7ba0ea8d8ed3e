//! Wharf: an OCI registry server whose storage backends, auth providers and notification hooks are WebAssembly components.
//!
//! The modules form a house with arrows that only point down: `cli → http → registry → {storage, auth, notify} → oci`.
//! `config` is plain data that everyone may read. ARCHITECTURE.md draws the picture and follows one push and one pull
//! through it.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may end itself"))]

pub mod auth;

pub mod cli;
pub mod config;
pub mod health;
pub mod http;
pub mod notify;
pub mod oci;
#[cfg(test)]
mod patience;
pub mod plugin;
pub mod redis;
pub mod registry;
pub mod storage;
pub mod telemetry;
