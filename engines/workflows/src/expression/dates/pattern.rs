//! Joda's patterns: letters for fields, quotes around text.

use jiff::ZonedDateTime;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::unit::{DAYS, MONTHS};
use super::{Unit, offset, offset_text};

/// Characters of one pattern.
const PATTERN_CHARS_MAX: usize = 200;

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    /// A letter and its repetition.
    Field(char, usize),
}

/// A pattern, and the zone in which it prints and reads.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::expression) struct Format {
    parts: Vec<Part>,
    zone: Option<TimeZone>,
}

impl Format {
    /// Parses a pattern; the error names the mistake.
    pub(in crate::expression) fn parse(pattern: &str, zone: Option<TimeZone>) -> Result<Self, String> {
        if pattern.is_empty() || pattern.chars().count() > PATTERN_CHARS_MAX {
            return Err(format!("a pattern has 1 to {PATTERN_CHARS_MAX} characters"));
        }
        let chars: Vec<char> = pattern.chars().collect();
        let mut parts = Vec::new();
        let mut at = 0;
        while at < chars.len() {
            let c = chars[at];
            if c == '\'' {
                let (text, next) = quoted(&chars, at)?;
                at = next;
                parts.push(Part::Text(text));
            } else if c.is_ascii_alphabetic() {
                if !"yYxMdDeEwHhKkmsSaZz".contains(c) {
                    return Err(format!("{c:?} is not a pattern letter"));
                }
                let count = chars[at..].iter().take_while(|other| **other == c).count();
                parts.push(Part::Field(c, count));
                at += count;
            } else {
                parts.push(Part::Text(c.to_string()));
                at += 1;
            }
        }
        Ok(Self { parts, zone })
    }

    /// The same pattern in a zone.
    pub(in crate::expression) fn in_zone(&self, zone: TimeZone) -> Self {
        Self { zone: Some(zone), ..self.clone() }
    }

    /// Prints a time, in the format's own zone if it has one.
    pub(in crate::expression) fn print(&self, time: &ZonedDateTime) -> String {
        let moved = self.zone.as_ref().map(|zone| time.with_time_zone(zone.clone()));
        let time = moved.as_ref().unwrap_or(time);
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Field(letter, count) => field(time, *letter, *count),
            })
            .collect()
    }

    /// Reads a time; the error names the mistake.
    pub(in crate::expression) fn read(&self, text: &str) -> Result<ZonedDateTime, String> {
        let mut read = Read { rest: text, year: 2000, month: 1, day: 1, ..Read::default() };
        for (index, part) in self.parts.iter().enumerate() {
            let packed =
                matches!(self.parts.get(index + 1), Some(Part::Field(next, count)) if numeric(*next, *count));
            let taken = match part {
                Part::Text(text) => read.literal(text),
                Part::Field(letter, count) => read.field(*letter, *count, packed),
            };
            taken.ok_or_else(|| {
                let place = text.chars().count() - read.rest.chars().count();
                format!("{text:?} does not follow the pattern at character {}", place + 1)
            })?;
        }
        if !read.rest.is_empty() {
            return Err(format!("{text:?} goes on after the pattern's end"));
        }
        read.resolve(self.zone.as_ref()).ok_or_else(|| format!("{text:?} is not an existing time"))
    }
}

fn quoted(chars: &[char], from: usize) -> Result<(String, usize), String> {
    let mut text = String::new();
    let mut at = from + 1;
    if chars.get(at) == Some(&'\'') {
        return Ok(("'".to_owned(), at + 1));
    }
    loop {
        match (chars.get(at), chars.get(at + 1)) {
            (Some('\''), Some('\'')) => {
                text.push('\'');
                at += 2;
            }
            (Some('\''), _) => return Ok((text, at + 1)),
            (Some(c), _) => {
                text.push(*c);
                at += 1;
            }
            (None, _) => return Err("a quote has no end".to_owned()),
        }
    }
}

fn numeric(letter: char, count: usize) -> bool {
    match letter {
        'M' | 'e' => count <= 2,
        'E' | 'a' | 'Z' | 'z' => false,
        _ => true,
    }
}

fn field(time: &ZonedDateTime, letter: char, count: usize) -> String {
    let number = |value: i64| format!("{value:0count$}");
    let hour = i64::from(time.hour());
    match letter {
        'y' | 'Y' if count == 2 => format!("{:02}", time.year().rem_euclid(100)),
        'x' if count == 2 => format!("{:02}", time.iso_week_date().year().rem_euclid(100)),
        'y' | 'Y' => number(time.year().into()),
        'x' => number(time.iso_week_date().year().into()),
        'M' if count >= 3 => Unit::Month.text(time, count == 3),
        'M' => number(time.month().into()),
        'd' => number(time.day().into()),
        'D' => number(time.day_of_year().into()),
        'w' => number(time.iso_week_date().week().into()),
        'e' => number(time.weekday().to_monday_one_offset().into()),
        'E' => Unit::DayOfWeek.text(time, count <= 3),
        'H' => number(hour),
        'k' => number(if hour == 0 { 24 } else { hour }),
        'K' => number(hour % 12),
        'h' => number(if hour % 12 == 0 { 12 } else { hour % 12 }),
        'm' => number(time.minute().into()),
        's' => number(time.second().into()),
        'S' => format!("{:09}", time.subsec_nanosecond())
            .chars()
            .chain(std::iter::repeat('0'))
            .take(count)
            .collect(),
        'a' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
        'Z' if count >= 3 => time.time_zone().iana_name().unwrap_or("UTC").to_owned(),
        'Z' => offset_text(time.offset(), count == 2, ""),
        _ => {
            let info = time.time_zone().to_offset_info(time.timestamp());
            info.abbreviation().to_owned()
        }
    }
}

#[derive(Default)]
struct Read<'a> {
    rest: &'a str,
    year: i16,
    month: i8,
    day: i8,
    day_of_year: Option<i16>,
    hour: i8,
    afternoon: Option<bool>,
    minute: i8,
    second: i8,
    nanosecond: i32,
    zone: Option<TimeZone>,
}

impl Read<'_> {
    fn literal(&mut self, text: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    /// Reads a number with a limit of digits.
    fn number(&mut self, digits_max: usize) -> Option<i64> {
        let digits = self.rest.bytes().take(digits_max).take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        number.parse().ok()
    }

    fn named(&mut self, names: &[&str]) -> Option<usize> {
        for short in [false, true] {
            let found = names.iter().position(|name| {
                let name = if short { &name[..3] } else { *name };
                self.rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            });
            if let Some(found) = found {
                self.rest = &self.rest[if short { 3 } else { names[found].len() }..];
                return Some(found);
            }
        }
        None
    }

    fn field(&mut self, letter: char, count: usize, packed: bool) -> Option<()> {
        // A number directly before another number has exactly as many digits as letters.
        let digits = if packed { count } else { count.max(9) };
        match letter {
            'y' | 'Y' | 'x' => {
                let negative = self.rest.starts_with('-');
                if negative {
                    self.rest = &self.rest[1..];
                }
                let year = self.number(digits)?;
                let year =
                    if count == 2 && year < 100 { year + if year < 70 { 2000 } else { 1900 } } else { year };
                self.year = i16::try_from(if negative { -year } else { year }).ok()?;
            }
            'M' if count >= 3 => self.month = i8::try_from(self.named(&MONTHS)? + 1).ok()?,
            'M' => self.month = self.number(digits)?.try_into().ok()?,
            'd' => self.day = self.number(digits)?.try_into().ok()?,
            'D' => self.day_of_year = Some(self.number(digits)?.try_into().ok()?),
            'w' | 'e' => drop(self.number(digits)?),
            'E' => drop(self.named(&DAYS)?),
            'H' | 'K' => self.hour = self.number(digits)?.try_into().ok()?,
            'k' => self.hour = i8::try_from(self.number(digits)?).ok()? % 24,
            'h' => self.hour = i8::try_from(self.number(digits)?).ok()? % 12,
            'm' => self.minute = self.number(digits)?.try_into().ok()?,
            's' => self.second = self.number(digits)?.try_into().ok()?,
            'S' => {
                let digits = self
                    .rest
                    .bytes()
                    .take(if packed { count } else { 9 })
                    .take_while(u8::is_ascii_digit)
                    .count();
                let number = self.number(digits.clamp(1, 9))?;
                let scale = 10_i64.pow(9 - u32::try_from(digits.clamp(1, 9)).ok()?);
                self.nanosecond = i32::try_from(number * scale).ok()?;
            }
            'a' => self.afternoon = Some(self.named(&["AM ", "PM "]).or_else(|| self.half())? == 1),
            _ => {
                let len = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-:/_".contains(c)));
                let (name, rest) = self.rest.split_at(len.unwrap_or(self.rest.len()));
                self.zone = Some(match offset(name) {
                    Some(offset) => offset.to_time_zone(),
                    None => super::zone(name)?,
                });
                self.rest = rest;
            }
        }
        Some(())
    }

    fn half(&mut self) -> Option<usize> {
        let half = self.rest.get(..2)?;
        let found = ["AM", "PM"].iter().position(|name| name.eq_ignore_ascii_case(half))?;
        self.rest = &self.rest[2..];
        Some(found)
    }

    fn resolve(self, own: Option<&TimeZone>) -> Option<ZonedDateTime> {
        let hour = match self.afternoon {
            Some(true) => self.hour % 12 + 12,
            Some(false) => self.hour % 12,
            None => self.hour,
        };
        let date = match self.day_of_year {
            Some(day) => Date::new(self.year, 1, 1).ok()?.with().day_of_year(day).build().ok()?,
            None => Date::new(self.year, self.month, self.day).ok()?,
        };
        let time = Time::new(hour, self.minute, self.second, self.nanosecond).ok()?;
        let zone = own.cloned().unwrap_or(TimeZone::UTC);
        let written = self.zone.unwrap_or_else(|| zone.clone());
        let time = DateTime::from_parts(date, time).to_zoned_datetime(written).ok()?;
        Some(time.with_time_zone(zone))
    }
}
