//! A cache that spares the leader a second fold of the same rows.

use std::sync::Mutex;

use bincode::de::{BorrowDecode, BorrowDecoder, Decoder};
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};
use troupe_runtime::Timestamp;

use super::active::Active;
use super::findings::Findings;
use super::messages::Row;

/// The judges after a fold of these rows, and the findings.
#[derive(Debug)]
pub(super) struct Prepared {
    rows: Vec<Row>,
    now: Timestamp,
    pub(super) active: Active,
    pub(super) findings: Findings,
}

impl Prepared {
    pub(super) fn new(rows: &[Row], now: Timestamp, active: Active, findings: Findings) -> Self {
        Self { rows: rows.to_vec(), now, active, findings }
    }
}

/// A decision folds a batch into a copy of the judges to learn the alarms. If the event of the batch follows, the copy
/// replaces the judges. This cache is not part of the state: it is not stored, any event clears it, and followers fold
/// the event to the same result.
#[derive(Debug, Default)]
pub(super) struct PreparedFold(Mutex<Option<Box<Prepared>>>);

impl PreparedFold {
    pub(super) fn keep(&self, prepared: Prepared) {
        if let Ok(mut place) = self.0.lock() {
            *place = Some(Box::new(prepared));
        }
    }

    /// Takes the content and leaves the cache empty: after any event, prepared judges are outdated.
    pub(super) fn take(&mut self) -> Option<Box<Prepared>> {
        self.0.get_mut().ok()?.take()
    }
}

impl Prepared {
    /// Returns itself if it was prepared for these rows at this time.
    pub(super) fn of(self: Box<Self>, rows: &[Row], now: Timestamp) -> Option<Box<Self>> {
        (self.now == now && self.rows == rows).then_some(self)
    }
}

impl Encode for PreparedFold {
    fn encode<E: Encoder>(&self, _encoder: &mut E) -> Result<(), EncodeError> {
        Ok(())
    }
}

impl<C> Decode<C> for PreparedFold {
    fn decode<D: Decoder<Context = C>>(_decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(Self::default())
    }
}

impl<'de, C> BorrowDecode<'de, C> for PreparedFold {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Self::decode(decoder)
    }
}
