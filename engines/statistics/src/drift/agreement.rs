//! Combines the signals of several detectors on one stream of errors into a verdict per window.
//!
//! A single detector has too many false alarms. With their authors' defaults, DDM, EDDM and KSWIN signal every few thousand
//! errors of a stationary stream, and a hundred thousand windows contain many pairs of such signals. So an alert needs
//! three conditions:
//!
//! 1. The window's share of errors differs from the first windows ([`Level`]), alone or together with the window before.
//! 2. Two detectors (or the only one) signalled within two consecutive windows. Two consecutive deviating windows, or both
//!    windows pooled, also meet this condition if their evidence is strong enough without detectors.
//! 3. The [`super::alert::Alert`] behind this requires several such windows.
//!
//! So agreeing detectors make an alarm earlier, but no detector raises one alone. A detector signals once and then adapts to
//! the new level. The agreement holds until a window equals the first windows again.

use serde::{Deserialize, Serialize};

use super::alert::Verdict;
use super::level::{Level, Moved};
use super::stream::{AnyDetector, Detector, Signal};

/// Detectors that must signal, if there are as many.
const AGREE: u32 = 2;
/// Significance level if enough detectors signalled: one false difference in a thousand windows.
const SUPPORTED: f64 = 1e-3;
/// Consecutive deviating windows required if fewer detectors signalled.
const STAY: u32 = 2;
/// Significance level of two pooled windows, with or without signals. Without this rule a window with few errors in the
/// middle of a drift would delay the alarm by two windows. One window that makes both its pairs significant has a
/// difference with probability 1e-8.
const TOGETHER: f64 = 1e-5;

/// The recent signals of the detectors of a stream of errors, and its level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Agreement {
    level: Level,
    /// Bit sets of the detectors that signalled in this window and in the one before.
    now: u64,
    before: u64,
    /// Consecutive deviating windows.
    in_a_row: u32,
    agreed: bool,
}

/// The result of a window of errors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ErrorWindow {
    /// The verdict for the alert.
    pub verdict: Verdict,
    /// Detectors that signalled in it or in the one before.
    pub signalled: u32,
    /// The window against the first ones.
    pub moved: Option<Moved>,
}

impl Agreement {
    /// Shows an error of 0 to 1 to each detector, of which there are at most 64.
    pub fn observe(&mut self, detectors: &mut [AnyDetector], error: f64) {
        self.level.fold(error);
        for (at, detector) in detectors.iter_mut().enumerate() {
            // FHDDM detects a fall of right answers.
            let shown = if matches!(detector, AnyDetector::Fhddm(_)) { 1.0 - error } else { error };
            if detector.observe(shown) == Signal::Drift {
                self.now |= 1 << at.min(63);
            }
        }
    }

    /// Ends the window of a stream with this many detectors. A window with too few errors has the verdict `NoData`.
    pub fn close(&mut self, detectors: usize) -> ErrorWindow {
        let signalled = (self.now | self.before).count_ones();
        let Some(moved) = self.level.close() else {
            return ErrorWindow { verdict: Verdict::NoData, signalled, moved: None };
        };
        let wanted = AGREE.min(u32::try_from(detectors).unwrap_or(AGREE)).max(1);
        self.in_a_row = if moved.is_believed() { self.in_a_row.saturating_add(1) } else { 0 };
        let together = moved.of_two.is_some_and(|p| p < TOGETHER);
        if moved.p_value < SUPPORTED || together {
            self.agreed |= signalled >= wanted || self.in_a_row >= STAY || together;
        } else {
            self.agreed = false;
        }
        (self.before, self.now) = (self.now, 0);
        let verdict = if self.agreed { Verdict::Bad } else { Verdict::Good };
        ErrorWindow { verdict, signalled, moved: Some(moved) }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::drift::alert::{Alert, AlertEvent, AlertPolicy};
    use crate::drift::stream::DetectorSpec;

    const KINDS: [&str; 8] = ["adwin", "page_hinkley", "ddm", "eddm", "fhddm", "hddm_a", "hddm_w", "kswin"];
    const WINDOW: u64 = 500;

    struct Stream {
        detectors: Vec<AnyDetector>,
        agreement: Agreement,
        alert: Alert,
        random: SmallRng,
        at: u64,
        signals: u32,
    }

    impl Stream {
        fn new(kinds: &[&str], seed: u64) -> Self {
            let detector = |kind: &&str| {
                let spec: DetectorSpec = serde_json::from_value(serde_json::json!({ "kind": kind })).unwrap();
                spec.build().unwrap()
            };
            Self {
                detectors: kinds.iter().map(detector).collect(),
                agreement: Agreement::default(),
                alert: Alert::new(AlertPolicy::default()).unwrap(),
                random: SmallRng::seed_from_u64(seed),
                at: 0,
                signals: 0,
            }
        }

        /// The first thing that is said within so many errors of this rate, and after how many.
        fn run(&mut self, errors: u64, rate: f64) -> Option<(u64, AlertEvent)> {
            (1..=errors).find_map(|n| {
                let error = f64::from(u8::from(self.random.random::<f64>() < rate));
                self.agreement.observe(&mut self.detectors, error);
                self.at += 1;
                if !self.at.is_multiple_of(WINDOW) {
                    return None;
                }
                let window = self.agreement.close(self.detectors.len());
                self.signals += window.signalled;
                Some((n, self.alert.observe(self.at, window.verdict)?))
            })
        }
    }

    #[test]
    fn errors_without_drift_raise_no_alarm_however_often_detectors_signal() {
        let mut signals = 0;
        for (seed, rate) in [(1, 0.1), (2, 0.02), (3, 0.4)] {
            let mut stream = Stream::new(&KINDS, seed);
            assert_eq!(stream.run(100_000, rate), None, "rate {rate}");
            signals += stream.signals;
        }
        assert!(signals > 50, "there is something to keep quiet about: {signals}");
    }

    #[test]
    fn a_drift_of_errors_fires_within_two_thousand_and_resolves_when_it_is_over() {
        for kinds in [&KINDS[..], &["adwin"], &["ddm"], &["fhddm"], &["ddm", "kswin"]] {
            for seed in 0..5 {
                let mut stream = Stream::new(kinds, seed);
                assert_eq!(stream.run(10_000 + seed * 90, 0.1), None);
                let fired = stream.run(2_000, 0.3);
                assert!(matches!(fired, Some((_, AlertEvent::Fired { .. }))), "{kinds:?} {seed}: {fired:?}");
                // Detectors have learned the new rate long since; the alarm holds.
                assert_eq!(stream.run(10_000, 0.3), None, "{kinds:?} {seed}");
                let resolved = stream.run(3_000, 0.1);
                assert!(matches!(resolved, Some((_, AlertEvent::Resolved { .. }))), "{kinds:?} {seed}");
            }
        }
    }

    #[test]
    fn twice_as_many_errors_are_reported_within_two_thousand_wherever_in_a_window_they_begin() {
        for kinds in [&KINDS[..], &["adwin"], &["ddm"]] {
            for seed in 0..200 {
                let mut stream = Stream::new(kinds, seed);
                // From the end of the reference on.
                assert_eq!(stream.run(5_000 + seed % 60 * 17, 0.1), None, "{seed}");
                let fired = stream.run(2_000, 0.2);
                assert!(matches!(fired, Some((_, AlertEvent::Fired { .. }))), "{kinds:?} {seed}: {fired:?}");
            }
        }
    }

    #[test]
    fn detectors_that_agree_are_believed_at_once_and_others_if_the_errors_stay_as_they_became() {
        for (signals, expected) in [(0b00, [false, true]), (0b01, [false, true]), (0b11, [true, true])] {
            let mut stream = Stream::new(&["adwin", "ddm"], 1);
            stream.run(5_000, 0.1);
            stream.agreement.now = signals;
            let bad = [0.5, 0.5].map(|error| {
                (0..WINDOW).for_each(|_| stream.agreement.level.fold(error));
                stream.agreement.close(2).verdict == Verdict::Bad
            });
            assert_eq!(bad, expected, "{signals}");
        }
        // The errors are as they were: however many signal, nothing is wrong.
        let mut stream = Stream::new(&["adwin", "ddm"], 1);
        stream.run(5_000, 0.1);
        (0..WINDOW).for_each(|_| stream.agreement.level.fold(0.1));
        stream.agreement.now = 0b11;
        assert_eq!(stream.agreement.close(2).verdict, Verdict::Good);
    }
}
