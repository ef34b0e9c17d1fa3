//! Detectors that see one number at a time and keep little of what they saw.
//!
//! Every detector repeats the decisions of its namesake in river 0.26.1, operation by operation, so that a stream
//! alarms here at the very index where it alarms there. As in river, the observation after a drift finds the detector
//! as new: what came before belongs to the old world.
//!
//! Two families: [`Adwin`], [`PageHinkley`] and [`Kswin`] take any real number; [`Ddm`], [`Eddm`], [`Fhddm`],
//! [`HddmA`] and [`HddmW`] take an error indicator in `0..=1`, where 1 is a wrong prediction (for [`Fhddm`] a right
//! one, since it looks for a fall). A number outside a detector's domain is not folded and its signal is
//! [`Signal::Steady`]: an absent value says nothing about drift, and is counted where nulls are.

mod adwin;
mod ddm;
mod eddm;
mod fhddm;
mod hddm_a;
mod hddm_w;
mod kswin;
mod mean;
mod mersenne;
mod page_hinkley;
mod spec;

use serde::{Deserialize, Serialize};

pub use adwin::{Adwin, AdwinOptions};
pub use ddm::{Ddm, DdmOptions};
pub use eddm::{Eddm, EddmOptions};
pub use fhddm::{Fhddm, FhddmOptions};
pub use hddm_a::{HddmA, HddmAOptions};
pub use hddm_w::{HddmW, HddmWOptions};
pub use kswin::{Kswin, KswinOptions};
pub use page_hinkley::{PageHinkley, PageHinkleyMode, PageHinkleyOptions};
pub use spec::{AnyDetector, DetectorSpec};

/// What an observation told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Nothing new.
    #[default]
    Steady,
    /// Perhaps the start of a drift: a good moment to begin collecting for a retraining.
    Warning,
    /// The world has moved.
    Drift,
}

/// Whatever watches a stream.
pub trait Detector {
    /// Folds one observation and says what it told.
    fn observe(&mut self, x: f64) -> Signal;
}

/// Whether `x` is an error indicator or a share of errors.
fn is_share(x: f64) -> bool {
    (0.0..=1.0).contains(&x)
}
