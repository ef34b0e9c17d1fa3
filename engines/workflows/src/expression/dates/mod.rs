//! Dates by the rules of Joda: zones, fields, patterns.

mod pattern;
mod unit;

pub(super) use pattern::Format;
pub(super) use unit::Unit;

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ZonedDateTime};

/// A time in a zone, from milliseconds since 1970; `None` outside the supported range.
pub(super) fn time(ms: i64, zone: &TimeZone) -> Option<ZonedDateTime> {
    Timestamp::from_millisecond(ms).ok().map(|time| time.to_zoned_datetime(zone.clone()))
}

/// A zone by its name or offset.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    if name == "UTC" || name == "Z" {
        return Some(TimeZone::UTC);
    }
    if let Some(offset) = offset(name) {
        return Some(offset.to_time_zone());
    }
    TimeZone::get(name).ok()
}

/// `+01:00`, `-0830`
pub(super) fn offset(text: &str) -> Option<Offset> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = (digits[..2].parse::<i32>().ok()?, digits[2..].parse::<i32>().ok()?);
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// The format of Joda's `toString()`: `2019-09-20T22:20:00.000Z`.
pub(super) fn iso(time: &ZonedDateTime) -> String {
    let offset = offset_text(time.offset(), true, "Z");
    let pattern = "yyyy-MM-dd'T'HH:mm:ss.SSS";
    Format::parse(pattern, None).map_or_else(|_| String::new(), |format| format.print(time)) + &offset
}

/// An offset, with or without a colon; `zero` is the text of a zero offset.
pub(super) fn offset_text(offset: Offset, colon: bool, zero: &str) -> String {
    let seconds = offset.seconds();
    if seconds == 0 && !zero.is_empty() {
        return zero.to_owned();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    let colon = if colon { ":" } else { "" };
    format!("{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60)
}

/// Reads ISO 8601 like Joda's constructor: a date, or a date and time, with or without an offset.
pub(super) fn read_iso(text: &str, zone: &TimeZone) -> Option<ZonedDateTime> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.to_zoned_datetime(zone.clone()));
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    civil.to_zoned_datetime(zone.clone()).ok()
}
