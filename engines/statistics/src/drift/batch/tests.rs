//! What the vectors do not say: sparse bins, ties, and inputs that hold nothing.

use super::*;
use crate::drift::DriftError;

#[test]
fn a_bad_sample_is_a_typed_error_that_names_it() {
    let good = [1.0, 2.0];
    let empty = DriftError::TooFew { field: "current", least: 1 };
    assert_eq!(ks_two_sample(&good, &[], KsMethod::Auto), Err(empty.clone()));
    assert_eq!(wasserstein(&good, &[]), Err(empty));
    let nan = DriftError::NotFinite { field: "reference", index: 1 };
    assert_eq!(ks_two_sample(&[0.0, f64::NAN], &good, KsMethod::Exact), Err(nan.clone()));
    assert_eq!(wasserstein(&[0.0, f64::INFINITY], &good), Err(nan));
    assert!(mann_whitney(&[], &good).is_err());
    assert!(wasserstein_normed(&[3.0, 3.0], &good).is_err());
    assert!(psi(&[], &[]).is_err());
    assert!(psi(&[0.5, 0.5], &[1.0]).is_err());
    assert!(psi(&[0.0, 0.0], &[1.0, 0.0]).is_err());
    assert!(hellinger(&[f64::NAN], &[1.0]).is_err());
    assert!(chi_square_table::<Vec<f64>>(&[]).is_err());
    assert!(chi_square_table(&[vec![1.0], vec![1.0, 2.0]]).is_err());
    assert!(chi_square_table(&[[1.0, -1.0]]).is_err());
    assert!(psi_threshold(0, 5, 3, 0.01).is_err());
    assert!(psi_threshold(5, 5, 1, 0.01).is_err());
    assert!(psi_threshold(5, 5, 3, 0.0).is_err());
    assert!(Bins::over(&[], 10).is_err());
    assert!(Bins::over(&[1.0], 1).is_err());
    assert!(Bins::between(vec![1.0, 1.0]).is_err());
    assert!(serde_json::from_str::<Bins>("[2.0, 1.0]").is_err());
}

#[test]
fn one_observation_against_one_gives_no_evidence() {
    let test = ks_two_sample(&[0.0], &[9.0], KsMethod::Auto).unwrap();
    assert_eq!((test.statistic, test.p_value), (1.0, 1.0));
    assert_eq!(mann_whitney(&[4.0], &[4.0]).unwrap().p_value, 1.0);
}

#[test]
fn a_table_without_freedom_has_no_evidence() {
    let test = chi_square_table(&[[5.0, 0.0], [9.0, 0.0]]).unwrap();
    assert_eq!((test.dof, test.p_value), (0, 1.0));
}

#[test]
fn equal_histograms_have_no_distance_and_empty_ones_no_verdict() {
    let sample: Vec<f64> = (0..100).map(f64::from).collect();
    let bins = Bins::over(&sample, 10).unwrap();
    let reference = Histogram::of(bins.clone(), &sample);
    assert_eq!(reference.compare(&Histogram::new(bins)).unwrap(), None);
    let same = reference.compare(&reference).unwrap().unwrap();
    assert_eq!((same.psi, same.jensen_shannon, same.hellinger, same.p_value), (0.0, 0.0, 0.0, 1.0));
}

#[test]
fn merged_parts_are_the_histogram_of_the_whole() {
    let sample = [0.5, 1.5, f64::NAN, 7.0, f64::INFINITY, f64::NEG_INFINITY];
    let bins = Bins::between(vec![1.0, 2.0]).unwrap();
    let mut left = Histogram::of(bins.clone(), &sample[..3]);
    left.merge(&Histogram::of(bins.clone(), &sample[3..])).unwrap();
    assert_eq!(left, Histogram::of(bins, &sample));
    assert_eq!((left.counts(), left.nulls(), left.total()), (&[2, 1, 2][..], 1, 6));
    let other = Histogram::new(Bins::between(vec![1.0]).unwrap());
    assert!(left.merge(&other).is_err());
    assert!(left.compare(&other).is_err());
}

#[test]
fn a_constant_feature_that_starts_to_move_is_noticed() {
    let bins = Bins::over(&[7.0; 1000], 10).unwrap();
    assert_eq!(bins.count(), 3);
    let reference = Histogram::of(bins.clone(), &[7.0; 1000]);
    let same = Histogram::of(bins.clone(), &[7.0; 200]);
    assert_eq!(reference.compare(&same).unwrap().unwrap().p_value, 1.0);
    let mut moved = vec![7.0; 190];
    moved.extend([7.1; 10]);
    let moved = reference.compare(&Histogram::of(bins, &moved)).unwrap().unwrap();
    assert!(moved.p_value < 1e-6, "{moved:?}");
    assert!(moved.psi > moved.psi_threshold, "{moved:?}");
}

#[test]
fn one_rare_value_is_not_taken_for_a_drift() {
    let mut sample = vec![1.0; 9998];
    sample.extend([2.0, 2.0]);
    let bins = Bins::over(&sample, 10).unwrap();
    let reference = Histogram::of(bins.clone(), &sample);
    let mut current = vec![1.0; 499];
    current.push(2.0);
    let verdict = reference.compare(&Histogram::of(bins, &current)).unwrap().unwrap();
    assert!(verdict.p_value > 0.05, "{verdict:?}");
}

#[test]
fn nulls_that_begin_are_a_difference() {
    let sample: Vec<f64> = (0..1000).map(f64::from).collect();
    let bins = Bins::over(&sample, 10).unwrap();
    let reference = Histogram::of(bins.clone(), &sample);
    let mut current = sample.clone();
    current.iter_mut().step_by(20).for_each(|x| *x = f64::NAN);
    let verdict = reference.compare(&Histogram::of(bins, &current)).unwrap().unwrap();
    assert!(verdict.p_value < 1e-6 && verdict.psi > verdict.psi_threshold, "{verdict:?}");
}

#[test]
fn infinities_at_the_ends_of_the_range_do_not_break_the_bins() {
    let bins = Bins::over(&[f64::MAX, f64::MAX], 4).unwrap();
    assert_eq!(bins.place(f64::MAX), Some(1));
    assert_eq!(bins.place(0.0), Some(0));
    assert_eq!(bins.place(f64::NAN), None);
    let wide = Bins::over(&[f64::MIN, f64::MIN, 0.0, f64::MAX, f64::MAX, 1.0], 4).unwrap();
    assert!(wide.edges().iter().all(|edge| edge.is_finite()), "{wide:?}");
    assert_eq!(wasserstein(&[f64::MIN, f64::MAX], &[f64::MIN, f64::MAX]), Ok(0.0));
    assert_eq!(wasserstein(&[f64::MIN], &[f64::MAX]), Ok(f64::INFINITY));
}

#[test]
fn tails_are_probabilities_however_large_their_arguments() {
    let large = [0.0, 1e-300, 0.5, 9.0, 1e6, 1e12, 1e19, f64::MAX, f64::INFINITY, f64::NAN, -1.0];
    for x in large {
        for y in large {
            assert!((0.0..=1.0).contains(&chi_square_tail(x, y)), "{x} {y}");
        }
        for n in [0, 1, 2, 139, 140, 141, 100_000, 10_000_000] {
            assert!((0.0..=1.0).contains(&kolmogorov_tail(n, x)), "{n} {x}");
        }
    }
    assert!((chi_square_tail(1e12, 1e12) - 0.5).abs() < 1e-6);
    assert!(chi_square_quantile(1e-300, 1e19).is_ok());
    assert!(chi_square_quantile(0.01, f64::INFINITY).is_err());
}

#[test]
fn shares_of_which_one_is_tiny_have_finite_distances() {
    let (all, tiny) = ([1.0, 1e-320], [1e-320, 1.0]);
    assert!(kullback_leibler(&all, &tiny).unwrap().is_finite());
    assert!(psi(&all, &tiny).unwrap().is_finite());
    assert!((jensen_shannon(&all, &tiny, LogBase::Two).unwrap() - 1.0).abs() < 1e-12);
    assert!((hellinger(&all, &tiny).unwrap() - 1.0).abs() < 1e-12);
}

#[test]
fn shares_of_nulls_and_of_values_out_of_range_are_held_to_their_limits() {
    let expectation =
        Expectation { least: Some(0.0), most: Some(1.0), max_out_of_range: 0.25, max_null_rate: Some(0.1) };
    let mut counts = Completeness::new(expectation).unwrap();
    assert_eq!((counts.null_rate(), counts.unmet()), (None, vec![]));
    for x in [0.0, 1.0, 0.5, -0.1] {
        counts.fold(x);
    }
    assert_eq!(counts.unmet(), vec![]);
    counts.fold(f64::INFINITY);
    counts.fold(f64::NAN);
    let unmet = [Unmet::Nulls { share: 1.0 / 6.0, allowed: 0.1 }, Unmet::Range { share: 0.4, allowed: 0.25 }];
    assert_eq!(counts.unmet(), unmet);
    counts.clear();
    assert_eq!(counts.unmet(), vec![]);
    assert!(Completeness::new(Expectation { least: Some(2.0), most: Some(1.0), ..expectation }).is_err());
    assert!(Completeness::new(Expectation { least: Some(f64::NAN), ..expectation }).is_err());
    assert!(Completeness::new(Expectation { max_null_rate: Some(2.0), ..expectation }).is_err());
}

#[test]
fn a_group_is_stale_once_its_youngest_event_is_too_old() {
    let mut group = Freshness::new(100);
    assert_eq!(group.check(5), Fresh::NoData);
    group.note(1000);
    group.note(900);
    assert_eq!(group.check(1100), Fresh::Fresh { age_ms: 100 });
    assert_eq!(group.check(1101), Fresh::Stale { age_ms: 101 });
    assert_eq!(group.check(3), Fresh::Fresh { age_ms: 0 });
}
