//! `Util`: Maestro's functions for dates and ranges. A date int is a day as a number, 20260131.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{Call, Ran};
use crate::definition::Quantity;
use crate::expression::ast::Element;
use crate::expression::dates::{self, Format};
use crate::expression::error::Failure;
use crate::expression::machine::Machine;
use crate::expression::object::Object;

pub(super) fn call(machine: &mut Machine<'_>, call: &Call<'_>) -> Ran {
    match (call.name, call.arguments) {
        ("dateIntToTs", [_]) => Ok(Object::Long(start(call, day(call, 0)?)?)),
        ("tsToDateInt", [_]) => {
            let ms = call.long(0)?;
            let beyond =
                || call.wrong(format!("{ms} milliseconds are beyond all dates"), "pass a time of this age");
            let time = dates::time(ms, &TimeZone::UTC).ok_or_else(beyond)?;
            machine.text(call.at, date_int(time.date()).to_string())
        }
        ("incrementDateInt", [_, _]) => {
            let (day, by) = (day(call, 0)?, call.long(1)?);
            let moved = jiff::Span::new().try_days(by).and_then(|span| day.checked_add(span));
            let beyond = |_| call.wrong(format!("{by} days lead beyond all dates"), "move by less");
            machine.text(call.at, date_int(moved.map_err(beyond)?).to_string())
        }
        ("timeoutForDateTimeDeadline", [Object::Time(time), _]) => {
            deadline(machine, call, time.timestamp().as_millisecond())
        }
        ("timeoutForDateIntDeadline", [_, _]) => {
            let ms = start(call, day(call, 0)?)?;
            deadline(machine, call, ms)
        }
        ("dateIntsBetween", [_, _, _]) => days_between(machine, call),
        ("intsBetween", [_, _, _]) => ints_between(machine, call),
        ("dateIntHourToTs", [_, _, _, _, _]) => hour(call),
        _ => Err(call.unknown("Util")),
    }
}

fn day(call: &Call<'_>, index: usize) -> Result<Date, Failure> {
    let text = call.text(index)?;
    let read = || {
        let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number: i32 = text.parse().ok().filter(|_| digits)?;
        let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
        Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
    };
    read()
        .ok_or_else(|| call.wrong(format!("{text:?} is not a day"), "write year, month and day as 20260131"))
}

fn date_int(day: Date) -> i64 {
    (i64::from(day.year()) * 100 + i64::from(day.month())) * 100 + i64::from(day.day())
}

/// The start of a day in UTC, in milliseconds since 1970.
fn start(call: &Call<'_>, day: Date) -> Result<i64, Failure> {
    let zoned = day.to_zoned_datetime(TimeZone::UTC);
    let time = zoned.map_err(|_| call.wrong("the day is beyond all dates", "use another day"))?;
    Ok(time.timestamp().as_millisecond())
}

/// The time left from now until a time plus a duration.
fn deadline(machine: &mut Machine<'_>, call: &Call<'_>, from: i64) -> Ran {
    let text = call.text(1)?;
    let span = Quantity::Text(text.clone()).millis().and_then(|ms| i64::try_from(ms).ok());
    let span =
        span.ok_or_else(|| call.wrong(format!("{text:?} is not a duration"), "write it as 2 hours"))?;
    let left = from.saturating_add(span).saturating_sub(machine.facts.now_ms()).max(0);
    machine.text(call.at, format!("{left} milliseconds"))
}

fn days_between(machine: &mut Machine<'_>, call: &Call<'_>) -> Ran {
    let by = call.long(2)?;
    let (from, to) = if by < 0 { (day(call, 1)?, day(call, 0)?) } else { (day(call, 0)?, day(call, 1)?) };
    if by == 0 {
        return Err(call.wrong("days between are counted by 0", "count by 1 or -1 or more"));
    }
    let days = from.until(to).map(|span| i64::from(span.get_days())).unwrap_or(0).max(0);
    let by_days = by.unsigned_abs();
    let count = days.unsigned_abs().div_ceil(by_days);
    machine.room(call.at, usize::try_from(count).unwrap_or(usize::MAX))?;
    machine.work(call.at, usize::try_from(count).unwrap_or(usize::MAX))?;
    let mut found = Vec::new();
    for index in 0..count {
        let offset = i64::try_from(index * by_days).unwrap_or(i64::MAX);
        let at = from.checked_add(offset.days());
        let at = at.map_err(|_| call.wrong("the days lead beyond all dates", "use nearer ones"))?;
        found.push(Object::Long(date_int(at)));
    }
    if by < 0 {
        found.reverse();
    }
    Ok(Object::array(Element::Long, found))
}

fn ints_between(machine: &mut Machine<'_>, call: &Call<'_>) -> Ran {
    let (from, to, by) = (call.long(0)?, call.long(1)?, call.long(2)?);
    if by == 0 {
        return Err(call.wrong("numbers between are counted by 0", "count by 1 or -1 or more"));
    }
    let span = if by > 0 { i128::from(to) - i128::from(from) } else { i128::from(from) - i128::from(to) };
    let count = if span <= 0 {
        0
    } else {
        (span + i128::from(by.unsigned_abs()) - 1) / i128::from(by.unsigned_abs())
    };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    machine.room(call.at, count)?;
    machine.work(call.at, count)?;
    let mut found = Vec::with_capacity(count);
    let mut at = from;
    for _ in 0..count {
        found.push(Object::Long(at));
        at = at.wrapping_add(by);
    }
    Ok(Object::array(Element::Long, found))
}

/// `dateIntHourToTs(day, hour, zone, days before, hours before)`
fn hour(call: &Call<'_>) -> Ran {
    let name = call.text(2)?;
    let zone = dates::zone(&name);
    let zone =
        zone.ok_or_else(|| call.wrong(format!("{name:?} is not a time zone"), "use a name such as UTC"))?;
    let text = format!("{}{:0>2}", call.text(0)?, call.text(1)?);
    let wrong = |what: String| call.wrong(what, "pass a day as 20260131 and an hour from 0 to 23");
    let format = Format::parse("yyyyMMddHH", Some(zone)).map_err(wrong)?;
    let time = format.read(&text).map_err(wrong)?;
    let back =
        jiff::Span::new().try_days(call.long(3)?).and_then(|span| span.try_hours(call.long(4).unwrap_or(0)));
    call.long(4)?;
    let moved = back.and_then(|span| time.checked_sub(span));
    let moved = moved.map_err(|_| call.wrong("it leads beyond all dates", "go back by less"))?;
    Ok(Object::Long(moved.timestamp().as_millisecond()))
}
