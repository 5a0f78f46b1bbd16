//! Addresses: which of them stand in front of the gateway, and whom a request counts as coming from.
//!
//! Plain values; no header is believed that something configured did not write.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u32,
}

/// Whom a request counts as coming from: an IPv4 address, or the 64 bits of an IPv6 address that one household or machine
/// has to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer(IpAddr);

impl Network {
    /// An address, or one with the number of bits that count: `10.0.0.0/8`. `None` for anything else.
    pub fn read(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().ok()?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            // A number may be written with a sign, and is none of bits then.
            Some(bits) if !bits.bytes().all(|byte| byte.is_ascii_digit()) => return None,
            Some(bits) => bits.parse::<u32>().ok().filter(|bits| *bits <= most)?,
            None => most,
        };
        // Addresses are compared as what they stand for: one of IPv4 that is written as one of IPv6 is the former.
        match (first, first.to_canonical()) {
            (IpAddr::V6(_), four @ IpAddr::V4(_)) => Some(Self {
                first: four,
                bits: bits.checked_sub(96)?,
            }),
            _ => Some(Self { first, bits }),
        }
    }

    fn holds(&self, address: IpAddr) -> bool {
        let differ = match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(other)) => {
                u128::from(first.to_bits() ^ other.to_bits()) << 96
            }
            (IpAddr::V6(first), IpAddr::V6(other)) => first.to_bits() ^ other.to_bits(),
            _ => return false,
        };
        differ.leading_zeros() >= self.bits
    }
}

impl Peer {
    /// Whom an address stands for.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(six) => {
                let household = six.to_bits() & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from_bits(household))
            }
            four @ IpAddr::V4(_) => four,
        })
    }

    /// Whom a request from this address counts as coming from; `None` where nobody can be told apart. `forwarded` is what
    /// `X-Forwarded-For` says, in order. It is believed from `proxies` only, and of what stands in it only the last word that
    /// is none of theirs: all before that the caller may have made up. Loopback that is no configured proxy may be a proxy
    /// all the same, and one caller must not count for all behind it.
    pub fn behind<'a>(
        address: IpAddr,
        forwarded: impl DoubleEndedIterator<Item = &'a str>,
        proxies: &[Network],
    ) -> Option<Self> {
        let is_proxy = |address: IpAddr| proxies.iter().any(|proxy| proxy.holds(address));
        let address = address.to_canonical();
        if !is_proxy(address) {
            return (!address.is_loopback()).then(|| Self::of(address));
        }
        for word in forwarded.rev() {
            let said = read_address(word.trim())?.to_canonical();
            if !is_proxy(said) {
                return Some(Self::of(said));
            }
        }
        None
    }
}

/// An address as proxies write it: alone, in brackets, or with a port.
fn read_address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(address: &str, forwarded: &[&str], proxies: &[&str]) -> Option<Peer> {
        let proxies: Vec<Network> = proxies
            .iter()
            .map(|text| Network::read(text).unwrap())
            .collect();
        let forwarded = forwarded.iter().copied();
        Peer::behind(address.parse().unwrap(), forwarded, &proxies)
    }

    fn peer(address: &str) -> Option<Peer> {
        Some(Peer::of(address.parse().unwrap()))
    }

    #[test]
    fn only_configured_proxies_are_believed() {
        let said = ["198.51.100.7"];
        assert_eq!(behind("203.0.113.9", &said, &[]), peer("203.0.113.9"));
        assert_eq!(behind("127.0.0.1", &said, &[]), None);
        assert_eq!(behind("::1", &said, &[]), None);
        assert_eq!(behind("::ffff:127.0.0.1", &said, &[]), None);
        let proxies = [
            "10.0.0.0/8",
            "127.0.0.1",
            "fd00::/8",
            "::ffff:192.0.2.0/120",
        ];
        for proxy in [
            "10.255.0.1",
            "127.0.0.1",
            "::ffff:10.0.0.1",
            "fd00::7",
            "192.0.2.9",
        ] {
            assert_eq!(
                behind(proxy, &said, &proxies),
                peer("198.51.100.7"),
                "{proxy}"
            );
        }
        assert_eq!(behind("11.0.0.1", &said, &proxies), peer("11.0.0.1"));
    }

    #[test]
    fn only_the_last_word_that_is_no_proxys_counts() {
        let proxies = ["10.0.0.0/8"];
        let said = |said: &[&str]| behind("10.0.0.1", said, &proxies);
        assert_eq!(
            said(&["1.2.3.4", " 198.51.100.7 ", "10.0.0.2"]),
            peer("198.51.100.7")
        );
        assert_eq!(said(&["junk", "198.51.100.7:4711"]), peer("198.51.100.7"));
        assert_eq!(said(&["[2001:db8::7]:80"]), peer("2001:db8::"));
        assert_eq!(said(&["[2001:db8::7]"]), peer("2001:db8::"));
        for nobody in [
            &[][..],
            &["junk"],
            &["198.51.100.7", "junk"],
            &["10.0.0.3"],
            &[""],
        ] {
            assert_eq!(said(nobody), None, "{nobody:?}");
        }
    }

    #[test]
    fn a_household_of_ipv6_is_one_and_networks_are_read_with_care() {
        assert_eq!(peer("2001:db8:1:2:3:4:5:6"), peer("2001:db8:1:2:ffff::"));
        assert_ne!(peer("2001:db8:1:2::"), peer("2001:db8:1:3::"));
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
        for wrong in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "::ffff:10.0.0.0/95",
            "::/129",
            "host",
        ] {
            assert_eq!(Network::read(wrong), None, "{wrong}");
        }
        let all = Network::read("0.0.0.0/0").unwrap();
        assert!(all.holds("203.0.113.9".parse().unwrap()));
        assert!(!all.holds("2001:db8::1".parse().unwrap()));
    }
}
