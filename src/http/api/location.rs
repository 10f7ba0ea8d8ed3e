//! URLs of this server, as the client sees it.
//!
//! Forwarding headers are believed from anybody, as `distribution` does and proxies need: whoever lies about them only sends
//! himself astray. They are used for nothing but `Location`, `Link` and the realm of `autoredirect`.

use http::uri::Authority;
use http::{HeaderMap, HeaderValue, header, request};

use super::ApiOptions;

/// How clients reach this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum External {
    /// `http.host` is set: always this URL, without a trailing slash; forwarding headers are not looked at.
    Url(String),
    /// `http.relativeurls` is set: only paths are sent.
    Relative,
    /// As the request says.
    FromRequest,
}

/// Builds URLs in answer to one request.
#[derive(Debug, Clone)]
pub(super) struct Location {
    scheme: String,
    host: String,
    /// What stands in front of `/v2/`.
    base: String,
    relative: bool,
}

impl Location {
    pub(super) fn of(options: &ApiOptions, parts: &request::Parts, tls: bool) -> Self {
        let prefix = &options.prefix;
        let (scheme, host) = seen_by_client(parts, tls);
        match &options.external {
            External::Url(url) => {
                let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
                let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
                let path = path.trim_matches('/');
                // `http.host` may repeat the prefix, as `distribution` demands, or leave it away.
                let base = match format!("/{path}") {
                    path if path == "/" => prefix.clone(),
                    path if path.ends_with(prefix.as_str()) => path,
                    path => format!("{path}{prefix}"),
                };
                Self { scheme: scheme.to_owned(), host: host.to_owned(), base, relative: false }
            }
            External::Relative => Self { scheme, host, base: prefix.clone(), relative: true },
            External::FromRequest => {
                let relative = host.is_empty();
                Self { scheme, host, base: prefix.clone(), relative }
            }
        }
    }

    pub(super) fn scheme(&self) -> &str {
        &self.scheme
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The URL of a path behind `/v2`, as a header.
    pub(super) fn url(&self, path: &str) -> HeaderValue {
        // Scheme and host have been checked, and paths are built from checked identifiers.
        HeaderValue::try_from(self.text(path)).unwrap_or_else(|_| HeaderValue::from_static("/v2/"))
    }

    /// The same as a text.
    pub(super) fn text(&self, path: &str) -> String {
        let path = self.path(path);
        if self.relative { path } else { format!("{}://{}{path}", self.scheme, self.host) }
    }

    /// The same without scheme and host, for `Link`.
    pub(super) fn path(&self, path: &str) -> String {
        format!("{}/v2{path}", self.base)
    }
}

/// Scheme and host by which the client reached this server; the host is empty when the request names none.
fn seen_by_client(parts: &request::Parts, tls: bool) -> (String, String) {
    let headers = &parts.headers;
    let own_scheme = if tls { "https" } else { "http" };
    let own_host = text(headers, header::HOST.as_str()).or_else(|| parts.uri.authority().map(Authority::as_str));
    let (scheme, host) = match text(headers, header::FORWARDED.as_str()) {
        // Where there is a `Forwarded` header, it alone counts.
        Some(forwarded) => forwarded_pair(forwarded),
        None => (
            text(headers, "x-forwarded-proto")
                .and_then(|list| list.split(',').next())
                .map(|text| text.trim().to_owned()),
            text(headers, "x-forwarded-host")
                .and_then(|list| list.split(',').next())
                .map(|text| text.trim().to_owned()),
        ),
    };
    let scheme =
        scheme.map(|scheme| scheme.to_ascii_lowercase()).filter(|scheme| scheme == "http" || scheme == "https");
    let host = host.filter(|host| is_host(host)).or_else(|| own_host.filter(|host| is_host(host)).map(str::to_owned));
    (scheme.unwrap_or_else(|| own_scheme.to_owned()), host.unwrap_or_default())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a text is a host with an optional port, and nothing that would lead elsewhere.
fn is_host(text: &str) -> bool {
    !text.contains('@') && text.parse::<Authority>().is_ok()
}

/// `proto` and `host` of the first element of a `Forwarded` header (RFC 7239). A repeated parameter makes the whole header
/// void, as in `distribution`.
fn forwarded_pair(header: &str) -> (Option<String>, Option<String>) {
    let (mut proto, mut host) = (None, None);
    for pair in first_element(header).split(';') {
        let Some((key, value)) = pair.split_once('=') else { continue };
        let value = value.trim().trim_matches('"').to_owned();
        let slot = match key.trim().to_ascii_lowercase().as_str() {
            "proto" => &mut proto,
            "host" => &mut host,
            _ => continue,
        };
        if slot.replace(value).is_some() {
            return (None, None);
        }
    }
    (proto, host)
}

/// Up to the first comma outside quotes.
fn first_element(header: &str) -> &str {
    let mut quoted = false;
    let end = header.find(|c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    &header[..end.unwrap_or(header.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use proptest::prelude::*;

    fn url(options: &ApiOptions, headers: &[(&str, &str)]) -> String {
        let mut request = Request::builder().uri("/v2/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Location::of(options, &parts, false).url("/a/").to_str().unwrap().to_owned()
    }

    #[test]
    fn forwarding_headers_are_followed() {
        let options = ApiOptions::default();
        let host = ("host", "in:5000");
        assert_eq!(url(&options, &[host]), "http://in:5000/v2/a/");
        assert_eq!(url(&options, &[host, ("x-forwarded-proto", "https")]), "https://in:5000/v2/a/");
        assert_eq!(
            url(&options, &[host, ("x-forwarded-proto", "https"), ("x-forwarded-host", "out, b")]),
            "https://out/v2/a/"
        );
        let forwarded = ("forwarded", r#"for=1.2.3.4;host="out:8";proto=https, host=other"#);
        assert_eq!(url(&options, &[host, forwarded, ("x-forwarded-host", "no")]), "https://out:8/v2/a/");
        assert_eq!(url(&options, &[host, ("forwarded", "host=a;host=b")]), "http://in:5000/v2/a/");
        assert_eq!(url(&options, &[host, ("x-forwarded-host", "a/b")]), "http://in:5000/v2/a/");
        assert_eq!(url(&options, &[host, ("x-forwarded-proto", "javascript")]), "http://in:5000/v2/a/");
        assert_eq!(url(&options, &[]), "/v2/a/");
    }

    #[test]
    fn the_prefix_survives_every_way() {
        let prefix = "/r".to_owned();
        let options = ApiOptions { prefix, ..ApiOptions::default() };
        assert_eq!(url(&options, &[("host", "h")]), "http://h/r/v2/a/");
        let relative = ApiOptions { external: External::Relative, ..options.clone() };
        assert_eq!(url(&relative, &[("host", "h")]), "/r/v2/a/");
        for host in ["https://out", "https://out/r"] {
            let fixed = ApiOptions { external: External::Url(host.to_owned()), ..options.clone() };
            assert_eq!(url(&fixed, &[("host", "h"), ("x-forwarded-host", "no")]), "https://out/r/v2/a/");
        }
    }

    proptest! {
        #[test]
        fn no_forwarded_header_makes_it_panic(header in "\\PC{0,60}") {
            let _ = forwarded_pair(&header);
        }
    }
}
