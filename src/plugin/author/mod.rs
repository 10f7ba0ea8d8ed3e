//! For those who write plugins: [`scaffold`](scaffold()) writes a project for a [`World`] in a [`Language`],
//! [`build`](build()) makes the component of one.
//!
//! The tools that compile are the languages' own and are found on the author's machine. What stands between them and a
//! component that this server takes is done here: C bindings of the project's own WIT, the step from a module to a component,
//! and the manifest in its custom section. So an author installs one tool, not four.

mod build;
mod component;
mod error;
mod language;
mod scaffold;
mod templates;
mod tool;
mod wit;
mod world;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wit_tests;

pub use build::build;
pub use error::Error;
pub use language::Language;
pub use scaffold::scaffold;
pub use world::World;
