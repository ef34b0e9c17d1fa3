//! What deciding has found out already, so that folding need not find it out again.

use std::sync::Mutex;

use bincode::de::{BorrowDecode, BorrowDecoder, Decoder};
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};
use troupe_runtime::Timestamp;

use super::messages::Row;
use super::watching::{Said, Watching};

/// What became of the judges behind a monitor in a copy that was shown these rows.
#[derive(Debug)]
pub(super) struct Foreseen {
    rows: Vec<Row>,
    now: Timestamp,
    pub(super) watching: Watching,
    pub(super) said: Said,
}

impl Foreseen {
    pub(super) fn new(rows: &[Row], now: Timestamp, watching: Watching, said: Said) -> Self {
        Self { rows: rows.to_vec(), now, watching, said }
    }
}

/// To decide what a batch leads to, a copy of the judges folds it; where the batch is then told, that copy is what
/// folding it comes to. No part of the state: it is not stored, any event ends it, and a replica that did not decide
/// folds to the same without it.
#[derive(Debug, Default)]
pub(super) struct Foresight(Mutex<Option<Box<Foreseen>>>);

impl Foresight {
    pub(super) fn keep(&self, foreseen: Foreseen) {
        if let Ok(mut place) = self.0.lock() {
            *place = Some(Box::new(foreseen));
        }
    }

    /// Takes what was foreseen, whatever it was: after the event that asks for it the judges are others.
    pub(super) fn take(&mut self) -> Option<Box<Foreseen>> {
        self.0.get_mut().ok()?.take()
    }
}

impl Foreseen {
    /// Itself, if it is of these rows.
    pub(super) fn of(self: Box<Self>, rows: &[Row], now: Timestamp) -> Option<Box<Self>> {
        (self.now == now && self.rows == rows).then_some(self)
    }
}

impl Encode for Foresight {
    fn encode<E: Encoder>(&self, _encoder: &mut E) -> Result<(), EncodeError> {
        Ok(())
    }
}

impl<C> Decode<C> for Foresight {
    fn decode<D: Decoder<Context = C>>(_decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(Self::default())
    }
}

impl<'de, C> BorrowDecode<'de, C> for Foresight {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Self::decode(decoder)
    }
}
