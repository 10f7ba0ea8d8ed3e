//! From names to addresses. A trait, so that a test can be the name server that changes its mind.

use std::io;
use std::net::IpAddr;

use async_trait::async_trait;

/// Looks up names.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// The addresses of a name, in the order in which they should be tried.
    ///
    /// # Errors
    /// When there is no such name, or nobody to ask.
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

#[async_trait]
impl Resolve for System {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((name, 0)).await?;
        Ok(found.map(|address| address.ip().to_canonical()).collect())
    }
}
