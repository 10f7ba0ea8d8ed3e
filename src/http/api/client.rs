//! Where a request comes from. What proxies say is believed, from anybody: it decides nothing but what events tell, and whether a
//! client gets bytes from this server or a URL of the storage, which are the same bytes.

use std::net::IpAddr;

use http::{HeaderMap, request};

use crate::http::RequestInfo;

/// The client's address as proxies tell it.
pub(super) fn forwarded(headers: &HeaderMap) -> Option<&str> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let first = header("x-forwarded-for").and_then(|list| list.split(',').next()).map(str::trim);
    let is_address = |text: &&str| text.parse::<IpAddr>().is_ok();
    first.filter(is_address).or_else(|| header("x-real-ip").filter(is_address))
}

/// The client's address; `None` on a unix socket without a proxy that tells.
pub(super) fn address(parts: &request::Parts) -> Option<IpAddr> {
    let peer = || parts.extensions.get::<RequestInfo>().and_then(|info| info.peer).map(|peer| peer.ip());
    forwarded(&parts.headers).and_then(|text| text.parse().ok()).or_else(peer)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::telemetry::RequestId;

    fn seen(headers: &[(&str, &str)]) -> Option<String> {
        let mut request = Request::get("/v2/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let info = RequestInfo { id: RequestId::new(), peer: "192.0.2.9:80".parse().ok(), tls: false };
        let (parts, ()) = request.extension(info).body(()).unwrap().into_parts();
        address(&parts).map(|address| address.to_string())
    }

    #[test]
    fn the_client_is_the_first_that_a_proxy_names_or_the_peer() {
        assert_eq!(seen(&[]).as_deref(), Some("192.0.2.9"));
        assert_eq!(seen(&[("x-forwarded-for", "10.0.0.7, 10.0.0.1")]).as_deref(), Some("10.0.0.7"));
        assert_eq!(seen(&[("x-real-ip", "fd00::7")]).as_deref(), Some("fd00::7"));
        assert_eq!(seen(&[("x-forwarded-for", "unknown"), ("x-real-ip", "10.0.0.8")]).as_deref(), Some("10.0.0.8"));
        assert_eq!(seen(&[("x-forwarded-for", "nobody")]).as_deref(), Some("192.0.2.9"));
    }
}
