//! Whether the world has moved: drift of data in batches and of errors in streams, and whom to wake for it.
//!
//! - [`batch`] compares a window with a reference: tests, distances, histograms, nulls, ranges and ages.
//! - [`stream`] watches one number at a time, as the detectors of river do.
//! - [`agreement`] makes a verdict of what several detectors signal on one stream of errors, and [`level`] says whether a
//!   share, of errors or of right answers, is still what it was.
//! - [`performance`] says how well a classifier does, before its labels come and after.
//! - [`fdr`] decides which of many tests to believe, and [`alert`] which of many bad windows are worth a message.
//! - [`monitor`] puts them together for the features of one model.
//!
//! Everything is folded: a monitor that has seen a billion observations is as small as one that has seen a thousand.

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
