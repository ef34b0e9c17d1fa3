//! A cron expression.

use super::CronError;
use super::days::{Days, MonthDays, WeekDays};

/// Characters of one expression.
const CHARS_MAX: usize = 256;

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A parsed cron expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    pub(super) seconds: u64,
    pub(super) minutes: u64,
    pub(super) hours: u64,
    pub(super) months: u64,
    pub(super) days: Days,
    /// Years from 1970; empty matches every year.
    pub(super) years: Vec<i16>,
}

/// The range and names of a field.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const SECOND: Field = Field { name: "second", least: 0, most: 59, names: &[] };
const MINUTE: Field = Field { name: "minute", least: 0, most: 59, names: &[] };
const HOUR: Field = Field { name: "hour", least: 0, most: 23, names: &[] };
const MONTH_DAY: Field = Field { name: "day of the month", least: 1, most: 31, names: &[] };
const MONTH: Field = Field { name: "month", least: 1, most: 12, names: &MONTHS };
const WEEK_DAY: Field = Field { name: "day of the week", least: 0, most: 7, names: &DAYS };
const YEAR: Field = Field { name: "year", least: 1970, most: 2099, names: &[] };

impl Field {
    fn wrong(&self, text: &str) -> CronError {
        let names = if self.names.is_empty() { String::new() } else { format!(" or {} ...", self.names[0]) };
        CronError::Field {
            field: self.name,
            text: text.to_owned(),
            fix: format!("numbers from {} to {}{names}, *, lists, ranges and steps", self.least, self.most),
        }
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let value = match named {
            Some(place) => self.least + u32::try_from(place).ok()?,
            None if !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok()?
            }
            None => return None,
        };
        (self.least..=self.most).contains(&value).then_some(value)
    }

    /// The values of one part of a list.
    fn part(&self, part: &str) -> Option<Vec<u32>> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                (range, Some(step.parse::<u32>().ok().filter(|step| (1..=self.most).contains(step))?))
            }
            None => (part, None),
        };
        let (from, to) = match range {
            "*" | "?" => (self.least, self.most),
            _ => match range.split_once('-') {
                Some((from, to)) => (self.value(from)?, self.value(to)?),
                None => {
                    let from = self.value(range)?;
                    (from, if step.is_some() { self.most } else { from })
                }
            },
        };
        let all: Vec<u32> = if from <= to {
            (from..=to).collect()
        } else {
            // A range that wraps, such as FRI-MON.
            (from..=self.most).chain(self.least..=to).collect()
        };
        Some(all.into_iter().step_by(usize::try_from(step.unwrap_or(1)).ok()?).collect())
    }

    fn values(&self, text: &str) -> Result<Vec<u32>, CronError> {
        let mut values = Vec::new();
        for part in text.split(',') {
            values.extend(self.part(part).ok_or_else(|| self.wrong(text))?);
        }
        Ok(values)
    }

    fn bits(&self, text: &str) -> Result<u64, CronError> {
        Ok(self.values(text)?.into_iter().fold(0, |bits, value| bits | 1 << value))
    }
}

impl Cron {
    /// Parses an expression.
    ///
    /// # Errors
    /// With the invalid field.
    pub fn parse(expression: &str) -> Result<Self, CronError> {
        let named = match expression.trim().to_ascii_lowercase().as_str() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            _ => expression,
        };
        let fields: Vec<&str> = named.split_whitespace().collect();
        if named.len() > CHARS_MAX {
            return Err(CronError::Fields { found: fields.len() });
        }
        let (second, rest, year) = match fields.as_slice() {
            rest @ [_, _, _, _, _] => ("0", rest, None),
            [second, rest @ ..] if rest.len() == 5 => (*second, rest, None),
            [second, rest @ .., year] if rest.len() == 5 => (*second, rest, Some(*year)),
            _ => return Err(CronError::Fields { found: fields.len() }),
        };
        let quartz = fields.len() > 5;
        let years = match year {
            None | Some("*") => Vec::new(),
            Some(year) => {
                YEAR.values(year)?.into_iter().filter_map(|year| i16::try_from(year).ok()).collect()
            }
        };
        Ok(Self {
            seconds: SECOND.bits(second)?,
            minutes: MINUTE.bits(rest[0])?,
            hours: HOUR.bits(rest[1])?,
            months: MONTH.bits(rest[3])?,
            days: days(rest[2], rest[4], quartz)?,
            years,
        })
    }

    /// Whether it matches every hour of a day.
    pub(super) fn is_for_every_hour(&self) -> bool {
        self.hours == (1 << 24) - 1
    }
}

fn days(of_month: &str, of_week: &str, quartz: bool) -> Result<Days, CronError> {
    let open = |text: &str| text == "*" || text == "?";
    Ok(match (open(of_month), open(of_week)) {
        (true, true) => Days::Every,
        (false, true) => Days::OfMonth(month_days(of_month)?),
        (true, false) => Days::OfWeek(week_days(of_week, quartz)?),
        (false, false) if quartz => return Err(CronError::BothDays),
        (false, false) => Days::Either(month_days(of_month)?, week_days(of_week, quartz)?),
    })
}

fn month_days(text: &str) -> Result<MonthDays, CronError> {
    let mut days = MonthDays::default();
    let wrong = || MONTH_DAY.wrong(text);
    for part in text.to_ascii_uppercase().split(',') {
        if part == "LW" {
            days.nearest.push(0);
        } else if let Some(day) = part.strip_suffix('W') {
            days.nearest.push(MONTH_DAY.value(day).and_then(|day| i8::try_from(day).ok()).ok_or_else(wrong)?);
        } else if let Some(before) = part.strip_prefix('L') {
            let before = match before.strip_prefix('-') {
                Some(before) => {
                    before.parse::<i8>().ok().filter(|before| (1..=30).contains(before)).ok_or_else(wrong)?
                }
                None if before.is_empty() => 0,
                None => return Err(wrong()),
            };
            days.before_last.push(before);
        } else {
            for day in MONTH_DAY.part(part).ok_or_else(wrong)? {
                days.days |= 1 << day;
            }
        }
    }
    Ok(days)
}

fn week_days(text: &str, quartz: bool) -> Result<WeekDays, CronError> {
    let mut days = WeekDays::default();
    let wrong = || WEEK_DAY.wrong(text);
    // Names are equal in both; Quartz's numbers are one more than Unix's.
    let field = if quartz { Field { least: 1, ..WEEK_DAY } } else { WEEK_DAY };
    let day = |value: u32| i8::try_from(if quartz { value - 1 } else { value % 7 }).unwrap_or(0);
    for part in text.to_ascii_uppercase().split(',') {
        if let Some((weekday, nth)) = part.split_once('#') {
            let nth = nth.parse::<i8>().ok().filter(|nth| (1..=5).contains(nth)).ok_or_else(wrong)?;
            days.nth.push((field.value(weekday).map(day).ok_or_else(wrong)?, nth));
        } else if part == "L" {
            days.days |= 1 << 6;
        } else if let Some(weekday) = part.strip_suffix('L') {
            days.last.push(field.value(weekday).map(day).ok_or_else(wrong)?);
        } else {
            for value in field.part(part).ok_or_else(wrong)? {
                days.days |= 1 << day(value);
            }
        }
    }
    Ok(days)
}
