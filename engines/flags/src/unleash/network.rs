//! Ranges of addresses.

use std::net::IpAddr;

/// An address and the length of its prefix in bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `2001:db8::/32` or one address. Bits beyond the prefix are ignored.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(prefix) => match prefix.parse::<IpAddr>() {
                Ok(mask) => mask_prefix(mask).filter(|_| mask.is_ipv4() == address.is_ipv4())?,
                Err(_) => u32::from(prefix.parse::<u8>().ok()?),
            },
        };
        (prefix <= bits).then_some(Self { address, prefix })
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let (own, other, bits) = match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (u32::from(own).into(), u32::from(other).into(), 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => (u128::from(own), u128::from(other), 128),
            _ => return false,
        };
        // A shift by the full width fails: with prefix 0 every address matches.
        (own ^ other).checked_shr(bits - self.prefix).unwrap_or(0) == 0
    }
}

/// The prefix length of a mask of leading ones.
fn mask_prefix(mask: IpAddr) -> Option<u32> {
    let (ones, all) = match mask {
        IpAddr::V4(mask) => (u32::from(mask).leading_ones(), u32::from(mask).count_ones()),
        IpAddr::V6(mask) => (u128::from(mask).leading_ones(), u128::from(mask).count_ones()),
    };
    (ones == all).then_some(ones)
}
