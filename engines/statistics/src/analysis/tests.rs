use super::power::{chance, least_effect, members_needed};
use super::*;

#[test]
fn corrections_follow_their_procedures_step_by_step() {
    // The example of Benjamini and Hochberg (1995), table 1: at .05, Holm rejects 3 of 15 and their own procedure 4.
    let p = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
        0.6528, 0.7590, 1.0,
    ];
    let rejected =
        |correction| adjusted(&p, correction).into_iter().filter(|adjusted| *adjusted <= 0.05).count();
    assert_eq!(rejected(Correction::None), 9);
    assert_eq!(rejected(Correction::Bonferroni), 3);
    assert_eq!(rejected(Correction::Holm), 3);
    assert_eq!(rejected(Correction::BenjaminiHochberg), 4);
    assert_eq!(adjusted(&[f64::NAN, 0.2], Correction::Holm), [1.0, 0.4]);
    assert_eq!(adjusted(&[0.04, 0.01, 0.03], Correction::BenjaminiHochberg), [0.04, 0.03, 0.04]);
}

#[test]
fn power_members_and_effect_agree_with_each_other() {
    let members = members_needed(0.1, 1.0, 0.05, 0.8).unwrap();
    // Lehr's rule: 16 variances over the squared difference.
    assert!((1_569.0..=1_571.0).contains(&members), "{members}");
    assert!((chance(members, 0.1, 1.0, 0.05).unwrap() - 0.8).abs() < 1e-3);
    assert!((least_effect(members, 1.0, 0.05, 0.8).unwrap() - 0.1).abs() < 1e-4);
    assert!(members_needed(0.0, 1.0, 0.05, 0.8).is_err() && least_effect(1.0, 1.0, 0.05, 0.8).is_err());
}

#[test]
fn where_nothing_can_be_said_it_says_why_rather_than_a_number() {
    let metric = Metric { shape: Shape::Mean, cuped: false, relative: true };
    let some = Joint::of_means(10, 10.0, 20.0);
    for (name, a, b, expected) in [
        ("no members", Joint::default(), some, AnalysisError::TooFew { arm: "the first arm", got: 0 }),
        ("one", some, Joint::of_means(1, 1.0, 1.0), AnalysisError::TooFew { arm: "the second arm", got: 1 }),
        ("constant", Joint::of_means(5, 5.0, 5.0), some, AnalysisError::NoVariance { arm: "the first arm" }),
        ("zero", Joint::of_means(10, 0.0, 9.0), some, AnalysisError::NoBaseline),
        (
            "NaN",
            Joint::of_means(10, f64::NAN, 9.0),
            some,
            AnalysisError::NotFinite { field: "the first arm" },
        ),
    ] {
        assert_eq!(effect(&a, &b, metric).unwrap_err(), expected, "{name}");
    }
    let seen = effect(&some, &some, metric).unwrap();
    assert!(t_test(&seen, Side::Both, 1.0).is_err() && sequential(&seen, Side::Both, 0.05, 0.0).is_err());
    assert!(CountProcess::new(&[1.0, 0.0], 100.0).is_err() && srm_p(&[1, 2], &[1.0]).is_err());
}

#[test]
fn a_quantile_band_closes_in_on_the_quantile() {
    let uniform = |q: f64| Some(q.clamp(0.0, 1.0));
    let width = |t| quantile_band(t, 0.9, 0.05, uniform).unwrap().map(|(low, high)| high - low);
    assert!(width(100).unwrap() > width(10_000).unwrap() && width(1_000_000).unwrap() < 0.01);
    assert_eq!(quantile_band(9, 0.9, 0.05, |_| None).unwrap(), None);
    assert!(quantile_band(9, 1.0, 0.05, uniform).is_err() && dkw_epsilon(0, 0.05).is_err());
}

#[test]
fn sums_of_arms_merge_and_members_leave_as_if_they_had_never_been() {
    let (mut a, mut b) = (Joint::default(), Joint::default());
    a.fold([1.0, 2.0, 3.0, 4.0]);
    b.fold([5.0, 6.0, 7.0, 8.0]);
    let mut both = a;
    both.fold([5.0, 6.0, 7.0, 8.0]);
    assert_eq!(a.merged(&b), both);
}
