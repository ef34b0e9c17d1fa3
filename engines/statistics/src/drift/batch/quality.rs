//! Data quality: nulls, values out of range, and freshness.

use serde::{Deserialize, Serialize};

use crate::drift::error::{DriftError, ensure};

/// What a feature's values are expected to be.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expectation {
    /// The least value, inclusive.
    pub least: Option<f64>,
    /// The greatest value, inclusive.
    pub most: Option<f64>,
    /// Share of values that may be out of range.
    pub max_out_of_range: f64,
    /// Share of observations that may be null; `None` if nulls are not judged.
    pub max_null_rate: Option<f64>,
}

/// An expectation that was not met: the share that was found and the share that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "check", rename_all = "snake_case")]
pub enum Unmet {
    /// Too many nulls among all observations.
    Nulls {
        /// Share of nulls.
        share: f64,
        /// Share that is allowed.
        allowed: f64,
    },
    /// Too many values out of range among those that are not null.
    Range {
        /// Share out of range.
        share: f64,
        /// Share that is allowed.
        allowed: f64,
    },
}

/// Counts of nulls and of values out of range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completeness {
    expectation: Expectation,
    seen: u64,
    nulls: u64,
    out_of_range: u64,
}

impl Completeness {
    /// Counts of nothing.
    ///
    /// # Errors
    ///
    /// [`DriftError::Value`] if a share is not in `0..=1`, a bound is NaN, or the range is empty.
    pub fn new(expectation: Expectation) -> Result<Self, DriftError> {
        let Expectation { least, most, max_out_of_range: out, max_null_rate } = expectation;
        let (low, high) = (least.unwrap_or(f64::NEG_INFINITY), most.unwrap_or(f64::INFINITY));
        ensure(low <= high, "most", high, "give a range with least at most its most")?;
        ensure((0.0..=1.0).contains(&out), "max_out_of_range", out, "give a share of 0 to 1")?;
        let rate = max_null_rate.unwrap_or(0.0);
        ensure((0.0..=1.0).contains(&rate), "max_null_rate", rate, "give a share of 0 to 1")?;
        Ok(Self { expectation, seen: 0, nulls: 0, out_of_range: 0 })
    }

    /// Counts one observation; NaN is a null, and an infinity is out of every range that has a bound on its side.
    pub fn fold(&mut self, x: f64) {
        self.seen += 1;
        let below = self.expectation.least.is_some_and(|least| x < least);
        let above = self.expectation.most.is_some_and(|most| x > most);
        self.nulls += u64::from(x.is_nan());
        self.out_of_range += u64::from(below || above);
    }

    /// Forgets all counts.
    pub fn clear(&mut self) {
        (self.seen, self.nulls, self.out_of_range) = (0, 0, 0);
    }

    /// Share of nulls; `None` without an observation.
    #[must_use]
    pub fn null_rate(&self) -> Option<f64> {
        (self.seen > 0).then(|| self.nulls as f64 / self.seen as f64)
    }

    /// Share of values out of range; `None` without a value.
    #[must_use]
    pub fn out_of_range_rate(&self) -> Option<f64> {
        let values = self.seen - self.nulls;
        (values > 0).then(|| self.out_of_range as f64 / values as f64)
    }

    /// The unmet expectations; empty without observations, because [`Freshness`] judges missing data.
    #[must_use]
    pub fn unmet(&self) -> Vec<Unmet> {
        let nulls = self.null_rate().zip(self.expectation.max_null_rate);
        let nulls = nulls.filter(|(share, allowed)| share > allowed);
        let allowed = self.expectation.max_out_of_range;
        let range = self.out_of_range_rate().filter(|share| *share > allowed);
        (nulls.map(|(share, allowed)| Unmet::Nulls { share, allowed }).into_iter())
            .chain(range.map(|share| Unmet::Range { share, allowed }))
            .collect()
    }
}

/// How old what came last may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freshness {
    /// The age in milliseconds beyond which a feature group is stale.
    pub max_age_ms: u64,
    /// When the youngest event happened, in milliseconds; `None` before the first.
    pub last_ms: Option<u64>,
}

/// The verdict on freshness. Ages are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Fresh {
    /// Nothing ever came.
    NoData,
    /// Young enough.
    Fresh {
        /// Its age.
        age_ms: u64,
    },
    /// Too old.
    Stale {
        /// Its age.
        age_ms: u64,
    },
}

impl Freshness {
    /// Before the first event.
    #[must_use]
    pub fn new(max_age_ms: u64) -> Self {
        Self { max_age_ms, last_ms: None }
    }

    /// Notes an event; one that is older than the youngest changes nothing.
    pub fn note(&mut self, at_ms: u64) {
        self.last_ms = self.last_ms.max(Some(at_ms));
    }

    /// The verdict at `now_ms`. An event from the future, by another clock, has no age.
    #[must_use]
    pub fn check(&self, now_ms: u64) -> Fresh {
        match self.last_ms.map(|last| now_ms.saturating_sub(last)) {
            None => Fresh::NoData,
            Some(age_ms) if age_ms > self.max_age_ms => Fresh::Stale { age_ms },
            Some(age_ms) => Fresh::Fresh { age_ms },
        }
    }
}
