use super::{Cron, CronError, Schedule, Zone};
use crate::definition::{Predefined, Quantity, TimeTrigger, TriggerTime};

/// The next firings after a time, all written in RFC 3339.
fn firings(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let cron = Cron::parse(cron).unwrap();
    let zone = Zone::named(zone).unwrap();
    let mut at = after.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let mut found = Vec::new();
    for _ in 0..count {
        let Some(next) = cron.next_after(at, &zone) else { break };
        at = next;
        found.push(jiff::Timestamp::from_millisecond(at).unwrap().to_string());
    }
    found
}

#[test]
fn firings_of_unix_and_quartz_expressions() {
    for (cron, after, expected) in [
        ("*/15 * * * *", "2026-01-31T12:34:56Z", vec!["2026-01-31T12:45:00Z", "2026-01-31T13:00:00Z"]),
        ("0 0 * * *", "2026-01-31T00:00:00Z", vec!["2026-02-01T00:00:00Z"]),
        ("30 2 29 2 *", "2026-01-01T00:00:00Z", vec!["2028-02-29T02:30:00Z", "2032-02-29T02:30:00Z"]),
        ("0 9 * * MON-FRI", "2026-01-30T09:00:00Z", vec!["2026-02-02T09:00:00Z", "2026-02-03T09:00:00Z"]),
        ("0 9 * * 7", "2026-01-30T09:00:00Z", vec!["2026-02-01T09:00:00Z"]),
        ("0 9 13 * 5", "2026-02-10T00:00:00Z", vec!["2026-02-13T09:00:00Z", "2026-02-20T09:00:00Z"]),
        ("0 0 9 ? * 2", "2026-01-30T09:00:00Z", vec!["2026-02-02T09:00:00Z"]),
        ("10/20 * * * * ?", "2026-01-01T00:00:31Z", vec!["2026-01-01T00:00:50Z", "2026-01-01T00:01:10Z"]),
        ("0 0 12 L * ?", "2026-02-01T00:00:00Z", vec!["2026-02-28T12:00:00Z", "2026-03-31T12:00:00Z"]),
        ("0 0 12 L-2 * ?", "2026-02-01T00:00:00Z", vec!["2026-02-26T12:00:00Z"]),
        ("0 0 12 15W * ?", "2026-02-01T00:00:00Z", vec!["2026-02-16T12:00:00Z"]),
        ("0 0 12 LW * ?", "2026-02-01T00:00:00Z", vec!["2026-02-27T12:00:00Z"]),
        ("0 0 12 ? * 6L", "2026-02-01T00:00:00Z", vec!["2026-02-27T12:00:00Z"]),
        ("0 0 12 ? * FRI#2", "2026-02-01T00:00:00Z", vec!["2026-02-13T12:00:00Z"]),
        (
            "0 0 0 1 1 ? 2027-2028",
            "2026-02-01T00:00:00Z",
            vec!["2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"],
        ),
        (
            "0 22-2/2 * * *",
            "2026-02-01T03:00:00Z",
            vec!["2026-02-01T22:00:00Z", "2026-02-02T00:00:00Z", "2026-02-02T02:00:00Z"],
        ),
        ("@hourly", "2026-02-01T03:00:00.5Z", vec!["2026-02-01T04:00:00Z"]),
        ("0 0 31 2 *", "2026-02-01T00:00:00Z", vec![]),
        ("0 0 0 1 1 ? 1999", "2026-02-01T00:00:00Z", vec![]),
    ] {
        assert_eq!(firings(cron, "UTC", after, expected.len().max(1)), expected, "{cron}");
    }
}

#[test]
fn a_time_in_a_daylight_saving_gap_fires_at_its_end() {
    // Berlin goes from 02:00 to 03:00 on 2026-03-29 at 01:00 UTC.
    let expected = ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"];
    assert_eq!(firings("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3), expected);
    let expected = ["2026-03-29T00:45:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z"];
    assert_eq!(firings("*/15 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", 3), expected);
}

#[test]
fn a_repeated_time_fires_once_but_every_hour_follows_real_time() {
    // Berlin goes from 03:00 back to 02:00 on 2026-10-25 at 01:00 UTC.
    let expected = ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"];
    assert_eq!(firings("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2), expected);
    let expected = ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"];
    assert_eq!(firings("30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 3), expected);
}

/// Each firing of a year is after the one before and matches the fields; in a zone without changes none is missing.
#[test]
fn a_year_of_firings_is_complete_and_ordered() {
    for zone in ["UTC", "America/Los_Angeles", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"] {
        let hourly = firings("0 * * * *", zone, "2026-01-01T00:30:00Z", 24 * 365);
        assert!(hourly.windows(2).all(|pair| pair[0] < pair[1]), "{zone}");
        let daily = firings("30 2 * * *", zone, "2026-01-01T00:00:00Z", 365);
        let days: std::collections::HashSet<_> = daily
            .iter()
            .map(|at| at.parse::<jiff::Timestamp>().unwrap().in_tz(zone).unwrap().date())
            .collect();
        assert_eq!(days.len(), 365, "{zone}");
    }
}

#[test]
fn a_wrong_schedule_names_the_field_and_the_fix() {
    for (cron, field) in [
        ("60 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day of the month"),
        ("* * * 13 *", "month"),
        ("* * * * 8", "day of the week"),
        ("* * * * FOO", "day of the week"),
        ("*/0 * * * *", "minute"),
        ("1- * * * *", "minute"),
        (", * * * *", "minute"),
        ("0 0 0 ? * 2#6", "day of the week"),
        ("0 0 0 40W * ?", "day of the month"),
        ("0 0 0 1 1 ? 3000", "year"),
    ] {
        match Cron::parse(cron) {
            Err(CronError::Field { field: named, .. }) => assert_eq!(named, field, "{cron}"),
            other => panic!("{cron}: {other:?}"),
        }
    }
    assert_eq!(Cron::parse("* *"), Err(CronError::Fields { found: 2 }));
    assert_eq!(Cron::parse("0 0 0 1 * 2"), Err(CronError::BothDays));
    assert!(Zone::named("Mars/Base").is_err());
}

#[test]
fn a_delay_spreads_workflows_and_is_always_the_same() {
    let trigger = TimeTrigger {
        time: TriggerTime::Predefined(Predefined::Hourly),
        timezone: None,
        fuzzy_max_delay: Some(Quantity::Text("30 minutes".into())),
    };
    let at = |salt: &str| Schedule::of(&trigger, salt).unwrap().next_after(0).unwrap();
    assert_eq!(at("a"), at("a"));
    let all: std::collections::HashSet<i64> = (0..20).map(|n| at(&format!("w{n}"))).collect();
    assert!(all.len() > 10 && all.iter().all(|ms| (0..5_400_000).contains(ms)), "{all:?}");
    let schedule = Schedule::of(&trigger, "a").unwrap();
    let first = schedule.next_after(0).unwrap();
    assert_eq!(schedule.next_after(first), Some(first + 3_600_000));
}

#[test]
fn no_text_makes_a_schedule_panic() {
    use rand::{Rng, SeedableRng};
    let signs: Vec<char> = "0123456789*/-,?LW#AJMS F\t@".chars().collect();
    let zone = Zone::named("Europe/Berlin").unwrap();
    for seed in 0..20_000 {
        let mut rng = rand::rngs::SmallRng::seed_from_u64(seed);
        let text: String =
            (0..rng.random_range(5..20)).map(|_| signs[rng.random_range(0..signs.len())]).collect();
        if let Ok(cron) = Cron::parse(&text) {
            let _ = cron.next_after(rng.random_range(-1_000_000_000_000..4_000_000_000_000), &zone);
        }
    }
}
