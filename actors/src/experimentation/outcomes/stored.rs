//! Storage format of looks. The shape that older builds know comes first; the differences in the metrics' own units,
//! which they do not know, come last.
//!
//! Looks stored by older builds have no differences. The effect of a quantile was such a difference then, and is read
//! as one.

use bincode::de::{BorrowDecode, BorrowDecoder, Decoder};
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};

use super::messages::{Decided, LookView, Measured, OutcomeView};
use super::state::Outcome;
use crate::stored::OptionalTail;

/// The field stored last: for each look and each measurement, the difference and its interval.
type Differences = OptionalTail<Vec<Vec<(Option<f64>, Option<(f64, f64)>)>>>;

fn differences(looks: &[LookView]) -> Differences {
    let of = |one: &Measured| (one.difference, one.difference_interval);
    let all: Vec<Vec<_>> = looks.iter().map(|look| look.measured.iter().map(of).collect()).collect();
    let known = all.iter().flatten().any(|one| one.0.is_some());
    OptionalTail(if known { all } else { Vec::new() })
}

fn restore(looks: &mut [LookView], differences: Differences) {
    if differences.0.is_empty() {
        looks.iter_mut().flat_map(|look| &mut look.measured).for_each(of_old);
        return;
    }
    for (look, known) in looks.iter_mut().zip(differences.0) {
        for (one, (difference, interval)) in look.measured.iter_mut().zip(known) {
            (one.difference, one.difference_interval) = (difference, interval);
        }
    }
}

/// Converts a stored quantile effect that is a difference: it equals the difference to the last bit. If both are 0
/// the two cases are the same, and the interval is dropped.
fn of_old(one: &mut Measured) {
    let (Some(value), Some(baseline), Some(effect)) = (one.value, one.baseline, one.effect) else { return };
    if effect != value - baseline || baseline.abs() == 1.0 {
        return;
    }
    let interval = one.interval.take();
    one.difference = Some(effect);
    one.difference_interval = interval.filter(|_| effect != 0.0);
    one.effect = (baseline != 0.0).then(|| effect / baseline.abs());
}

/// A look in the shape that older builds know.
struct Known<T>(T);

impl Encode for Known<&Measured> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let Measured { metric, variation, n, value, baseline, effect, interval, p, verdict, why, .. } =
            self.0;
        (metric, variation, n, value, baseline).encode(encoder)?;
        (effect, interval, p, verdict, why).encode(encoder)
    }
}

impl<C> Decode<C> for Known<Measured> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let (metric, variation, n, value, baseline) = Decode::decode(decoder)?;
        let (effect, interval, p, verdict, why) = Decode::decode(decoder)?;
        Ok(Self(Measured {
            metric,
            variation,
            n,
            value,
            baseline,
            effect,
            interval,
            p,
            verdict,
            why,
            difference: None,
            difference_interval: None,
        }))
    }
}

impl Encode for Known<&LookView> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let LookView { at, members, imbalance_p, measured, verdict, words } = self.0;
        (at, members, imbalance_p).encode(encoder)?;
        let measured: Vec<Known<&Measured>> = measured.iter().map(Known).collect();
        (measured, verdict, words).encode(encoder)
    }
}

impl<C> Decode<C> for Known<LookView> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let (at, members, imbalance_p) = Decode::decode(decoder)?;
        let (measured, verdict, words): (Vec<Known<Measured>>, _, _) = Decode::decode(decoder)?;
        let measured = measured.into_iter().map(|one| one.0).collect();
        Ok(Self(LookView { at, members, imbalance_p, measured, verdict, words }))
    }
}

fn known(looks: &[LookView]) -> Vec<Known<&LookView>> {
    looks.iter().map(Known).collect()
}

fn looks<D: Decoder>(decoder: &mut D) -> Result<Vec<LookView>, DecodeError> {
    let looks: Vec<Known<LookView>> = Decode::decode(decoder)?;
    Ok(looks.into_iter().map(|look| look.0).collect())
}

impl Encode for LookView {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        Known(self).encode(encoder)?;
        differences(std::slice::from_ref(self)).encode(encoder)
    }
}

impl<C> Decode<C> for LookView {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let Known(mut look) = Decode::decode(decoder)?;
        restore(std::slice::from_mut(&mut look), Decode::decode(decoder)?);
        Ok(look)
    }
}

impl Encode for OutcomeView {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let Self { revision, runs, members, mixed, looks_are_free, looked, looks, decided } = self;
        (revision, runs, members, mixed, looks_are_free, looked).encode(encoder)?;
        (known(looks), decided, differences(looks)).encode(encoder)
    }
}

impl<C> Decode<C> for OutcomeView {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let (revision, runs, members, mixed, looks_are_free, looked) = Decode::decode(decoder)?;
        let mut looks = looks(decoder)?;
        let decided: Option<Decided> = Decode::decode(decoder)?;
        restore(&mut looks, Decode::decode(decoder)?);
        Ok(Self { revision, runs, members, mixed, looks_are_free, looked, looks, decided })
    }
}

impl Encode for Outcome {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let Self { revision, runs, arms, mixed, looked, looks, decided } = self;
        (revision, runs, arms, mixed, looked).encode(encoder)?;
        (known(looks), decided, differences(looks)).encode(encoder)
    }
}

impl<C> Decode<C> for Outcome {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let (revision, runs, arms, mixed, looked) = Decode::decode(decoder)?;
        let mut looks = looks(decoder)?;
        let decided = Decode::decode(decoder)?;
        restore(&mut looks, Decode::decode(decoder)?);
        Ok(Self { revision, runs, arms, mixed, looked, looks, decided })
    }
}

/// Borrowed decoding equals owned decoding: these types borrow nothing.
macro_rules! borrowed {
    ($($name:ty),*) => {$(
        impl<'de, C> BorrowDecode<'de, C> for $name {
            fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
                Self::decode(decoder)
            }
        }
    )*};
}

borrowed!(LookView, OutcomeView, Outcome, Known<Measured>, Known<LookView>);
