//! Differences between two arms for decisions, and the relative interval that agrees with these decisions.
//!
//! A decision tests the difference of both values or, with a margin, the second value less a multiple of the first. Both
//! are sums of means. Their distribution is near normal with far fewer members than that of the ratio. The relative
//! interval inverts the same tests (Fieller 1954): it contains each ratio `r` for which the second value less `1 + r`
//! times the first does not differ significantly from 0. So 0 lies outside the interval exactly if the difference is
//! significant, and a margin lies outside exactly if the difference beyond it is.

use super::effect::{Effect, Shape, scaled, theta, welch};
use super::error::AnalysisError;
use super::joint::Joint;

/// The rounding error of a variance, as a share of the mean square.
const ROUNDING: f64 = 1e-12;

/// Two arms under one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    difference: f64,
    baseline: f64,
    value: f64,
    sizes: [f64; 2],
    /// The variance of a member of the second arm.
    second: f64,
    /// That of the first arm: of its value, of value and covariate together, and of the covariate; the covariate
    /// already times its coefficient.
    first: [f64; 3],
    floor: bool,
    n: u64,
}

impl Contrast {
    /// The contrast of two arms.
    ///
    /// With `floor`, the variance of a difference is at least the pooled variance of both arms. A small arm without the
    /// rare large values underestimates its variance, and under no difference both arms have the same variance. Sequential
    /// looks need the floor. A single look at the end does not; without it the difference equals [`super::effect()`]'s. In
    /// an arm without variance the floor always applies. If neither arm has variance, the variance is that of all members
    /// as one arm.
    ///
    /// # Errors
    /// [`AnalysisError`] for too few members or if all members have the same value.
    pub fn of(a: &Joint, b: &Joint, shape: Shape, cuped: bool, floor: bool) -> Result<Self, AnalysisError> {
        for (arm, joint) in [("the first arm", a), ("the second arm", b)] {
            if joint.n < 2 {
                return Err(AnalysisError::TooFew { arm, got: joint.n });
            }
            if !joint.is_finite() {
                return Err(AnalysisError::NotFinite { field: arm });
            }
            if shape == Shape::Ratio && joint.sums[1] == 0.0 {
                return Err(AnalysisError::NoVariance { arm });
            }
        }
        let theta = if cuped { theta(a, b, shape) } else { 0.0 };
        let (after_a, after_b) = (shape.along(a, false), shape.along(b, false));
        let (before_a, before_b) = (shape.along(a, true), shape.along(b, true));
        let moved = if theta == 0.0 { 0.0 } else { theta * (before_b.value - before_a.value) };
        let none = [0.0; super::joint::NUMBERS];
        let (ya, yb) = if theta == 0.0 { (none, none) } else { (before_a.gradient, before_b.gradient) };
        let (ya, yb) = (scaled(&ya, theta, &none, 0.0), scaled(&yb, theta, &none, 0.0));
        let second = shape.variance(b, &scaled(&after_b.gradient, 1.0, &yb, -1.0));
        let first = [
            shape.variance(a, &after_a.gradient),
            a.covariance_along(&after_a.gradient, &ya),
            a.covariance_along(&ya, &ya),
        ];
        let mut contrast = Self {
            difference: after_b.value - after_a.value - moved,
            baseline: after_a.value,
            value: after_b.value,
            sizes: [a.n as f64, b.n as f64],
            second,
            first,
            floor,
            n: a.n + b.n,
        };
        let steady_a = is_steady(contrast.first_variance(0.0), a, &after_a.gradient);
        let steady_b = is_steady(second, b, &after_b.gradient);
        contrast.floor |= steady_a || steady_b;
        if steady_a && steady_b {
            let all = a.merged(b);
            let along = shape.along(&all, false).gradient;
            let variance = shape.variance(&all, &along);
            if is_steady(variance, &all, &along) {
                return Err(AnalysisError::Alike { value: contrast.value });
            }
            (contrast.second, contrast.first) = (variance, [variance, 0.0, 0.0]);
        }
        Ok(contrast)
    }

    /// The second arm's value less `1 + more` times the first's.
    #[must_use]
    pub fn beyond(&self, more: f64) -> Effect {
        let (va, vb) = (self.first_variance(more), self.second.max(0.0));
        let [na, nb] = self.sizes;
        let own = va / na + vb / nb;
        let both = ((na - 1.0) * va + (nb - 1.0) * vb) / (na + nb - 2.0) * (1.0 / na + 1.0 / nb);
        Effect {
            difference: self.difference - more * self.baseline,
            variance: if self.floor { own.max(both) } else { own },
            dof: welch(va, na, vb, nb),
            baseline: self.baseline,
            value: self.value,
            n: self.n,
        }
    }

    fn first_variance(&self, more: f64) -> f64 {
        let [value, both, covariate] = self.first;
        let times = 1.0 + more;
        (times * times * value - 2.0 * times * both + covariate).max(0.0)
    }

    /// The difference relative to the first arm's absolute value; `None` if that is 0.
    #[must_use]
    pub fn relative(&self) -> Option<f64> {
        (self.baseline != 0.0).then(|| self.difference / self.baseline.abs())
    }

    /// The ratios for which [`Contrast::beyond`] is within `reach` standard deviations of 0. `None` if the first arm's value
    /// does not differ significantly from 0, so that no ratio is excluded.
    #[must_use]
    pub fn ratios(&self, reach: f64) -> Option<(f64, f64)> {
        let [na, nb] = self.sizes;
        let freedom = na + nb - 2.0;
        let together = 1.0 / na + 1.0 / nb;
        let own = self.within(reach, 1.0 / na, 1.0 / nb)?;
        if !self.floor {
            return Some(own);
        }
        let both = self.within(reach, (na - 1.0) / freedom * together, (nb - 1.0) / freedom * together)?;
        Some((own.0.min(both.0), own.1.max(both.1)))
    }

    /// Where `(difference - r baseline)^2` is at most `reach^2` times the variance with these weights of both arms.
    fn within(&self, reach: f64, of_first: f64, of_second: f64) -> Option<(f64, f64)> {
        let [value, both, covariate] = self.first.map(|variance| variance * of_first * reach * reach);
        let second = self.second.max(0.0) * of_second * reach * reach;
        let square = self.baseline * self.baseline - value;
        let linear = -self.difference * self.baseline - value + both;
        let constant = self.difference * self.difference - (value - 2.0 * both + covariate + second);
        if square.is_nan() || square <= 0.0 {
            return None;
        }
        let root = (linear * linear - square * constant).max(0.0).sqrt();
        let (low, high) = ((-linear - root) / square, (-linear + root) / square);
        Some(if self.baseline < 0.0 { (-high, -low) } else { (low, high) })
    }
}

/// Whether the variance is 0 within rounding errors.
fn is_steady(variance: f64, joint: &Joint, gradient: &[f64; super::joint::NUMBERS]) -> bool {
    let size: f64 = gradient.iter().enumerate().map(|(at, g)| g * g * joint.products[at][at]).sum();
    variance.is_nan() || variance <= ROUNDING * size / joint.n as f64
}

#[cfg(test)]
mod tests {
    use super::super::{Metric, effect};
    use super::*;

    fn arm(n: u32, times: f64) -> Joint {
        let mut joint = Joint::default();
        for at in 0..n {
            let x = f64::from(at * 7 % 13) * times;
            joint.fold([x, f64::from(at % 3 + 1), x + f64::from(at % 5), 0.0]);
        }
        joint
    }

    #[test]
    fn without_a_margin_it_is_the_absolute_effect() {
        for (shape, cuped) in
            [(Shape::Mean, false), (Shape::Mean, true), (Shape::Proportion, false), (Shape::Ratio, false)]
        {
            let (a, b) = match shape {
                Shape::Proportion => (Joint::of_means(90, 20.0, 20.0), Joint::of_means(80, 31.0, 31.0)),
                _ => (arm(90, 1.0), arm(80, 1.2)),
            };
            let expected = effect(&a, &b, Metric { shape, cuped, relative: false }).unwrap();
            let found = Contrast::of(&a, &b, shape, cuped, false).unwrap().beyond(0.0);
            for (name, found, expected) in [
                ("difference", found.difference, expected.difference),
                ("variance", found.variance, expected.variance),
                ("dof", found.dof, expected.dof),
            ] {
                assert!((found / expected - 1.0).abs() < 1e-9, "{shape:?} {name}: {found} for {expected}");
            }
        }
    }

    #[test]
    fn the_relative_interval_ends_where_the_decision_does() {
        for times in [0.7_f64, 1.0, 1.3, -1.0] {
            for (cuped, floor) in [(false, false), (true, false), (false, true), (true, true)] {
                let contrast =
                    Contrast::of(&arm(400, times.signum()), &arm(90, times), Shape::Mean, cuped, floor)
                        .unwrap();
                let (low, high) = contrast.ratios(2.0).unwrap();
                let sign = times.signum();
                let beyond = |r: f64| {
                    let seen = contrast.beyond(sign * r);
                    seen.difference.abs() > 2.0 * seen.variance.sqrt()
                };
                let name = format!("{times} {cuped} {floor}: {low} to {high}");
                assert!(beyond(low - 1e-6) && beyond(high + 1e-6), "{name}");
                assert!(!beyond(low + 1e-6) && !beyond(high - 1e-6), "{name}");
                assert!(contrast.relative().is_some_and(|r| low < r && r < high), "{name}");
            }
        }
        let unsure = Contrast::of(&arm(9, 1.0), &arm(90, 1.0), Shape::Mean, false, true).unwrap();
        assert_eq!(unsure.ratios(9.0), None);
    }

    #[test]
    fn an_arm_that_has_met_no_rare_value_does_not_take_itself_for_sure() {
        let (many, few) = (Joint::of_means(2_000, 40.0, 40.0), Joint::of_means(60, 0.0, 0.0));
        for floor in [false, true] {
            let seen = Contrast::of(&many, &few, Shape::Proportion, false, floor).unwrap().beyond(0.0);
            assert!((seen.difference / seen.variance.sqrt()).abs() < 2.0, "{seen:?}");
        }
    }

    #[test]
    fn arms_without_any_variance_differ_if_their_members_do_and_are_alike_if_not() {
        let arm = |n: u32, value: f64| {
            let mut joint = Joint::default();
            (0..n).for_each(|_| joint.fold([value, 3.0, 0.0, 0.0]));
            joint
        };
        for shape in [Shape::Mean, Shape::Ratio] {
            for (second, sizes, expected) in [(0.3, (60, 60), 7.0), (0.3, (2, 2), 1.0), (0.3, (400, 3), 5.0)]
            {
                let (a, b) = (arm(sizes.0, 0.1), arm(sizes.1, second));
                let seen = Contrast::of(&a, &b, shape, false, false).unwrap().beyond(0.0);
                let z = seen.difference / seen.variance.sqrt();
                assert!(z > expected && z.is_finite(), "{shape:?} {sizes:?}: {seen:?}");
            }
            // Sums of 0.1 are inexact: the rounding error is not a variance.
            let alike = Contrast::of(&arm(77, 0.1), &arm(1_301, 0.1), shape, false, true);
            assert!(matches!(alike, Err(AnalysisError::Alike { .. })), "{shape:?}: {alike:?}");
        }
    }
}
