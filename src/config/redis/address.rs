//! Where Redis is, in every form that people write.

use std::path::PathBuf;

use super::Redis;

/// The port of Redis when none is written.
const PORT: u16 = 6379;
/// The port of its sentinels.
const SENTINEL_PORT: u16 = 26379;

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Over the network.
    Tcp {
        /// Name or address, without brackets.
        host: String,
        /// Its port.
        port: u16,
        /// Whether the connection is encrypted.
        tls: bool,
    },
    /// A socket on this machine.
    Unix(PathBuf),
}

/// How several addresses belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// One server.
    Single,
    /// The addresses are sentinels, which know the master.
    Sentinel,
    /// The addresses are nodes of a cluster.
    Cluster,
}

impl Redis {
    /// How the addresses belong together, as `distribution` decides it.
    pub fn topology(&self) -> Topology {
        match self.addrs.len() {
            _ if !self.mastername.is_empty() => Topology::Sentinel,
            0 | 1 => Topology::Single,
            _ => Topology::Cluster,
        }
    }

    /// The addresses.
    ///
    /// # Errors
    /// The index of the first that is none, and what is wrong with it, without the text itself: it may hold a password.
    pub fn addresses(&self) -> Result<Vec<Address>, (usize, String)> {
        let port = if self.topology() == Topology::Sentinel { SENTINEL_PORT } else { PORT };
        let tls = self.tls.is_configured();
        let parse = |(index, text): (usize, &String)| parse(text, tls, port).map_err(|problem| (index, problem));
        self.addrs.iter().enumerate().map(parse).collect()
    }
}

fn parse(text: &str, tls: bool, default_port: u16) -> Result<Address, String> {
    if text.starts_with('/') {
        return Ok(Address::Unix(text.into()));
    }
    let (rest, tls) = match text.split_once("://") {
        None => (text, tls),
        Some(("redis", rest)) => (rest, tls),
        Some(("rediss", rest)) => (rest, true),
        Some(("unix", path)) if path.starts_with('/') => return Ok(Address::Unix(path.into())),
        Some(_) => return Err("is no address of Redis; write host:port, or rediss://host:port to encrypt".to_owned()),
    };
    if rest.contains('@') {
        return Err("holds a user or password; put them into redis.username and redis.password".to_owned());
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '?', '#']) {
        return Err("holds a path; write host:port, and the number of the database into redis.db".to_owned());
    }
    let (host, port) = split(rest).ok_or("is no address; write host:port, such as redis:6379 or [::1]:6379")?;
    let port = match port {
        None => default_port,
        Some(port) => match port.parse() {
            Ok(port) if port != 0 => port,
            _ => return Err("has no port between 1 and 65535 behind its colon; write host:port".to_owned()),
        },
    };
    // Go's `:port` means this machine.
    let host = if host.is_empty() { "localhost" } else { host }.to_owned();
    Ok(Address::Tcp { host, port, tls })
}

/// Host and port; an IPv6 address stands in brackets when a port follows.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if text.is_empty() || text.contains(char::is_whitespace) {
        return None;
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    match text.split_once(':') {
        None => Some((text, None)),
        Some((_, rest)) if rest.contains(':') => Some((text, None)),
        Some((host, port)) => Some((host, Some(port))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tcp(host: &str, port: u16, tls: bool) -> Result<Address, String> {
        Ok(Address::Tcp { host: host.to_owned(), port, tls })
    }

    #[test]
    fn addresses_are_read_in_the_forms_that_people_write() {
        for (text, expected) in [
            ("redis:6380", tcp("redis", 6380, false)),
            ("redis", tcp("redis", 6379, false)),
            (":6379", tcp("localhost", 6379, false)),
            ("127.0.0.1:1", tcp("127.0.0.1", 1, false)),
            ("[::1]:6379", tcp("::1", 6379, false)),
            ("[::1]", tcp("::1", 6379, false)),
            ("::1", tcp("::1", 6379, false)),
            ("redis://redis:6379/", tcp("redis", 6379, false)),
            ("rediss://redis.example", tcp("redis.example", 6379, true)),
            ("/run/redis.sock", Ok(Address::Unix("/run/redis.sock".into()))),
            ("unix:///run/redis.sock", Ok(Address::Unix("/run/redis.sock".into()))),
        ] {
            assert_eq!(parse(text, false, PORT), expected, "{text}");
        }
        assert_eq!(parse("redis", true, SENTINEL_PORT), tcp("redis", 26379, true));
        for (text, word) in [
            ("http://redis:6379", "rediss://"),
            ("redis://:secret@redis:6379", "redis.password"),
            ("redis://redis:6379/5", "redis.db"),
            ("redis:0", "65535"),
            ("redis:", "65535"),
            ("redis:port", "65535"),
            ("", "host:port"),
            ("[::1", "host:port"),
            ("re dis:1", "host:port"),
        ] {
            let problem = parse(text, false, PORT).unwrap_err();
            assert!(problem.contains(word) && !problem.contains("secret"), "{text}: {problem}");
        }
    }

    #[test]
    fn how_addresses_belong_together_follows_from_their_number_and_the_masters_name() {
        let redis = |addrs: &[&str], mastername: &str| Redis {
            addrs: addrs.iter().copied().collect(),
            mastername: mastername.to_owned(),
            ..Redis::default()
        };
        assert_eq!(redis(&["a"], "").topology(), Topology::Single);
        assert_eq!(redis(&["a", "b"], "").topology(), Topology::Cluster);
        assert_eq!(redis(&["a", "b"], "m").topology(), Topology::Sentinel);
        assert_eq!(redis(&["a", "b c"], "").addresses().unwrap_err().0, 1);
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_a_sentence(text in "\\PC{0,40}") {
            if let Ok(Address::Tcp { host, port, .. }) = parse(&text, false, PORT) {
                prop_assert!(!host.is_empty() && port != 0);
            }
        }
    }
}
