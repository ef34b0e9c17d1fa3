//! Times, zones, formats and durations in days.

use std::rc::Rc;

use jiff::tz::TimeZone;
use jiff::{Span, Unit as JiffUnit, ZonedDateTime};

use super::{Call, Ran};
use crate::expression::dates::{self, Format, Unit};
use crate::expression::error::Failure;
use crate::expression::machine::Machine;
use crate::expression::object::Object;

/// The largest addition to a time.
const MOVE_MAX: i64 = 1_000_000_000_000_000;

/// `new DateTime(..)`
pub(super) fn create(machine: &Machine<'_>, call: &Call<'_>) -> Ran {
    let zone = match call.arguments.last() {
        Some(Object::Zone(zone)) => zone.clone(),
        _ => TimeZone::UTC,
    };
    match call.arguments {
        [] | [Object::Zone(_)] => now(machine, call, &zone),
        [Object::Long(ms)] | [Object::Long(ms), Object::Zone(_)] => at(call, *ms, &zone),
        [Object::Time(time)] => Ok(Object::Time(time.clone())),
        [Object::Time(time), Object::Zone(_)] => Ok(Object::time(time.with_time_zone(zone))),
        [Object::Text(text)] | [Object::Text(text), Object::Zone(_)] => iso(call, text, &zone),
        [Object::Long(_), Object::Long(_), Object::Long(_), rest @ ..] if rest.len() <= 5 => {
            let part = |index: usize| match call.arguments.get(index) {
                Some(Object::Long(value)) => *value,
                _ => 0,
            };
            let text = format!(
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}",
                part(0),
                part(1),
                part(2),
                part(3),
                part(4),
                part(5),
                part(6)
            );
            iso(call, &text, &zone)
        }
        _ => {
            Err(call
                .wrong("no DateTime is made of this", "pass milliseconds, ISO text, or year, month, day ..."))
        }
    }
}

fn now(machine: &Machine<'_>, call: &Call<'_>, zone: &TimeZone) -> Ran {
    at(call, machine.facts.now_ms(), zone)
}

fn at(call: &Call<'_>, ms: i64, zone: &TimeZone) -> Ran {
    let beyond = || {
        call.wrong(format!("{ms} milliseconds are beyond all dates"), "pass a time between 9999 BC and AD")
    };
    dates::time(ms, zone).map(Object::time).ok_or_else(beyond)
}

fn iso(call: &Call<'_>, text: &str, zone: &TimeZone) -> Ran {
    let wrong = || call.wrong(format!("{text:?} is not a time"), "write it as 2026-01-31T12:00:00Z");
    dates::read_iso(text, zone).map(Object::time).ok_or_else(wrong)
}

/// Static methods.
pub(super) fn class(machine: &Machine<'_>, class: &str, call: &Call<'_>) -> Ran {
    match (class, call.name, call.arguments) {
        ("DateTime", "now", []) => now(machine, call, &TimeZone::UTC),
        ("DateTime", "now", [Object::Zone(zone)]) => now(machine, call, zone),
        ("DateTime", "parse", [Object::Text(text)]) => iso(call, text, &TimeZone::UTC),
        ("DateTime", "parse", [Object::Text(text), Object::Format(format)]) => read(call, format, text),
        ("DateTimeZone", "forID", [_]) => {
            let name = call.text(0)?;
            let wrong =
                || call.wrong(format!("{name:?} is not a time zone"), "use a name such as Europe/Berlin");
            dates::zone(&name).map(Object::Zone).ok_or_else(wrong)
        }
        ("DateTimeFormat", "forPattern", [_]) => {
            pattern(call, &call.text(0)?).map(|format| Object::Format(Rc::new(format)))
        }
        ("Days", "daysBetween", [Object::Time(from), Object::Time(to)]) => {
            let (from, to) = (from.datetime(), to.with_time_zone(from.time_zone().clone()).datetime());
            let days = from.until((JiffUnit::Day, to)).map(|span| span.get_days());
            let wrong = |_| call.wrong("the times are too far apart", "use nearer ones");
            Ok(Object::Days(days.map_err(wrong)?.into()))
        }
        _ => Err(call.unknown(class)),
    }
}

fn pattern(call: &Call<'_>, text: &str) -> Result<Format, Failure> {
    let wrong = |what| call.wrong(what, "use a pattern such as yyyyMMdd or yyyy-MM-dd'T'HH:mm");
    Format::parse(text, None).map_err(wrong)
}

fn read(call: &Call<'_>, format: &Format, text: &str) -> Ran {
    format
        .read(text)
        .map(Object::time)
        .map_err(|what| call.wrong(what, "pass a text that follows the pattern"))
}

pub(super) fn format(machine: &mut Machine<'_>, format: &Rc<Format>, call: &Call<'_>) -> Ran {
    let zoned = |zone: &TimeZone| Ok(Object::Format(Rc::new(format.in_zone(zone.clone()))));
    match (call.name, call.arguments) {
        ("withZone", [Object::Zone(zone)]) => zoned(zone),
        ("withZoneUTC", []) => zoned(&TimeZone::UTC),
        ("parseDateTime", [_]) => read(call, format, &call.text(0)?),
        ("parseMillis", [_]) => match read(call, format, &call.text(0)?)? {
            Object::Time(time) => Ok(Object::Long(time.timestamp().as_millisecond())),
            other => Ok(other),
        },
        ("print", [Object::Time(time)]) => machine.text(call.at, format.print(time)),
        ("print", [Object::Long(ms)]) => match at(call, *ms, &TimeZone::UTC)? {
            Object::Time(time) => machine.text(call.at, format.print(&time)),
            other => Ok(other),
        },
        _ => Err(call.unknown("a DateTimeFormatter")),
    }
}

pub(super) fn property(time: &ZonedDateTime, unit: Unit, call: &Call<'_>) -> Ran {
    let moved = |value: i64| {
        let wrong =
            || call.wrong(format!("{value} is not a value of this field"), "use one that the field has");
        unit.with(time, value).map(Object::time).ok_or_else(wrong)
    };
    match (call.name, call.arguments) {
        ("get", []) => Ok(Object::Long(unit.get(time))),
        ("getAsText", []) => Ok(Object::text(unit.text(time, false))),
        ("getAsShortText", []) => Ok(Object::text(unit.text(time, true))),
        ("getAsString", []) => Ok(Object::text(unit.get(time).to_string())),
        ("withMinimumValue", []) => moved(unit.range(time).0),
        ("withMaximumValue", []) => moved(unit.range(time).1),
        ("getMinimumValue", []) => Ok(Object::Long(unit.range(time).0)),
        ("getMaximumValue", []) => Ok(Object::Long(unit.range(time).1)),
        ("setCopy", [_]) => moved(call.long(0)?),
        _ => Err(call.unknown("a DateTime's property")),
    }
}

pub(super) fn time(machine: &mut Machine<'_>, time: &ZonedDateTime, call: &Call<'_>) -> Ran {
    if let Some(unit) = Unit::named(call.name)
        && call.arguments.is_empty()
    {
        return Ok(Object::Property(Box::new(time.clone()), unit));
    }
    if let Some(moved) = moved(time, call)? {
        return Ok(moved);
    }
    if let Some(field) = accessed(time, call)? {
        return Ok(field);
    }
    match (call.name, call.arguments) {
        ("getMillis", []) => Ok(Object::Long(time.timestamp().as_millisecond())),
        ("getZone", []) => Ok(Object::Zone(time.time_zone().clone())),
        ("withZone", [Object::Zone(zone)]) => Ok(Object::time(time.with_time_zone(zone.clone()))),
        ("withZoneRetainFields", [Object::Zone(zone)]) => {
            let wrong = |_| call.wrong("the time does not exist in that zone", "use another zone");
            time.datetime().to_zoned_datetime(zone.clone()).map(Object::time).map_err(wrong)
        }
        ("withTimeAtStartOfDay", []) => time
            .start_of_day()
            .map(Object::time)
            .map_err(|_| call.wrong("the day has no start", "use another day")),
        ("toDateTime", []) => Ok(Object::time(time.clone())),
        ("toString", [Object::Format(format)]) => machine.text(call.at, format.print(time)),
        ("toString", [_]) => {
            let format = pattern(call, &call.text(0)?)?;
            machine.text(call.at, format.print(time))
        }
        ("isAfter", [Object::Time(other)]) => Ok(Object::Boolean(time.timestamp() > other.timestamp())),
        ("isBefore", [Object::Time(other)]) => Ok(Object::Boolean(time.timestamp() < other.timestamp())),
        ("isEqual", [Object::Time(other)]) => Ok(Object::Boolean(time.timestamp() == other.timestamp())),
        ("isAfterNow", []) => Ok(Object::Boolean(time.timestamp().as_millisecond() > machine.facts.now_ms())),
        ("isBeforeNow", []) => {
            Ok(Object::Boolean(time.timestamp().as_millisecond() < machine.facts.now_ms()))
        }
        ("compareTo", [Object::Time(other)]) => {
            Ok(Object::Long(time.timestamp().cmp(&other.timestamp()) as i64))
        }
        _ => Err(call.unknown("a DateTime")),
    }
}

/// `plusDays(1)`, `minusHours(2)` ...
fn moved(time: &ZonedDateTime, call: &Call<'_>) -> Result<Option<Object>, Failure> {
    let (sign, unit) = match (call.name.strip_prefix("plus"), call.name.strip_prefix("minus")) {
        (Some(unit), _) => (1, unit),
        (_, Some(unit)) => (-1, unit),
        _ => return Ok(None),
    };
    let span: fn(Span, i64) -> Result<Span, jiff::Error> = match unit {
        "Years" => |span, by| span.try_years(by),
        "Months" => |span, by| span.try_months(by),
        "Weeks" => |span, by| span.try_weeks(by),
        "Days" => |span, by| span.try_days(by),
        "Hours" => |span, by| span.try_hours(by),
        "Minutes" => |span, by| span.try_minutes(by),
        "Seconds" => |span, by| span.try_seconds(by),
        "Millis" | "" => |span, by| span.try_milliseconds(by),
        _ => return Ok(None),
    };
    let by = call.long(0)?;
    let beyond = || call.wrong(format!("{} of {by} leads beyond all dates", call.name), "move by less");
    if by.checked_abs().is_none_or(|by| by > MOVE_MAX) {
        return Err(beyond());
    }
    let moved = span(Span::new(), sign * by).and_then(|span| time.checked_add(span));
    moved.map(|time| Some(Object::time(time))).map_err(|_| beyond())
}

/// `getDayOfMonth()`, `withDayOfMonth(1)` ...
fn accessed(time: &ZonedDateTime, call: &Call<'_>) -> Result<Option<Object>, Failure> {
    let small = |name: &str| name.get(..1).map(|first| first.to_lowercase() + &name[1..]);
    if let Some(unit) = call.name.strip_prefix("get").and_then(small).and_then(|name| Unit::named(&name)) {
        return Ok(Some(Object::Long(unit.get(time))));
    }
    let Some(unit) = call.name.strip_prefix("with").and_then(small).and_then(|name| Unit::named(&name))
    else {
        return Ok(None);
    };
    let value = call.long(0)?;
    let wrong =
        || call.wrong(format!("{} of {value} is not a time", call.name), "use a value that the field has");
    unit.with(time, value).map(|time| Some(Object::time(time))).ok_or_else(wrong)
}
