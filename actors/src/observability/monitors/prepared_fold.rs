//! What deciding has found out already, so that folding need not find it out again.

use std::sync::Mutex;

use bincode::de::{BorrowDecode, BorrowDecoder, Decoder};
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};
use troupe_runtime::Timestamp;

use super::active::Active;
use super::findings::Findings;
use super::messages::Row;

/// What became of the judges behind a monitor in a copy that was shown these rows.
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

/// To decide what a batch leads to, a copy of the judges folds it; where the batch is then told, that copy is what
/// folding it comes to. No part of the state: it is not stored, any event ends it, and a replica that did not decide
/// folds to the same without it.
#[derive(Debug, Default)]
pub(super) struct PreparedFold(Mutex<Option<Box<Prepared>>>);

impl PreparedFold {
    pub(super) fn keep(&self, prepared: Prepared) {
        if let Ok(mut place) = self.0.lock() {
            *place = Some(Box::new(prepared));
        }
    }

    /// Takes what was prepared, whatever it was: after the event that asks for it the judges are others.
    pub(super) fn take(&mut self) -> Option<Box<Prepared>> {
        self.0.get_mut().ok()?.take()
    }
}

impl Prepared {
    /// Itself, if it is of these rows.
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
