//! Drift detectors on a stream: each takes one number at a time and keeps a small state.
//!
//! Every detector repeats the decisions of its namesake in river 0.26.1, operation by operation. So a stream alarms at the
//! same index as in river. As in river, a detector is reset after a drift: earlier observations belong to the old
//! distribution.
//!
//! Two families: [`Adwin`], [`PageHinkley`] and [`Kswin`] take any real number. [`Ddm`], [`Eddm`], [`Fhddm`], [`HddmA`] and
//! [`HddmW`] take an error indicator in `0..=1`, where 1 is a wrong prediction. [`Fhddm`] detects a fall, so there 1 is a
//! right prediction. A number outside a detector's domain is not folded and its signal is [`Signal::Steady`]. A missing
//! value gives no evidence of drift; it is counted with the nulls.

mod adwin;
mod ddm;
mod detector;
mod eddm;
mod fhddm;
mod hddm_a;
mod hddm_w;
mod kswin;
mod mean;
mod mersenne;
mod page_hinkley;
mod spec;

pub use adwin::{Adwin, AdwinOptions};
pub use ddm::{Ddm, DdmOptions};
use detector::is_share;
pub use detector::{Detector, Signal};
pub use eddm::{Eddm, EddmOptions};
pub use fhddm::{Fhddm, FhddmOptions};
pub use hddm_a::{HddmA, HddmAOptions};
pub use hddm_w::{HddmW, HddmWOptions};
pub use kswin::{Kswin, KswinOptions};
pub use page_hinkley::{PageHinkley, PageHinkleyMode, PageHinkleyOptions};
pub use spec::{AnyDetector, DetectorSpec};
