//! Opening connections: resolve once, leave out the addresses that may not be reached, and connect to one of the others. What
//! was checked is what is dialled, so that a name that resolves differently a moment later gains nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpStream;

use super::address::Kind;
use super::destination::{Host, Target};
use super::reach::Reach;
use super::resolver::Resolve;

/// Why there is no connection.
#[derive(Debug)]
pub enum DialError {
    /// Nobody granted this place.
    NotGranted,
    /// The name has no address.
    Unresolved(#[expect(dead_code, reason = "for Debug")] io::Error),
    /// The name has addresses, and none may be reached. One of them, and what it is for.
    Prohibited(IpAddr, Kind),
    /// Nobody answers at any of the addresses.
    Failed(io::Error),
}

/// Opens connections to where a plugin may connect.
#[derive(Clone)]
pub struct Dialler {
    reach: Arc<Reach>,
    resolver: Arc<dyn Resolve>,
}

impl Dialler {
    /// For what `reach` allows.
    pub fn new(reach: Arc<Reach>, resolver: Arc<dyn Resolve>) -> Self {
        Self { reach, resolver }
    }

    /// Whether a place is granted, as far as its name goes.
    pub fn allows(&self, target: &Target) -> bool {
        self.reach.allows(target)
    }

    /// All addresses of a name, whether or not they may be reached.
    ///
    /// # Errors
    /// When there is no such name, or nobody to ask.
    pub async fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.resolver.addresses(name).await
    }

    /// Connects to a place, if it is granted and has an address that may be reached. Sets no time limit of its own.
    ///
    /// # Errors
    /// See [`DialError`].
    pub async fn connect(&self, target: &Target) -> Result<TcpStream, DialError> {
        let addresses = self.addresses(target).await?;
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            match TcpStream::connect(SocketAddr::new(address, target.port)).await {
                Ok(stream) => {
                    // Requests are written whole; waiting for more to send with them only costs time.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(DialError::Failed(last))
    }

    /// The addresses of a place that may be reached; at least one.
    ///
    /// # Errors
    /// See [`DialError`].
    pub async fn addresses(&self, target: &Target) -> Result<Vec<IpAddr>, DialError> {
        if !self.reach.allows(target) {
            return Err(DialError::NotGranted);
        }
        let found = match &target.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => self.resolver.addresses(name).await.map_err(DialError::Unresolved)?,
        };
        let mut prohibited = None;
        let mut admitted = Vec::with_capacity(found.len());
        for address in found {
            match self.reach.admits(target, address) {
                Ok(()) => admitted.push(address),
                Err(kind) => prohibited = Some((address, kind)),
            }
        }
        match prohibited {
            _ if !admitted.is_empty() => Ok(admitted),
            Some((address, kind)) => Err(DialError::Prohibited(address, kind)),
            None => Err(DialError::Unresolved(io::Error::new(io::ErrorKind::NotFound, "the name has no address"))),
        }
    }
}
