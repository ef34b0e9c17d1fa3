//! The one binary encoding of the cluster: bincode, little endian, variable-length integers.

use bincode::config::{Configuration, Limit};
use bincode::{BorrowDecode, Decode, Encode};

/// Largest value decoded, and so the bound on what a length prefix from outside can make us allocate.
pub const DECODED_BYTES_MAX: usize = 64 << 20;

/// The same for a shard's snapshot, whose own bound is configured below this.
pub const SNAPSHOT_BYTES_MAX: usize = 1 << 30;

const CONFIG: Configuration<
    bincode::config::LittleEndian,
    bincode::config::Varint,
    Limit<DECODED_BYTES_MAX>,
> = bincode::config::standard().with_limit::<DECODED_BYTES_MAX>();

/// Encodes a value.
///
/// # Panics
/// Never for types with derived `Encode`: writing to a `Vec` does not fail.
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    bincode::encode_to_vec(value, CONFIG).expect("encoding into a Vec does not fail")
}

/// Appends a value to `out`.
///
/// # Panics
/// Never for types with derived `Encode`.
pub fn encode_into<T: Encode>(value: &T, out: &mut Vec<u8>) {
    bincode::encode_into_std_write(value, out, CONFIG).expect("encoding into a Vec does not fail");
}

/// Decodes a value that fills `bytes` whole.
///
/// # Errors
/// What did not fit, as text; trailing bytes are an error too.
pub fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, String> {
    match bincode::decode_from_slice(bytes, CONFIG) {
        Ok((value, used)) if used == bytes.len() => Ok(value),
        Ok((_, used)) => Err(format!("{} bytes left over", bytes.len() - used)),
        Err(error) => Err(error.to_string()),
    }
}

/// Decodes a value from the start of `bytes`, some of which it may go on pointing to, and tells how many it took.
///
/// # Errors
/// What did not fit, as text.
pub fn decode_lent<'a, T: BorrowDecode<'a, ()>>(bytes: &'a [u8]) -> Result<(T, usize), String> {
    bincode::borrow_decode_from_slice(bytes, CONFIG).map_err(|error| error.to_string())
}

/// [`decode`] for a shard's snapshot, which has come whole and within its own bound.
///
/// # Errors
/// What did not fit, as text; trailing bytes are an error too.
pub fn decode_snapshot<T: Decode<()>>(bytes: &[u8]) -> Result<T, String> {
    let config = bincode::config::standard().with_limit::<SNAPSHOT_BYTES_MAX>();
    match bincode::decode_from_slice(bytes, config) {
        Ok((value, used)) if used == bytes.len() => Ok(value),
        Ok((_, used)) => Err(format!("{} bytes left over", bytes.len() - used)),
        Err(error) => Err(error.to_string()),
    }
}

/// [`decode_prefix`] for what a shard holds, which was written here or has come whole and within its own bound. What is
/// written must be read back, whatever its size: the bound of a message would make a loss of it.
///
/// # Errors
/// What did not fit, as text.
pub fn decode_snapshot_prefix<T: Decode<()>>(bytes: &[u8]) -> Result<(T, usize), String> {
    let config = bincode::config::standard().with_limit::<SNAPSHOT_BYTES_MAX>();
    bincode::decode_from_slice(bytes, config).map_err(|error| error.to_string())
}

/// Decodes a value from the start of `bytes` and tells how many it took.
///
/// # Errors
/// What did not fit, as text.
pub fn decode_prefix<T: Decode<()>>(bytes: &[u8]) -> Result<(T, usize), String> {
    bincode::decode_from_slice(bytes, CONFIG).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_may_be_larger_than_a_message() {
        let large = encode(&vec![7_u8; DECODED_BYTES_MAX]);
        assert_eq!(decode::<Vec<u8>>(&large), Err("LimitExceeded".to_owned()));
        assert!(decode_snapshot::<Vec<u8>>(&large).is_ok_and(|bytes| bytes.len() == DECODED_BYTES_MAX));
    }
}
