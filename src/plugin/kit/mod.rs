//! The conformance kits: whether a component keeps the contract of its world, tried on the real component in the real host.
//!
//! Each case names what the contract says, and when it fails, what was seen. A component passes when no case fails.
//!
//! | Module | What it tries |
//! |---|---|
//! | [`storage`] | the behaviour suite that the server's own backends pass, and what only components can do wrong |
//! | [`auth`] | the author's table of requests with expected decisions, and what holds for every provider |
//! | [`hook`] | delivery of each kind of event, batches, duplicates, what a later version might add |
//! | [`report`] | what was found |

pub mod auth;
pub mod hook;
pub mod report;
pub mod storage;
#[cfg(test)]
mod tests;

pub use report::{Case, Report, Verdict};
