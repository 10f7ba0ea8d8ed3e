//! Where a store is reached: from the forms that people write to the one that a client needs.

use super::{Azure, Oss, S3};

/// What an address in the configuration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// `https`, or `http`.
    pub scheme: &'static str,
    /// Host, with the port if one was given.
    pub authority: String,
    /// What follows the host, without a slash at its end; mostly nothing.
    pub path: String,
}

impl Address {
    /// Reads a host or a URL. Without a scheme it is https if `secure`, otherwise http; a scheme that is written wins.
    ///
    /// # Errors
    /// A sentence's rest that says what is wrong: "has the scheme ftp, …".
    pub fn parse(text: &str, secure: bool) -> Result<Self, String> {
        let text = text.trim();
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => ("https", rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => ("http", rest),
            Some((scheme, _)) => return Err(format!("has the scheme {scheme:?}, but must be http or https")),
            None => (if secure { "https" } else { "http" }, text.trim_start_matches('/')),
        };
        let (authority, path) = rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
        if authority.contains('@') {
            return Err("holds a user name; put the keys into their own parameters".to_owned());
        }
        if rest.contains(['?', '#']) {
            return Err("holds a query, but must be a host, or a scheme, a host and a path".to_owned());
        }
        let parsed: Option<http::uri::Authority> = authority.parse().ok();
        let Some(parsed) = parsed.filter(|parsed| !parsed.host().is_empty()) else {
            return Err(format!("has no host that could be called, but {authority:?}"));
        };
        let path = path.trim_matches('/');
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Self { scheme, authority: parsed.as_str().to_ascii_lowercase(), path })
    }

    /// As a URL, without a slash at its end.
    pub fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.authority, self.path)
    }

    /// The host alone.
    pub fn host(&self) -> &str {
        let without_port = self.authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
        without_port.map_or(&*self.authority, |(host, _)| host)
    }

    /// Takes `bucket.` off the front of the host, or `/bucket` off the path's end. Whether it was in the host.
    fn take_bucket(&mut self, bucket: &str) -> bool {
        if let Some(path) = self.path.strip_suffix(bucket).and_then(|path| path.strip_suffix('/')) {
            self.path = path.to_owned();
        }
        let rest = self.authority.strip_prefix(bucket).and_then(|rest| rest.strip_prefix('.'));
        match rest.filter(|rest| !bucket.is_empty() && !rest.is_empty()).map(str::to_owned) {
            Some(rest) => {
                self.authority = rest;
                true
            }
            None => false,
        }
    }
}

/// How an S3 bucket is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Endpoint {
    /// Of the service, without the bucket.
    pub address: Address,
    /// Whether the bucket stands in the host name (`bucket.host/key`) instead of the path (`host/bucket/key`).
    pub virtual_host: bool,
    /// The region that requests are signed for.
    pub region: String,
}

impl S3 {
    /// Where the bucket is, from `regionendpoint`, `region`, `bucket` and the keys that choose among Amazon's own endpoints.
    ///
    /// # Errors
    /// Which key is wrong, and the rest of the sentence.
    pub fn endpoint(&self) -> Result<S3Endpoint, (&'static str, String)> {
        let region = if self.region.is_empty() { "us-east-1".to_owned() } else { self.region.trim().to_owned() };
        let (address, own_style) = if self.regionendpoint.trim().is_empty() {
            (self.amazon(&region)?, true)
        } else {
            let parsed = Address::parse(&self.regionendpoint, self.secure);
            let mut address = parsed.map_err(|problem| ("regionendpoint", problem))?;
            let in_host = address.take_bucket(&self.bucket);
            (address, in_host)
        };
        // A bucket with a dot would need a certificate for two levels of names, which nobody has.
        let dotted = self.bucket.contains('.');
        let virtual_host = !self.forcepathstyle.unwrap_or(!own_style) && !dotted;
        if self.accelerate && self.regionendpoint.is_empty() && !virtual_host {
            let problem = "needs the bucket in the host name; remove forcepathstyle, and use a bucket without dots";
            return Err(("accelerate", problem.to_owned()));
        }
        Ok(S3Endpoint { address, virtual_host, region })
    }

    /// Amazon's endpoint for a region.
    fn amazon(&self, region: &str) -> Result<Address, (&'static str, String)> {
        if !is_amazon_region(region) {
            let problem =
                format!("is {region:?}, which is no region of Amazon's; for another service set regionendpoint");
            return Err(("region", problem));
        }
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let dual = if self.usedualstack { ".dualstack" } else { "" };
        let host = match (self.accelerate, self.usefipsendpoint) {
            (true, true) => {
                return Err(("accelerate", "and usefipsendpoint exclude each other; keep one".to_owned()));
            }
            (true, false) => format!("s3-accelerate{dual}.amazonaws.com"),
            (false, true) => format!("s3-fips{dual}.{region}.{domain}"),
            (false, false) => format!("s3{dual}.{region}.{domain}"),
        };
        Ok(Address { scheme: if self.secure { "https" } else { "http" }, authority: host, path: String::new() })
    }
}

/// Whether a region has the shape of Amazon's: `eu-central-1`, `us-gov-west-1`. New ones appear every year, so there is no list.
fn is_amazon_region(region: &str) -> bool {
    let mut words = region.split('-').rev();
    let number = words.next().is_some_and(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()));
    let words: Vec<&str> = words.collect();
    number
        && words.len() >= 2
        && words.iter().all(|word| word.len() >= 2 && word.bytes().all(|b| b.is_ascii_lowercase()))
}

/// Where the bucket's name goes in a request to OSS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OssStyle {
    /// Into the host name, as the service wants it.
    VirtualHost,
    /// Nowhere: the host is a domain of the bucket's own.
    OwnDomain,
    /// Into the path, because the host is an IP address.
    Path,
}

/// How an OSS bucket is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OssEndpoint {
    /// Of the service, without the bucket.
    pub address: Address,
    /// Where the bucket's name goes.
    pub style: OssStyle,
    /// The region that requests are signed for, without the `oss-`.
    pub region: String,
}

impl Oss {
    /// Where the bucket is, from `endpoint` (with or without the bucket before it), `region` (with or without `oss-` before it)
    /// and `internal`.
    ///
    /// # Errors
    /// Which key is wrong, and the rest of the sentence.
    pub fn endpoint(&self) -> Result<OssEndpoint, (&'static str, String)> {
        let region = self.region.trim().to_ascii_lowercase();
        let region = region.strip_suffix(".aliyuncs.com").unwrap_or(&region);
        let region = region.strip_suffix("-internal").unwrap_or(region);
        let region = region.strip_prefix("oss-").unwrap_or(region).to_owned();
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if region.is_empty() || !region.bytes().all(is_word) {
            return Err(("region", format!("is {:?}, but must be a region such as oss-cn-hangzhou", self.region)));
        }
        if self.endpoint.trim().is_empty() {
            let inside = if self.internal { "-internal" } else { "" };
            let authority = format!("oss-{region}{inside}.aliyuncs.com");
            let scheme = if self.secure { "https" } else { "http" };
            let address = Address { scheme, authority, path: String::new() };
            return Ok(OssEndpoint { address, style: OssStyle::VirtualHost, region });
        }
        let parsed = Address::parse(&self.endpoint, self.secure);
        let mut address = parsed.map_err(|problem| ("endpoint", problem))?;
        let in_host = address.take_bucket(&self.bucket);
        if !address.path.is_empty() {
            return Err(("endpoint", format!("has the path {:?}, but must be a host", address.path)));
        }
        // Written by those whose region has no `oss-`; no such host exists.
        if address.authority == format!("{region}.aliyuncs.com") {
            address.authority = format!("oss-{region}.aliyuncs.com");
        }
        let is_ip = address.host().trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
        let style = match (in_host, is_ip) {
            (_, true) => OssStyle::Path,
            (true, _) => OssStyle::VirtualHost,
            _ if address.host().ends_with(".aliyuncs.com") => OssStyle::VirtualHost,
            _ => OssStyle::OwnDomain,
        };
        Ok(OssEndpoint { address, style, region })
    }
}

impl Azure {
    /// Where the account is, from `serviceurl`, or `accountname` and `realm`.
    ///
    /// # Errors
    /// Which key is wrong, and the rest of the sentence.
    pub fn endpoint(&self) -> Result<Address, (&'static str, String)> {
        if !self.serviceurl.trim().is_empty() {
            return Address::parse(&self.serviceurl, true).map_err(|problem| ("serviceurl", problem));
        }
        let host = format!("{}.blob.{}", self.accountname, self.realm);
        Address::parse(&host, true).map_err(|problem| ("realm", problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s3(change: impl FnOnce(&mut S3)) -> Result<(String, bool), (&'static str, String)> {
        let mut s3 = S3 { bucket: "images".to_owned(), region: "eu-central-1".to_owned(), ..S3::default() };
        change(&mut s3);
        s3.endpoint().map(|endpoint| (endpoint.address.url(), endpoint.virtual_host))
    }

    #[test]
    fn every_form_of_an_s3_endpoint_is_understood() {
        for (written, url, virtual_host) in [
            ("s3.pek3b.qingstor.com", "https://s3.pek3b.qingstor.com", false),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000", false),
            ("https://minio.example/", "https://minio.example", false),
            ("https://minio.example/images", "https://minio.example", false),
            ("https://host.example/s3/api/", "https://host.example/s3/api", false),
            ("images.s3.example", "https://s3.example", true),
            ("HTTPS://Images.S3.example:8443", "https://s3.example:8443", true),
            ("//s3.example", "https://s3.example", false),
        ] {
            let found = s3(|s3| s3.regionendpoint = written.to_owned());
            assert_eq!(found, Ok((url.to_owned(), virtual_host)), "{written}");
        }
        assert!(s3(|s3| s3.regionendpoint = "ftp://x".to_owned()).is_err());
        assert!(s3(|s3| s3.regionendpoint = "https://user:word@x".to_owned()).is_err());
        assert!(s3(|s3| s3.regionendpoint = "https:///bucket".to_owned()).is_err());
    }

    #[test]
    fn insecure_holds_only_where_no_scheme_is_written() {
        let with = |endpoint: &str| {
            let endpoint = endpoint.to_owned();
            s3(move |s3| (s3.regionendpoint, s3.secure) = (endpoint, false)).unwrap().0
        };
        assert_eq!(with("host:80"), "http://host:80");
        assert_eq!(with("https://host"), "https://host");
    }

    #[test]
    fn amazons_own_endpoints_are_put_together() {
        assert_eq!(s3(|_| ()), Ok(("https://s3.eu-central-1.amazonaws.com".to_owned(), true)));
        let dual = s3(|s3| s3.usedualstack = true).unwrap().0;
        assert_eq!(dual, "https://s3.dualstack.eu-central-1.amazonaws.com");
        let fast = s3(|s3| (s3.accelerate, s3.usedualstack) = (true, true)).unwrap().0;
        assert_eq!(fast, "https://s3-accelerate.dualstack.amazonaws.com");
        let china = s3(|s3| s3.region = "cn-north-1".to_owned()).unwrap().0;
        assert_eq!(china, "https://s3.cn-north-1.amazonaws.com.cn");
        let fips = s3(|s3| (s3.usefipsendpoint, s3.region) = (true, "us-gov-west-1".to_owned())).unwrap().0;
        assert_eq!(fips, "https://s3-fips.us-gov-west-1.amazonaws.com");
        assert!(!s3(|s3| s3.bucket = "with.dots".to_owned()).unwrap().1);
        assert_eq!(s3(|s3| s3.region = "pek3b".to_owned()).unwrap_err().0, "region");
        assert_eq!(s3(|s3| (s3.accelerate, s3.usefipsendpoint) = (true, true)).unwrap_err().0, "accelerate");
        assert_eq!(s3(|s3| (s3.accelerate, s3.forcepathstyle) = (true, Some(true))).unwrap_err().0, "accelerate");
    }

    fn oss(region: &str, endpoint: &str) -> Result<(String, OssStyle, String), (&'static str, String)> {
        let oss = Oss {
            bucket: "images".to_owned(),
            region: region.to_owned(),
            endpoint: endpoint.to_owned(),
            ..Oss::default()
        };
        oss.endpoint().map(|endpoint| (endpoint.address.url(), endpoint.style, endpoint.region))
    }

    #[test]
    fn every_form_of_an_oss_endpoint_is_understood() {
        use OssStyle::{OwnDomain, Path, VirtualHost};
        for (region, endpoint, url, style) in [
            ("oss-cn-hangzhou", "", "https://oss-cn-hangzhou.aliyuncs.com", VirtualHost),
            ("cn-hangzhou", "", "https://oss-cn-hangzhou.aliyuncs.com", VirtualHost),
            (
                "oss-cn-hangzhou",
                "images.oss-cn-hangzhou.aliyuncs.com",
                "https://oss-cn-hangzhou.aliyuncs.com",
                VirtualHost,
            ),
            ("cn-hangzhou", "images.cn-hangzhou.aliyuncs.com", "https://oss-cn-hangzhou.aliyuncs.com", VirtualHost),
            (
                "cn-hangzhou",
                "http://oss-cn-hangzhou-internal.aliyuncs.com/",
                "http://oss-cn-hangzhou-internal.aliyuncs.com",
                VirtualHost,
            ),
            ("cn-hangzhou", "registry.example", "https://registry.example", OwnDomain),
            ("cn-hangzhou", "http://127.0.0.1:17300", "http://127.0.0.1:17300", Path),
        ] {
            let found = oss(region, endpoint);
            assert_eq!(found, Ok((url.to_owned(), style, "cn-hangzhou".to_owned())), "{region} {endpoint}");
        }
        assert_eq!(oss("", "").unwrap_err().0, "region");
        assert_eq!(oss("cn-hangzhou", "host/path").unwrap_err().0, "endpoint");
    }

    #[test]
    fn internal_chooses_the_endpoint_inside_the_network() {
        let oss = Oss { bucket: "b".into(), region: "cn-beijing".into(), internal: true, ..Oss::default() };
        assert_eq!(oss.endpoint().unwrap().address.url(), "https://oss-cn-beijing-internal.aliyuncs.com");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*", bucket in "[a-z.]{0,4}", secure: bool) {
            let s3 = S3 { regionendpoint: text.clone(), bucket: bucket.clone(), secure, ..S3::default() };
            let _ = s3.endpoint();
            let oss = Oss { endpoint: text.clone(), region: text, bucket, secure, ..Oss::default() };
            let _ = oss.endpoint();
        }
    }
}
