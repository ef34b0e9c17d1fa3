//! The one binary encoding of the cluster: bincode, little endian, variable-length integers.

use bincode::config::{Configuration, Limit};
use bincode::{BorrowDecode, Decode, Encode};

/// Largest decoded value: the bound on allocations by a foreign length prefix.
pub const DECODED_BYTES_MAX: usize = 64 << 20;

/// The same bound for a shard's snapshot; the configuration allows less.
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

/// Decodes a value from all of `bytes`.
///
/// # Errors
/// Text of the decoding error; trailing bytes are an error.
pub fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, String> {
    match bincode::decode_from_slice(bytes, CONFIG) {
        Ok((value, used)) if used == bytes.len() => Ok(value),
        Ok((_, used)) => Err(format!("{} bytes left over", bytes.len() - used)),
        Err(error) => Err(error.to_string()),
    }
}

/// Decodes a value that may borrow from the start of `bytes`; returns the number of bytes read.
///
/// # Errors
/// Text of the decoding error.
pub fn decode_lent<'a, T: BorrowDecode<'a, ()>>(bytes: &'a [u8]) -> Result<(T, usize), String> {
    bincode::borrow_decode_from_slice(bytes, CONFIG).map_err(|error| error.to_string())
}

/// [`decode`] for a shard's snapshot, which is complete and within its own bound.
///
/// # Errors
/// Text of the decoding error; trailing bytes are an error.
pub fn decode_snapshot<T: Decode<()>>(bytes: &[u8]) -> Result<T, String> {
    let config = bincode::config::standard().with_limit::<SNAPSHOT_BYTES_MAX>();
    match bincode::decode_from_slice(bytes, config) {
        Ok((value, used)) if used == bytes.len() => Ok(value),
        Ok((_, used)) => Err(format!("{} bytes left over", bytes.len() - used)),
        Err(error) => Err(error.to_string()),
    }
}

/// [`decode_prefix`] for state that was written here or came as a complete snapshot. It has the larger bound: state
/// that was written must be readable, or it would be lost.
///
/// # Errors
/// Text of the decoding error.
pub fn decode_snapshot_prefix<T: Decode<()>>(bytes: &[u8]) -> Result<(T, usize), String> {
    let config = bincode::config::standard().with_limit::<SNAPSHOT_BYTES_MAX>();
    bincode::decode_from_slice(bytes, config).map_err(|error| error.to_string())
}

/// Decodes a value from the start of `bytes`; returns the number of bytes read.
///
/// # Errors
/// Text of the decoding error.
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
