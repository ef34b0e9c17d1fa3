//! Storage format of the judges' types: by field name, so that a later build can add fields.

use bincode::de::{BorrowDecode, BorrowDecoder, Decoder};
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A judge's value inside a bincode encoding. The inner format is MessagePack with field names: a judge's state grows
/// from version to version, and a later build must still read older state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NamedFields<T>(pub T);

/// Bytes of the value in this format.
pub(crate) fn kept_bytes<T: Serialize>(value: &T) -> usize {
    rmp_serde::to_vec_named(value).map_or(usize::MAX, |bytes| bytes.len())
}

impl<T: Serialize> Encode for NamedFields<T> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let bytes =
            rmp_serde::to_vec_named(&self.0).map_err(|error| EncodeError::OtherString(error.to_string()))?;
        bytes.encode(encoder)
    }
}

impl<C, T: DeserializeOwned> Decode<C> for NamedFields<T> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let bytes = Vec::<u8>::decode(decoder)?;
        let value =
            rmp_serde::from_slice(&bytes).map_err(|error| DecodeError::OtherString(error.to_string()))?;
        Ok(Self(value))
    }
}

impl<'de, C, T: DeserializeOwned> BorrowDecode<'de, C> for NamedFields<T> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Self::decode(decoder)
    }
}

/// The last field of a state or a message, added by a later build. A default value writes no bytes, and missing bytes
/// decode as the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct OptionalTail<T>(pub(crate) T);

impl<T: Encode + Default + PartialEq> Encode for OptionalTail<T> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        if self.0 == T::default() { Ok(()) } else { self.0.encode(encoder) }
    }
}

impl<C, T: Decode<C> + Default> Decode<C> for OptionalTail<T> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        match T::decode(decoder) {
            Err(DecodeError::UnexpectedEnd { .. }) => Ok(Self::default()),
            read => read.map(Self),
        }
    }
}

impl<'de, C, T: Decode<C> + Default> BorrowDecode<'de, C> for OptionalTail<T> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Self::decode(decoder)
    }
}

#[cfg(test)]
mod tests {
    use troupe_runtime::wire;
    use troupe_statistics::drift::stream::{AdwinOptions, Detector, DetectorSpec};

    use super::*;

    #[test]
    fn what_a_judge_remembers_comes_back_bit_for_bit() {
        let mut detector = DetectorSpec::Adwin(AdwinOptions::default()).build().unwrap();
        for x in [0.1, -0.0, f64::MIN_POSITIVE, 1.0 / 3.0, 1e300] {
            detector.observe(x);
        }
        let kept = NamedFields(detector);
        let read: NamedFields<troupe_statistics::drift::stream::AnyDetector> =
            wire::decode(&wire::encode(&kept)).unwrap();
        assert_eq!(read, kept);
        let odd = NamedFields((f64::INFINITY, f64::NEG_INFINITY, f64::NAN));
        let read: NamedFields<(f64, f64, f64)> = wire::decode(&wire::encode(&odd)).unwrap();
        assert_eq!((read.0.0, read.0.1, read.0.2.is_nan()), (f64::INFINITY, f64::NEG_INFINITY, true));
    }

    #[test]
    fn a_field_that_came_later_is_written_only_where_it_says_something() {
        #[derive(Encode, Decode, PartialEq, Debug)]
        struct Now(u32, OptionalTail<Option<u64>>);
        for (now, bytes) in [(Now(7, OptionalTail(None)), 1), (Now(7, OptionalTail(Some(9))), 3)] {
            let written = wire::encode(&now);
            assert_eq!(written.len(), bytes);
            assert_eq!(wire::decode::<Now>(&written).unwrap(), now);
        }
    }

    #[test]
    fn an_older_memory_is_read_by_a_build_that_knows_more() {
        #[derive(Serialize)]
        struct Then {
            a: u32,
        }
        #[derive(Deserialize, PartialEq, Debug)]
        struct Now {
            a: u32,
            #[serde(default)]
            b: Option<f64>,
        }
        let read: NamedFields<Now> = wire::decode(&wire::encode(&NamedFields(Then { a: 7 }))).unwrap();
        assert_eq!(read.0, Now { a: 7, b: None });
    }
}
