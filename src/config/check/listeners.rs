//! Addresses to listen on.

/// Checks `host:port`. The host may be empty or an IPv6 address in brackets; the port is a number.
///
/// # Errors
/// A sentence that says what such an address looks like.
pub(super) fn tcp_address(text: &str) -> Result<(), String> {
    const MEND: &str = "write host:port, such as 127.0.0.1:5000, [::1]:5000 or :5000";
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err(format!("has no port; {MEND}"));
    };
    if port.parse::<u16>().is_err() {
        return Err(format!("has no port number after its last colon; {MEND}"));
    }
    let bare_ipv6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
    if bare_ipv6 {
        return Err(format!("has an IPv6 address without brackets; {MEND}"));
    }
    if host.contains(['/', ' ', '@']) {
        return Err(format!("is no address to listen on; {MEND}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_an_address() {
        for text in [":5000", "localhost:0", "127.0.0.1:5000", "[::1]:5000", "0.0.0.0:80"] {
            assert_eq!(tcp_address(text), Ok(()), "{text}");
        }
        for text in ["", "5000", "localhost", "::1:5000", ":http", ":70000", "http://localhost:5000", "a b:1"] {
            assert!(tcp_address(text).is_err(), "{text}");
        }
    }
}
