//! What the black-box tests share: a real server process, an HTTP client that can be rude, real tools, and images.
//!
//! Nothing here uses the `wharf` library: the tests see what a client sees, and no more.
#![allow(dead_code, unused_imports, reason = "each test binary uses another part of this module")]

pub mod apache;
pub mod bomb;
pub mod content;
pub mod disk;
pub mod example;
pub mod exim;
pub mod faults;
pub mod http;
pub mod image;
pub mod issuer;
pub mod jwt;
pub mod layout;
pub mod nginx;
pub mod patience;
pub mod plugin;
pub mod push;
pub mod receiver;
pub mod redis;
pub mod server;
pub mod stores;
pub mod tls;
pub mod tokens;
pub mod tools;

pub use content::{random, sha256, sha512};
pub use http::{Connection, Request, Response};
pub use image::{Blob, Image, Manifest};
pub use server::{Program, Server};
