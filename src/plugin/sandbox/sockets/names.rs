//! Which names stood for which addresses when an instance looked them up.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Pairs that are remembered; the oldest is forgotten for a new one.
const PAIRS_MAX: usize = 256;

/// What one instance has looked up.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<VecDeque<(IpAddr, String)>>);

impl Names {
    /// `name` stands for `addresses`.
    pub(super) fn remember(&self, name: &str, addresses: &[IpAddr]) {
        let mut pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for address in addresses {
            pairs.retain(|(known, of)| (known, of.as_str()) != (address, name));
            if pairs.len() == PAIRS_MAX {
                pairs.pop_front();
            }
            pairs.push_back((*address, name.to_owned()));
        }
    }

    /// The names that stood for an address, the newest first.
    pub(super) fn of(&self, address: IpAddr) -> Vec<String> {
        let pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pairs.iter().rev().filter(|(known, _)| *known == address).map(|(_, name)| name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_looked_up_is_remembered_up_to_a_limit() {
        let names = Names::default();
        let address = |n: u32| IpAddr::V4(std::net::Ipv4Addr::from(n));
        names.remember("a.test", &[address(1), address(2)]);
        names.remember("b.test", &[address(1)]);
        names.remember("b.test", &[address(1)]);
        assert_eq!(names.of(address(1)), ["b.test", "a.test"]);
        assert!(names.of(address(9)).is_empty());
        for n in 0..1000 {
            names.remember("c.test", &[address(100 + n)]);
        }
        assert!(names.of(address(1)).is_empty() && names.of(address(1099)) == ["c.test"]);
    }
}
