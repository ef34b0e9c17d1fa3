//! Multiple testing: control of the false discovery rate.
//!
//! A monitor of a hundred features at a level of 0.01 alarms at nearly every window without any drift. Benjamini and
//! Hochberg, "Controlling the false discovery rate" (JRSS B 1995), bound the expected share of false
//! discoveries. Without any drift, that is the probability of any discovery.

use serde::{Deserialize, Serialize};

use super::error::{DriftError, ensure};

/// The discoveries, in the order of the tests.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Discoveries {
    /// The least rate at which each test is a discovery, as scipy's `false_discovery_control`.
    pub adjusted: Vec<f64>,
    /// Whether it is at most the given rate.
    pub believed: Vec<bool>,
}

/// The procedure of Benjamini and Hochberg on p-values that are independent or positively dependent. No tests, no
/// discoveries.
///
/// # Errors
///
/// [`DriftError::Value`] unless every p-value is in `0..=1` and the rate in `0..1`.
pub fn benjamini_hochberg(p_values: &[f64], rate: f64) -> Result<Discoveries, DriftError> {
    ensure(rate > 0.0 && rate < 1.0, "rate", rate, "give a share between 0 and 1")?;
    for &p in p_values {
        ensure((0.0..=1.0).contains(&p), "p-value", p, "leave out tests without data")?;
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 1.0f64;
    for (rank, &test) in order.iter().enumerate().rev() {
        least = least.min(p_values[test] * (p_values.len() as f64 / (rank + 1) as f64));
        adjusted[test] = least;
    }
    let believed = adjusted.iter().map(|&p| p <= rate).collect();
    Ok(Discoveries { adjusted, believed })
}

#[cfg(test)]
mod tests {
    use super::benjamini_hochberg;

    #[test]
    fn adjusted_values_are_those_of_scipy() {
        let p = [0.01, 0.04, 0.03, 0.005, 0.8, 0.03];
        let found = benjamini_hochberg(&p, 0.05).unwrap();
        let want = [0.03, 0.048, 0.045, 0.03, 0.8, 0.045];
        for (got, want) in found.adjusted.iter().zip(want) {
            assert!((got - want).abs() < 1e-15, "{got} is not {want}");
        }
        assert_eq!(found.believed, [true, true, true, true, false, true]);
    }

    #[test]
    fn an_empty_list_gives_an_empty_result_and_nan_is_not_a_p_value() {
        assert_eq!(benjamini_hochberg(&[], 0.05).unwrap().believed, Vec::<bool>::new());
        assert!(benjamini_hochberg(&[f64::NAN], 0.05).is_err());
        assert!(benjamini_hochberg(&[1.5], 0.05).is_err());
        assert!(benjamini_hochberg(&[0.5], 0.0).is_err());
    }
}
