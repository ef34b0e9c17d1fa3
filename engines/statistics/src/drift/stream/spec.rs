//! A detector chosen by configuration.

use serde::{Deserialize, Serialize};

use super::{
    Adwin, AdwinOptions, Ddm, DdmOptions, Detector, Eddm, EddmOptions, Fhddm, FhddmOptions, HddmA,
    HddmAOptions, HddmW, HddmWOptions, Kswin, KswinOptions, PageHinkley, PageHinkleyOptions, Signal,
};
use crate::drift::error::DriftError;

/// A detector and its options: `{"kind": "adwin", "delta": 0.001}`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DetectorSpec {
    /// A [`Adwin`].
    Adwin(AdwinOptions),
    /// A [`PageHinkley`].
    PageHinkley(PageHinkleyOptions),
    /// A [`Ddm`].
    Ddm(DdmOptions),
    /// A [`Eddm`].
    Eddm(EddmOptions),
    /// A [`Fhddm`].
    Fhddm(FhddmOptions),
    /// A [`HddmA`].
    HddmA(HddmAOptions),
    /// A [`HddmW`].
    HddmW(HddmWOptions),
    /// A [`Kswin`].
    Kswin(KswinOptions),
}

impl DetectorSpec {
    /// Builds the detector, without observations.
    ///
    /// # Errors
    ///
    /// [`DriftError::Value`] if an option is outside its range.
    pub fn build(self) -> Result<AnyDetector, DriftError> {
        Ok(match self {
            Self::Adwin(options) => AnyDetector::Adwin(Adwin::new(options)?),
            Self::PageHinkley(options) => AnyDetector::PageHinkley(PageHinkley::new(options)?),
            Self::Ddm(options) => AnyDetector::Ddm(Ddm::new(options)?),
            Self::Eddm(options) => AnyDetector::Eddm(Eddm::new(options)?),
            Self::Fhddm(options) => AnyDetector::Fhddm(Fhddm::new(options)?),
            Self::HddmA(options) => AnyDetector::HddmA(HddmA::new(options)?),
            Self::HddmW(options) => AnyDetector::HddmW(HddmW::new(options)?),
            Self::Kswin(options) => AnyDetector::Kswin(Kswin::new(options)?),
        })
    }
}

/// One detector of any kind, with its memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AnyDetector {
    /// A [`Adwin`].
    Adwin(Adwin),
    /// A [`PageHinkley`].
    PageHinkley(PageHinkley),
    /// A [`Ddm`].
    Ddm(Ddm),
    /// A [`Eddm`].
    Eddm(Eddm),
    /// A [`Fhddm`].
    Fhddm(Fhddm),
    /// A [`HddmA`].
    HddmA(HddmA),
    /// A [`HddmW`].
    HddmW(HddmW),
    /// A [`Kswin`].
    Kswin(Kswin),
}

impl Detector for AnyDetector {
    fn observe(&mut self, x: f64) -> Signal {
        match self {
            Self::Adwin(detector) => detector.observe(x),
            Self::PageHinkley(detector) => detector.observe(x),
            Self::Ddm(detector) => detector.observe(x),
            Self::Eddm(detector) => detector.observe(x),
            Self::Fhddm(detector) => detector.observe(x),
            Self::HddmA(detector) => detector.observe(x),
            Self::HddmW(detector) => detector.observe(x),
            Self::Kswin(detector) => detector.observe(x),
        }
    }
}
