//! Where a plugin may connect to: patterns as the manifest and the operator write them, and the places that they are held
//! against.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::address::Network;

/// How a place is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// HTTP in the clear.
    Http,
    /// HTTP over TLS.
    Https,
    /// A TCP socket of the plugin's own.
    Tcp,
}

impl Scheme {
    /// As it is written before `://`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Tcp => "tcp",
        }
    }

    /// The port that is meant when none is written.
    pub fn default_port(self) -> Option<u16> {
        match self {
            Self::Http => Some(80),
            Self::Https => Some(443),
            Self::Tcp => None,
        }
    }
}

/// A host as a plugin names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name, in lower case and without a dot at its end.
    Name(String),
    /// An address; never one of IPv4 in the clothes of IPv6.
    Address(IpAddr),
}

impl Host {
    /// The name of the server's own machine, in the ways that RFC 6761 keeps for it.
    pub fn is_localhost(&self) -> bool {
        matches!(self, Self::Name(name) if name == "localhost" || name.ends_with(".localhost"))
    }
}

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        match bare.unwrap_or(text).parse::<IpAddr>() {
            Ok(address) => return Ok(Self::Address(address.to_canonical())),
            Err(_) if bare.is_some() => return Err(format!("{text:?} is no IPv6 address")),
            Err(_) => {}
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_label = |label: &str| {
            let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            !label.is_empty() && label.len() <= 63 && label.bytes().all(good)
        };
        if name.len() > 253 || !name.split('.').all(is_label) {
            return Err(format!("{text:?} is no host name; names with other letters are written in their xn-- form"));
        }
        // What ends in a number is an address to the system's resolver: 127.1, 0x7f.1, 2130706433.
        let last = name.rsplit('.').next().unwrap_or_default();
        let numeric = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
        if numeric {
            Err(format!("{text:?} is neither a name nor an address in its usual form"))
        } else {
            Ok(Self::Name(name))
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// One place that a plugin wants to connect to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// How.
    pub scheme: Scheme,
    /// Where.
    pub host: Host,
    /// At which port.
    pub port: u16,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Scheme::Tcp => write!(f, "{}:{}", self.host, self.port),
            scheme => write!(f, "{}://{}:{}", scheme.name(), self.host, self.port),
        }
    }
}

/// The hosts that a pattern stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    /// `*`
    Any,
    /// `*.example.com`: every name under it, not the name itself. Kept with its first dot.
    Under(String),
    /// One name.
    Name(String),
    /// An address or a block of them.
    Network(Network),
}

/// A set of places: `https://*.example.com`, `http://10.0.0.0/8:8080`, `smtp.example.com:587`, `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// `None`: HTTP in the clear and over TLS.
    scheme: Option<Scheme>,
    hosts: Hosts,
    /// `None`: every port.
    port: Option<u16>,
}

impl Pattern {
    /// Reads a place that HTTP goes to: `[scheme://]host[:port]`. Without a scheme it is `https`, without a port the scheme's
    /// own; `:*` is every port; `*` alone is every host, scheme and port.
    ///
    /// # Errors
    /// A sentence that names the text and says how to write it.
    pub fn http(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self { scheme: None, hosts: Hosts::Any, port: None });
        }
        let (scheme, place) = match text.split_once("://") {
            None => (Scheme::Https, text),
            Some(("http", place)) => (Scheme::Http, place),
            Some(("https", place)) => (Scheme::Https, place),
            Some(_) => return Err(format!("{text:?} has a scheme that is neither http nor https")),
        };
        let (host, port) = split_port(place).map_err(|problem| format!("{text:?} {problem}"))?;
        let hosts = hosts(host).map_err(|problem| format!("{text:?} can't be read: {problem}"))?;
        let port = match port {
            Some("*") => None,
            Some(port) => Some(number(port).map_err(|problem| format!("{text:?} {problem}"))?),
            None => scheme.default_port(),
        };
        Ok(Self { scheme: Some(scheme), hosts, port })
    }

    /// Reads a place that a TCP socket goes to: `host:port`; `:*` is every port; `*` alone is every host and port.
    ///
    /// # Errors
    /// A sentence that names the text and says how to write it.
    pub fn socket(text: &str) -> Result<Self, String> {
        let scheme = Some(Scheme::Tcp);
        if text == "*" {
            return Ok(Self { scheme, hosts: Hosts::Any, port: None });
        }
        let (host, port) = split_port(text).map_err(|problem| format!("{text:?} {problem}"))?;
        let hosts = hosts(host).map_err(|problem| format!("{text:?} can't be read: {problem}"))?;
        let port = match port {
            Some("*") => None,
            Some(port) => Some(number(port).map_err(|problem| format!("{text:?} {problem}"))?),
            None => {
                return Err(format!(
                    "{text:?} has no port; write \"{text}:587\", say, or \"{text}:*\" for all of them"
                ));
            }
        };
        Ok(Self { scheme, hosts, port })
    }

    /// Whether a place is one of these.
    pub fn matches(&self, target: &Target) -> bool {
        self.has_port(target.scheme, target.port)
            && match (&self.hosts, &target.host) {
                (Hosts::Any, _) => true,
                (Hosts::Under(suffix), Host::Name(name)) => name.ends_with(suffix.as_str()),
                (Hosts::Name(own), Host::Name(name)) => own == name,
                (Hosts::Network(network), Host::Address(address)) => network.contains(*address),
                _ => false,
            }
    }

    /// Whether a name is one of these, at whatever port.
    pub fn matches_name(&self, name: &str) -> bool {
        match &self.hosts {
            Hosts::Any => true,
            Hosts::Under(suffix) => name.ends_with(suffix.as_str()),
            Hosts::Name(own) => own == name,
            Hosts::Network(_) => false,
        }
    }

    /// The addresses that this names outright, if it is a place of that scheme and port.
    pub fn named_addresses(&self, scheme: Scheme, port: u16) -> Option<Network> {
        match &self.hosts {
            Hosts::Network(network) if self.has_port(scheme, port) => Some(*network),
            _ => None,
        }
    }

    /// Whether it names the server's own machine as `localhost`, at this scheme and port.
    pub fn names_localhost(&self, scheme: Scheme, port: u16) -> bool {
        matches!(&self.hosts, Hosts::Name(name) if Host::Name(name.clone()).is_localhost())
            && self.has_port(scheme, port)
    }

    /// What both stand for; `None` if there is nothing.
    pub fn meet(&self, other: &Self) -> Option<Self> {
        Some(Self {
            scheme: meet(self.scheme, other.scheme)?,
            hosts: self.hosts.meet(&other.hosts)?,
            port: meet(self.port, other.port)?,
        })
    }

    fn has_port(&self, scheme: Scheme, port: u16) -> bool {
        let of_scheme = match self.scheme {
            Some(own) => own == scheme,
            None => scheme != Scheme::Tcp,
        };
        of_scheme && self.port.is_none_or(|own| own == port)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            None if self.hosts == Hosts::Any && self.port.is_none() => return f.write_str("*"),
            Some(Scheme::Tcp) if self.hosts == Hosts::Any && self.port.is_none() => return f.write_str("*"),
            None => f.write_str("http(s)://")?,
            Some(Scheme::Tcp) => {}
            Some(scheme) => write!(f, "{}://", scheme.name())?,
        }
        match &self.hosts {
            Hosts::Any => f.write_str("*")?,
            Hosts::Under(suffix) => write!(f, "*{suffix}")?,
            Hosts::Name(name) => f.write_str(name)?,
            Hosts::Network(network) if network.to_string().contains("::") => write!(f, "[{network}]")?,
            Hosts::Network(network) => write!(f, "{network}")?,
        }
        match self.port {
            None => f.write_str(":*"),
            Some(port) if self.scheme.and_then(Scheme::default_port) == Some(port) => Ok(()),
            Some(port) => write!(f, ":{port}"),
        }
    }
}

impl Hosts {
    fn meet(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Any, narrower) | (narrower, Self::Any) => Some(narrower.clone()),
            (Self::Under(one), Self::Under(two)) if one.ends_with(two.as_str()) => Some(self.clone()),
            (Self::Under(one), Self::Under(two)) if two.ends_with(one.as_str()) => Some(other.clone()),
            (Self::Under(suffix), Self::Name(name)) | (Self::Name(name), Self::Under(suffix)) => {
                name.ends_with(suffix.as_str()).then(|| Self::Name(name.clone()))
            }
            (Self::Name(one), Self::Name(two)) if one == two => Some(self.clone()),
            (Self::Network(one), Self::Network(two)) if one.covers(two) => Some(other.clone()),
            (Self::Network(one), Self::Network(two)) if two.covers(one) => Some(self.clone()),
            _ => None,
        }
    }
}

/// What both of two restrictions allow, where `None` restricts nothing.
fn meet<T: PartialEq>(one: Option<T>, two: Option<T>) -> Option<Option<T>> {
    match (one, two) {
        (None, other) | (other, None) => Some(other),
        (Some(one), Some(two)) => (one == two).then_some(Some(one)),
    }
}

fn hosts(text: &str) -> Result<Hosts, String> {
    if text == "*" {
        return Ok(Hosts::Any);
    }
    if let Some(parent) = text.strip_prefix("*.") {
        return match parent.parse()? {
            Host::Name(parent) => Ok(Hosts::Under(format!(".{parent}"))),
            Host::Address(_) => Err("addresses have no subdomains; write a block such as 10.0.0.0/8".into()),
        };
    }
    if text.contains('*') {
        return Err("an asterisk stands for whole subdomains only, as in \"*.example.com\"".into());
    }
    if text.contains('/') {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        return bare.parse().map(Hosts::Network);
    }
    Ok(match text.parse()? {
        Host::Name(name) => Hosts::Name(name),
        Host::Address(address) => Hosts::Network(Network::single(address)),
    })
}

/// Splits `host:port`, where the host may be `[::1]`, `[fd00::/8]` or `10.0.0.0/8`.
fn split_port(text: &str) -> Result<(&str, Option<&str>), String> {
    if text.starts_with('[') {
        let end = text.find(']').ok_or("has a bracket that is never closed")? + 1;
        let (host, rest) = text.split_at(end);
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err("goes on behind its bracket".into()),
        };
    }
    match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Err("has several colons; put brackets around an IPv6 address".into()),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((text, None)),
    }
}

fn number(port: &str) -> Result<u16, String> {
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port) if digits && port != 0 => Ok(port),
        _ => Err(format!("has {port:?} for a port; ports are 1 to 65535, or * for all of them")),
    }
}

#[cfg(test)]
#[path = "destination_tests.rs"]
mod tests;
