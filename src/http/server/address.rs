//! Where a server listens, as the configuration says it.

use std::fmt;
use std::path::PathBuf;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `host:port`. `:5000` means every interface, an empty text a free port of the system's choice on every interface.
    Tcp(String),
    /// The path of a unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(text) if text.is_empty() => f.write_str("a free TCP port"),
            Self::Tcp(text) => f.write_str(text),
            Self::Unix(path) => write!(f, "unix socket {}", path.display()),
        }
    }
}

/// Splits `host:port` as Go's `net.Listen` does: an IPv6 host stands in brackets, an empty host is every interface, an empty
/// port is port 0.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub(super) fn split_host_port(text: &str) -> Result<(&str, u16), String> {
    if text.is_empty() {
        return Ok(("", 0));
    }
    let (host, port) =
        text.rsplit_once(':').ok_or_else(|| format!("{text:?} has no port: write it as host:port or :port"))?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').ok_or_else(|| format!("{text:?} has a '[' without a ']'"))?,
        None if host.contains(':') => {
            return Err(format!("{text:?}: an IPv6 address needs brackets, as in [::1]:5000"));
        }
        None => host,
    };
    let port = match port {
        "" => 0,
        "http" => 80,
        "https" => 443,
        _ => port.parse().map_err(|_| format!("{text:?}: the port must be a number from 0 to 65535"))?,
    };
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_go_reads_them() {
        assert_eq!(split_host_port(":5000"), Ok(("", 5000)));
        assert_eq!(split_host_port(""), Ok(("", 0)));
        assert_eq!(split_host_port("127.0.0.1:"), Ok(("127.0.0.1", 0)));
        assert_eq!(split_host_port("[::1]:5000"), Ok(("::1", 5000)));
        assert_eq!(split_host_port("localhost:https"), Ok(("localhost", 443)));
    }

    #[test]
    fn a_bad_address_is_explained() {
        for bad in ["5000", "::1:5000", "[::1:5000", "localhost:70000", "localhost:-1"] {
            let sentence = split_host_port(bad).unwrap_err();
            assert!(sentence.contains(bad), "{sentence}");
        }
    }
}
