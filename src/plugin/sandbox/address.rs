//! What an IP address is for.
//!
//! Only what the Internet routes is [`Kind::Public`]. Everything else may be the server's own machine, its network, or the
//! cloud's metadata service, which hands out credentials to whoever asks from there.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use crate::config::value::Network;

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Routed on the Internet.
    Public,
    /// `0.0.0.0/8`, `::`: this host, on many systems.
    Unspecified,
    /// `127.0.0.0/8`, `::1`: the server's own machine.
    Loopback,
    /// RFC 1918, `fc00::/7` and the old site-local block: the server's own network.
    Private,
    /// `169.254.0.0/16`, `fe80::/10`.
    LinkLocal,
    /// `100.64.0.0/10`: a provider's network behind its address translation.
    CarrierGrade,
    /// Where a cloud tells a machine its credentials.
    Metadata,
    /// `224.0.0.0/4`, `ff00::/8`.
    Multicast,
    /// Reserved for documentation, measurements or the future.
    Reserved,
}

impl Kind {
    /// What an address is for. One that carries an IPv4 address in it (mapped, translated, tunnelled) is what that one is.
    pub fn of(address: IpAddr) -> Self {
        if METADATA.contains(&address.to_canonical()) {
            return Self::Metadata;
        }
        match address.to_canonical() {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "a public address",
            Self::Unspecified => "no address of a single machine",
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::CarrierGrade => "an address of a provider's own network",
            Self::Metadata => "a cloud's metadata service",
            Self::Multicast => "a multicast address",
            Self::Reserved => "a reserved address",
        })
    }
}

/// The metadata services of the clouds, also those that lie in a public block.
const METADATA: [IpAddr; 7] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

fn of_v4(address: Ipv4Addr) -> Kind {
    match address.octets() {
        [0, ..] => Kind::Unspecified,
        [127, ..] => Kind::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Kind::Private,
        [169, 254, ..] => Kind::LinkLocal,
        [100, 64..=127, ..] => Kind::CarrierGrade,
        [224..=239, ..] => Kind::Multicast,
        // Protocol assignments, documentation, the relays of 6to4, measurements between networks, and the last sixteenth.
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => {
            Kind::Reserved
        }
        [240..=255, ..] => Kind::Reserved,
        _ => Kind::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> Kind {
    let v4 = |high: u16, low: u16| of_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Kind::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Kind::Loopback,
        // IPv4 in the ways that a translator or a tunnel would reach: compatible (given up), NAT64, 6to4.
        [0, 0, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            match Kind::of(IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))) {
                Kind::Public => v4(high, low),
                other => other,
            }
        }
        [0xfe80..=0xfebf, ..] => Kind::LinkLocal,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] | [0x64, 0xff9b, 1, ..] => Kind::Private,
        [0xff00..=0xffff, ..] => Kind::Multicast,
        // Teredo, benchmarks, identifiers that are no addresses, documentation.
        [0x2001, 0, ..] | [0x2001, 2, 0, ..] | [0x2001, 0x10..=0x2f, ..] | [0x2001, 0xdb8, ..] => Kind::Reserved,
        [0x3fff, 0..=0xfff, ..] => Kind::Reserved,
        [0x2000..=0x3fff, ..] => Kind::Public,
        _ => Kind::Reserved,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind(text: &str) -> Kind {
        Kind::of(text.parse().unwrap())
    }

    #[test]
    fn knows_what_addresses_are_for() {
        for (address, expected) in [
            ("8.8.8.8", Kind::Public),
            ("2606:4700::1111", Kind::Public),
            ("172.15.255.255", Kind::Public),
            ("172.32.0.1", Kind::Public),
            ("100.63.0.1", Kind::Public),
            ("0.0.0.0", Kind::Unspecified),
            ("0.1.2.3", Kind::Unspecified),
            ("::", Kind::Unspecified),
            ("127.0.0.1", Kind::Loopback),
            ("127.255.1.2", Kind::Loopback),
            ("::1", Kind::Loopback),
            ("10.1.2.3", Kind::Private),
            ("172.16.0.1", Kind::Private),
            ("172.31.255.255", Kind::Private),
            ("192.168.0.1", Kind::Private),
            ("fc00::1", Kind::Private),
            ("fdff::1", Kind::Private),
            ("fec0::1", Kind::Private),
            ("169.254.1.1", Kind::LinkLocal),
            ("fe80::1", Kind::LinkLocal),
            ("febf::1", Kind::LinkLocal),
            ("100.64.0.1", Kind::CarrierGrade),
            ("100.127.255.255", Kind::CarrierGrade),
            ("169.254.169.254", Kind::Metadata),
            ("169.254.170.2", Kind::Metadata),
            ("100.100.100.200", Kind::Metadata),
            ("168.63.129.16", Kind::Metadata),
            ("192.0.0.192", Kind::Metadata),
            ("fd00:ec2::254", Kind::Metadata),
            ("fd20:ce::254", Kind::Metadata),
            ("224.0.0.1", Kind::Multicast),
            ("ff02::1", Kind::Multicast),
            ("255.255.255.255", Kind::Reserved),
            ("240.0.0.1", Kind::Reserved),
            ("192.0.2.1", Kind::Reserved),
            ("2001:db8::1", Kind::Reserved),
            ("4000::1", Kind::Reserved),
        ] {
            assert_eq!(kind(address), expected, "{address}");
        }
    }

    #[test]
    fn sees_the_ipv4_address_inside() {
        for address in ["::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.2"] {
            assert_eq!(kind(address), Kind::Loopback, "{address}");
        }
        for address in ["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"] {
            assert_eq!(kind(address), Kind::Metadata, "{address}");
        }
        assert_eq!(kind("64:ff9b::808:808"), Kind::Public);
        assert_eq!(kind("::ffff:10.0.0.1"), Kind::Private);
    }

    proptest! {
        #[test]
        fn mapping_into_ipv6_changes_nothing(bits: u32) {
            let v4 = Ipv4Addr::from(bits);
            prop_assert_eq!(Kind::of(IpAddr::V4(v4)), Kind::of(IpAddr::V6(v4.to_ipv6_mapped())));
        }

        #[test]
        fn what_std_knows_to_be_local_is_not_public(bits: u128) {
            let v6 = Ipv6Addr::from(bits);
            let v4 = Ipv4Addr::from((bits >> 64) as u32);
            let local_v4 = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast() || v4.is_documentation();
            prop_assert!(!local_v4 || Kind::of(IpAddr::V4(v4)) != Kind::Public);
            let local_v6 = v6.is_loopback() || v6.is_multicast() || v6.is_unique_local() || v6.is_unicast_link_local();
            prop_assert!(!local_v6 || Kind::of(IpAddr::V6(v6)) != Kind::Public);
        }

    }
}
