//! Blocks of IP addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A block of addresses: `10.0.0.0/8`, `fd00::/8`, or a single one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

impl Network {
    /// A single address.
    pub fn single(address: IpAddr) -> Self {
        let first = address.to_canonical();
        Self { first, prefix: width(first) }
    }

    /// Whether it is one address and no more.
    pub fn is_single(&self) -> bool {
        self.prefix == width(self.first)
    }

    /// Whether an address lies in it. An IPv4 address mapped into IPv6 is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.covers(&Self::single(address))
    }

    /// Whether all of another block lies in it.
    pub fn covers(&self, other: &Self) -> bool {
        self.first.is_ipv4() == other.first.is_ipv4()
            && self.prefix <= other.prefix
            && masked(self.first, self.prefix) == masked(other.first, self.prefix)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse =
            || format!("{text:?} is no address and no block of addresses such as \"10.0.0.0/8\" or \"fd00::/8\"");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| refuse())?;
        let Some(prefix) = prefix else { return Ok(Self::single(address)) };
        if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refuse());
        }
        let prefix: u8 = prefix.parse().map_err(|_| refuse())?;
        if prefix > width(address) {
            return Err(refuse());
        }
        if masked(address, prefix) != bits(address) {
            return Err(format!(
                "{text:?} has bits set behind its prefix of /{prefix}; write the block's first address"
            ));
        }
        // As with single addresses: a block of IPv4 addresses mapped into IPv6 is one of IPv4 addresses.
        Ok(match (address.to_canonical(), prefix.checked_sub(MAPPED_BITS)) {
            (first @ IpAddr::V4(_), Some(prefix)) if address.is_ipv6() => Self { first, prefix },
            _ => Self { first: address, prefix },
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_single() {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}/{}", self.first, self.prefix),
        }
    }
}

/// What stands before an IPv4 address that is mapped into IPv6 (`::ffff:0:0/96`, RFC 4291, 2.5.5.2).
const MAPPED_BITS: u8 = 96;

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn masked(address: IpAddr, prefix: u8) -> u128 {
    let behind = u32::from(width(address) - prefix.min(width(address)));
    // Shifting by the whole width is no shift that the processor has.
    bits(address).checked_shr(behind).map_or(0, |kept| kept << behind)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_blocks() {
        let block: Network = "10.0.0.0/8".parse().unwrap();
        assert!(block.contains("10.255.0.1".parse().unwrap()));
        assert!(block.contains("::ffff:10.0.0.1".parse().unwrap()));
        assert!(!block.contains("11.0.0.0".parse().unwrap()));
        assert!(!block.contains("::".parse().unwrap()));
        let mapped: Network = "::ffff:10.0.0.0/104".parse().unwrap();
        assert!(mapped == block && mapped.contains("10.255.0.1".parse().unwrap()));
        let all: Network = "::/0".parse().unwrap();
        assert!(all.contains("fd00::1".parse().unwrap()) && !all.contains("1.2.3.4".parse().unwrap()));
        for text in ["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "::/129", "localhost", "", "10/8"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_block_contains_what_shares_its_prefix(bits: u32, prefix in 0u8..=32, other: u32) {
            let first = bits.checked_shr(32 - u32::from(prefix)).map_or(0, |kept| kept << (32 - u32::from(prefix)));
            let block: Network = format!("{}/{prefix}", Ipv4Addr::from(first)).parse().unwrap();
            let inside = Ipv4Addr::from(first | other.checked_shr(u32::from(prefix)).unwrap_or(0));
            prop_assert!(block.contains(IpAddr::V4(inside)), "{} in {}", inside, block);
            prop_assert_eq!(block.to_string().parse::<Network>().unwrap(), block);
        }

        #[test]
        fn no_text_ends_the_process(text in "[0-9a-f.:/]{0,40}|.*") {
            let _ = text.parse::<Network>();
        }
    }
}
