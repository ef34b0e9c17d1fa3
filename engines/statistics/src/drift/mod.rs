//! Drift detection: changes of data in batches and of errors in streams, and the alerts on them.
//!
//! - [`batch`] compares a window with a reference: tests, distances, histograms, nulls, ranges and ages.
//! - [`stream`] has the detectors of river, which take one number at a time.
//! - [`agreement`] combines the signals of several detectors on one stream of errors. [`level`] tests whether a share, of
//!   errors or of right answers, has changed.
//! - [`performance`] measures a classifier, before its labels arrive and after.
//! - [`fdr`] controls the false discovery rate of many tests, and [`alert`] turns bad windows into few alerts.
//! - [`monitor`] combines them for the features of one model.
//!
//! All observations are folded: the size of a monitor does not grow with the number of observations.

pub mod agreement;
pub mod alert;
pub mod batch;
mod error;
pub mod fdr;
pub mod level;
pub mod monitor;
pub mod performance;
pub mod stream;

pub use error::DriftError;
