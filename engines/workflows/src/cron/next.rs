//! The next time that a cron expression matches.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

use super::expression::Cron;

/// Years of the search; the 29th of February on a given weekday recurs within 40.
const YEARS_MAX: i16 = 50;

/// The first matching time after `after`.
pub(super) fn next(cron: &Cron, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    if cron.is_for_every_hour() { by_real_time(cron, after, zone) } else { by_civil_time(cron, after, zone) }
}

/// For given hours: each civil time once, and a skipped one at the end of the gap.
fn by_civil_time(cron: &Cron, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let mut from = whole(after.to_zoned_datetime(zone.clone()).datetime());
    loop {
        let civil = civil(cron, from)?;
        let ambiguous = zone.to_ambiguous_timestamp(civil);
        let time = match ambiguous.offset() {
            jiff::tz::AmbiguousOffset::Gap { .. } => {
                let beyond = ambiguous.compatible().ok()?;
                zone.preceding(beyond).next().map_or(beyond, |change| change.timestamp())
            }
            _ => ambiguous.compatible().ok()?,
        };
        if time > after {
            return Some(time);
        }
        from = civil.checked_add(jiff::Span::new().seconds(1)).ok()?;
    }
}

/// For every hour: in one offset until the daylight saving change, then in the next.
fn by_real_time(cron: &Cron, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let mut after = after;
    // More daylight saving changes than the years of the search have.
    for _ in 0..4 * YEARS_MAX {
        let offset = zone.to_offset(after);
        let found = in_offset(cron, after, offset);
        let change = zone.following(after).next().map(|change| change.timestamp());
        match (found, change) {
            (Some(found), Some(change)) if found >= change => {
                after = change.checked_sub(jiff::Span::new().nanoseconds(1)).ok()?;
                if let Some(found) = in_offset(cron, after, zone.to_offset(change)) {
                    let until = zone.following(change).next().map(|change| change.timestamp());
                    if until.is_none_or(|until| found < until) {
                        return Some(found);
                    }
                }
                after = change;
            }
            (found, _) => return found,
        }
    }
    None
}

fn in_offset(cron: &Cron, after: Timestamp, offset: Offset) -> Option<Timestamp> {
    let mut from = whole(offset.to_datetime(after));
    loop {
        let civil = civil(cron, from)?;
        let time = offset.to_timestamp(civil).ok()?;
        if time > after {
            return Some(time);
        }
        from = civil.checked_add(jiff::Span::new().seconds(1)).ok()?;
    }
}

/// Truncates to whole seconds.
fn whole(time: DateTime) -> DateTime {
    time.with().subsec_nanosecond(0).build().unwrap_or(time)
}

/// The first matching civil time at or after another.
fn civil(cron: &Cron, from: DateTime) -> Option<DateTime> {
    let mut date = from.date();
    let last = date.year().saturating_add(YEARS_MAX);
    let mut time = Some(from.time());
    loop {
        if date.year() > last {
            return None;
        }
        let (year, month) = (date.year(), date.month());
        let year_holds = cron.years.is_empty() || cron.years.contains(&year);
        if !year_holds {
            date = Date::new(year.checked_add(1)?, 1, 1).ok()?;
            time = None;
            continue;
        }
        if cron.months >> month & 1 == 0 {
            date = date.last_of_month().tomorrow().ok()?;
            time = None;
            continue;
        }
        if cron.days.holds(date)
            && let Some(found) = of_day(cron, time)
        {
            return Some(date.to_datetime(found));
        }
        date = date.tomorrow().ok()?;
        time = None;
    }
}

/// The first matching time of day at or after another.
fn of_day(cron: &Cron, from: Option<Time>) -> Option<Time> {
    let (hour, minute, second) = from.map_or((0, 0, 0), |from| (from.hour(), from.minute(), from.second()));
    let next = |bits: u64, least: i8| (least..60).find(|value| bits >> value & 1 == 1);
    let first = |bits| next(bits, 0);
    let at = |hour, minute, second| Time::new(hour, minute, second, 0).ok();
    if cron.hours >> hour & 1 == 1 {
        if cron.minutes >> minute & 1 == 1
            && let Some(second) = next(cron.seconds, second)
        {
            return at(hour, minute, second);
        }
        if let Some(minute) = next(cron.minutes, minute + 1) {
            return at(hour, minute, first(cron.seconds)?);
        }
    }
    let hour = (hour + 1..24).find(|hour| cron.hours >> hour & 1 == 1)?;
    at(hour, first(cron.minutes)?, first(cron.seconds)?)
}
