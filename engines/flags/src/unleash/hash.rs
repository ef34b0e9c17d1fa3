//! The hashes of rollouts and variants.

use std::io::Cursor;

/// The seed of variants. It makes the variant independent of the rollout (client-specification 5.0,
/// `16-strategy-variants`).
pub const VARIANT_SEED: u32 = 86_028_157;

/// 32 bits of murmur3 over `group:identifier`, brought to 1 up to and with `modulus`; 0 where `modulus` is 0.
#[must_use]
pub fn normalized_hash(group: &str, identifier: &str, modulus: u32, seed: u32) -> u32 {
    if modulus == 0 {
        return 0;
    }
    let text = format!("{group}:{identifier}");
    let hash = murmur3::murmur3_32(&mut Cursor::new(text.as_bytes()), seed)
        .expect("bytes in memory can always be read to their end");
    hash % modulus + 1
}

/// An independent draw for each use of one random number, so that the variant is independent of the rollout: the
/// finalizer of splitmix64 (Steele, Lea and Flood 2014).
pub(crate) fn draw(number: u64, usage: u64) -> u64 {
    let mut x = number.wrapping_add(usage.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
