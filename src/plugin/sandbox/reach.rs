//! Where a plugin may connect to, and which addresses may stand behind a name.

use std::net::IpAddr;

use super::address::{Kind, Network};
use super::destination::{Pattern, Target};

/// The places that a plugin may connect to: what both its manifest and the operator name.
///
/// A name that resolves to an address of the server's own machine or network is refused all the same, because whoever owns the
/// name's DNS zone chooses the address. Only the operator's own words open such an address: itself or a block around it in
/// `hosts` or `sockets`, a block in `networks`, or `localhost`.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    allowed: Vec<Pattern>,
    granted: Vec<Pattern>,
    networks: Vec<Network>,
}

impl Reach {
    /// `networks` are what granted names may resolve to, beside public addresses.
    pub fn new(asked: &[Pattern], granted: Vec<Pattern>, networks: Vec<Network>) -> Self {
        let allowed = asked.iter().flat_map(|ask| granted.iter().filter_map(|grant| ask.meet(grant))).collect();
        Self { allowed, granted, networks }
    }

    /// What it comes to.
    pub fn allowed(&self) -> &[Pattern] {
        &self.allowed
    }

    /// Whether a place may be connected to, as far as its name goes.
    pub fn allows(&self, target: &Target) -> bool {
        self.allowed.iter().any(|pattern| pattern.matches(target))
    }

    /// Whether a name may be looked up: whether it could be connected to at any port.
    pub fn allows_name(&self, name: &str) -> bool {
        self.allowed.iter().any(|pattern| pattern.matches_name(name))
    }

    /// Whether `address` may stand behind `target`.
    ///
    /// # Errors
    /// What the address is for, when it may not.
    pub fn admits(&self, target: &Target, address: IpAddr) -> Result<(), Kind> {
        let kind = Kind::of(address);
        // A metadata service is never meant by a block around it.
        let names = |network: &Network| network.contains(address) && (kind != Kind::Metadata || network.is_single());
        let (scheme, port) = (target.scheme, target.port);
        let mut named = self.granted.iter().filter_map(|pattern| pattern.named_addresses(scheme, port));
        let own_machine = || {
            kind == Kind::Loopback
                && target.host.is_localhost()
                && self.granted.iter().any(|pattern| pattern.names_localhost(scheme, port))
        };
        match kind == Kind::Public
            || named.any(|network| names(&network))
            || self.networks.iter().any(names)
            || own_machine()
        {
            true => Ok(()),
            false => Err(kind),
        }
    }

    /// Whether nothing is allowed at all.
    pub fn is_empty(&self) -> bool {
        self.allowed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::destination::{Host, Scheme};
    use super::*;

    fn reach(granted: &[&str], networks: &[&str]) -> Reach {
        let granted = granted.iter().map(|text| Pattern::http(text).unwrap()).collect();
        Reach::new(&[Pattern::http("*").unwrap()], granted, networks.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn target(host: &str, port: u16) -> Target {
        Target { scheme: Scheme::Http, host: host.parse::<Host>().unwrap(), port }
    }

    fn admits(reach: &Reach, host: &str, address: &str) -> bool {
        reach.admits(&target(host, 80), address.parse().unwrap()).is_ok()
    }

    #[test]
    fn a_granted_name_does_not_open_the_servers_own_network() {
        let reach = reach(&["http://*", "*"], &[]);
        assert!(admits(&reach, "example.com", "93.184.216.34"));
        for address in ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "fe80::1", "0.0.0.0"] {
            assert!(!admits(&reach, "example.com", address), "{address}");
            assert!(!admits(&reach, "localhost", address), "{address}");
        }
    }

    #[test]
    fn what_the_operator_names_is_open_and_nothing_beside_it() {
        let by_address = reach(&["http://example.com", "http://10.0.0.7"], &[]);
        assert!(admits(&by_address, "example.com", "10.0.0.7") && admits(&by_address, "10.0.0.7", "10.0.0.7"));
        assert!(!admits(&by_address, "example.com", "10.0.0.8"));
        assert!(by_address.admits(&target("example.com", 81), "10.0.0.7".parse().unwrap()).is_err(), "another port");
        let by_network = reach(&["http://example.com"], &["10.0.0.0/8"]);
        assert!(admits(&by_network, "example.com", "10.9.9.9") && !by_network.allows(&target("10.9.9.9", 80)));
        let localhost = reach(&["http://localhost"], &[]);
        assert!(admits(&localhost, "localhost", "127.0.0.1") && admits(&localhost, "localhost", "::1"));
        assert!(!admits(&localhost, "localhost", "10.0.0.1") && !admits(&localhost, "example.com", "127.0.0.1"));
    }

    #[test]
    fn a_block_never_means_the_metadata_service() {
        let block = reach(&["http://169.254.0.0/16", "http://*"], &["0.0.0.0/0", "::/0"]);
        assert!(admits(&block, "169.254.1.1", "169.254.1.1") && admits(&block, "example.com", "10.0.0.1"));
        assert!(!admits(&block, "169.254.169.254", "169.254.169.254"));
        assert!(!admits(&block, "example.com", "::ffff:169.254.169.254"));
        assert!(!admits(&block, "example.com", "fd00:ec2::254"));
        assert!(admits(&reach(&["http://169.254.169.254"], &[]), "169.254.169.254", "169.254.169.254"));
    }
}
