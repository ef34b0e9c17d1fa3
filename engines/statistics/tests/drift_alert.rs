//! Tables of the alert: the verdict of each window and the resulting events.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its numbers is to fail")]

use troupe_statistics::drift::alert::{Alert, AlertEvent, AlertPolicy, Silence, Verdict};

const PLAIN: AlertPolicy = AlertPolicy { enter: 2, of: 3, leave: 2, cooldown_ms: 0 };

/// What it is about, the policy, the silences, the windows, and what is said.
type Row = (&'static str, AlertPolicy, &'static [(u64, u64)], &'static str, &'static str);

/// Feeds one window per 10 ms, `b`, `g` or `-` for no data, and writes down `F`, `R` or `.` for each.
fn said(mut alert: Alert, windows: &str) -> String {
    (windows.chars().enumerate())
        .map(|(i, window)| {
            let verdict = match window {
                'b' => Verdict::Bad,
                'g' => Verdict::Good,
                _ => Verdict::NoData,
            };
            match alert.observe(i as u64 * 10, verdict) {
                Some(AlertEvent::Fired { .. }) => 'F',
                Some(AlertEvent::Resolved { .. }) => 'R',
                None => '.',
            }
        })
        .collect()
}

fn alert(policy: AlertPolicy, silences: &[(u64, u64)]) -> Alert {
    let mut alert = Alert::new(policy).unwrap();
    silences.iter().for_each(|&(from_ms, until_ms)| alert.silence(Silence { from_ms, until_ms }));
    alert
}

#[test]
fn windows_become_few_messages() {
    let cool = AlertPolicy { cooldown_ms: 60, ..PLAIN };
    let hasty = AlertPolicy { enter: 1, of: 1, leave: 1, cooldown_ms: 0 };
    let table: &[Row] = &[
        ("good windows", PLAIN, &[], "gggggg", "......"),
        ("single bad ones", PLAIN, &[], "bggbggb", "......."),
        ("two of three", PLAIN, &[], "bgbbbb", "..F..."),
        ("leaves after two good in a row", PLAIN, &[], "bbgbggg", ".F...R."),
        ("old bad windows are forgotten when it falls", PLAIN, &[], "bbggbgg", ".F.R..."),
        ("no data counts neither way", PLAIN, &[], "b--bg-g", "...F..R"),
        ("one is enough if asked", hasty, &[], "bgbg", "FRFR"),
        ("cool-down delays the second firing", cool, &[], "bbggbbbbb", ".F.R...F."),
        ("resolved within the cool-down: not fired", cool, &[], "bbggbbggg", ".F.R....."),
        ("never in a silence, once after it", PLAIN, &[(0, 40)], "bbbbbbb", "....F.."),
        ("a silence ends before its last millisecond", PLAIN, &[(0, 41)], "bbbbbbb", ".....F."),
        ("bad only in the silence", PLAIN, &[(0, 50)], "bbggggg", "......."),
        ("fired before the silence, not again after", PLAIN, &[(20, 40)], "bbbbbbb", ".F....."),
        ("good again in the silence, said after", PLAIN, &[(20, 50)], "bbggggg", ".F...R."),
        ("good and bad again in the silence", PLAIN, &[(20, 70)], "bbggbbbbb", ".F......."),
        ("silences that overlap are one", PLAIN, &[(0, 30), (20, 60)], "bbbbbbbb", "......F."),
        ("silence, then cool-down", cool, &[(40, 60)], "bbggbbbbb", ".F.R...F."),
        ("no data after a silence still speaks", PLAIN, &[(0, 40)], "bb-----", "....F.."),
        ("an empty silence has no effect", PLAIN, &[(10, 10)], "bbb", ".F."),
    ];
    for (what, policy, silences, windows, want) in table {
        let got = said(alert(*policy, silences), windows);
        assert_eq!(&got, want, "{what}: {windows}");
    }
}

#[test]
fn a_tick_says_what_a_silence_kept_and_since_when() {
    let mut alert = alert(PLAIN, &[(0, 100)]);
    assert_eq!(alert.observe(10, Verdict::Bad), None);
    assert_eq!(alert.observe(20, Verdict::Bad), None);
    assert!(alert.is_raised() && !alert.is_firing());
    assert_eq!(alert.tick(99), None);
    assert_eq!(alert.tick(100), Some(AlertEvent::Fired { since_ms: 20 }));
    assert_eq!(alert.tick(101), None);
    assert!(alert.is_firing());
}

#[test]
fn a_silence_that_is_lifted_no_longer_holds() {
    let silence = Silence { from_ms: 0, until_ms: u64::MAX };
    let mut alert = alert(PLAIN, &[]);
    alert.silence(silence);
    alert.silence(silence);
    alert.observe(0, Verdict::Bad);
    assert_eq!(alert.observe(1, Verdict::Bad), None);
    assert!(alert.lift(silence));
    assert!(!alert.lift(silence));
    assert_eq!(alert.tick(1), Some(AlertEvent::Fired { since_ms: 1 }));
}

#[test]
fn time_that_runs_backwards_stands_still() {
    let mut alert = alert(AlertPolicy { cooldown_ms: 50, ..PLAIN }, &[]);
    alert.observe(1000, Verdict::Bad);
    assert!(alert.observe(500, Verdict::Bad).is_some());
    alert.observe(0, Verdict::Good);
    assert_eq!(alert.observe(0, Verdict::Good), Some(AlertEvent::Resolved { since_ms: 1000 }));
    alert.observe(1049, Verdict::Bad);
    assert_eq!(alert.observe(3, Verdict::Bad), None);
    assert_eq!(alert.tick(1050), Some(AlertEvent::Fired { since_ms: 1049 }));
}

#[test]
fn firings_and_resolutions_always_alternate() {
    let mut seed = 1u64;
    for policy in [PLAIN, AlertPolicy { enter: 3, of: 64, leave: 1, cooldown_ms: 35 }] {
        let mut alert = alert(policy, &[(100, 300), (250, 500), (1000, 1010)]);
        let (mut firing, mut last) = (false, None::<u64>);
        for i in 0..5000u64 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let verdict = if (seed >> 33).is_multiple_of(3) { Verdict::Bad } else { Verdict::Good };
            let silent = (100..500).contains(&i) || (1000..1010).contains(&i);
            match alert.observe(i, verdict) {
                Some(AlertEvent::Fired { .. }) => {
                    assert!(!firing && !silent);
                    assert!(last.is_none_or(|last| i - last >= policy.cooldown_ms));
                    (firing, last) = (true, Some(i));
                }
                Some(AlertEvent::Resolved { .. }) => {
                    assert!(firing && !silent);
                    firing = false;
                }
                None => {}
            }
        }
        assert!(last.is_some());
    }
}

#[test]
fn a_policy_that_can_never_rise_or_fall_is_refused() {
    for (policy, field) in [
        (AlertPolicy { of: 0, ..PLAIN }, "of"),
        (AlertPolicy { of: 65, ..PLAIN }, "of"),
        (AlertPolicy { enter: 0, ..PLAIN }, "enter"),
        (AlertPolicy { enter: 4, ..PLAIN }, "enter"),
        (AlertPolicy { leave: 0, ..PLAIN }, "leave"),
    ] {
        assert!(Alert::new(policy).unwrap_err().to_string().starts_with(field));
    }
}
