//! The days of a month that a schedule matches.

use jiff::civil::{Date, Weekday};

/// Days of the month.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct MonthDays {
    /// Bit 1 to bit 31.
    pub(super) days: u32,
    /// Days counted back from the last one.
    pub(super) before_last: Vec<i8>,
    /// The working day nearest to a day; zero is the last working day of the month.
    pub(super) nearest: Vec<i8>,
}

impl MonthDays {
    pub(super) fn holds(&self, date: Date) -> bool {
        let (day, last) = (date.day(), date.days_in_month());
        self.days >> day & 1 == 1
            || self.before_last.iter().any(|before| last - before == day)
            || self.nearest.iter().any(|wanted| nearest_working(date, *wanted) == Some(day))
    }
}

/// The working day nearest to a day, within the month.
fn nearest_working(date: Date, wanted: i8) -> Option<i8> {
    let last = date.days_in_month();
    let wanted = if wanted == 0 { last } else { wanted };
    let at = date.with().day(wanted).build().ok()?;
    Some(match at.weekday() {
        Weekday::Saturday if wanted == 1 => 3,
        Weekday::Saturday => wanted - 1,
        Weekday::Sunday if wanted == last => wanted - 2,
        Weekday::Sunday => wanted + 1,
        _ => wanted,
    })
}

/// Days of the week; Sunday is 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct WeekDays {
    pub(super) days: u8,
    /// A weekday and its number in the month.
    pub(super) nth: Vec<(i8, i8)>,
    /// The last such weekday of the month.
    pub(super) last: Vec<i8>,
}

impl WeekDays {
    pub(super) fn holds(&self, date: Date) -> bool {
        let (weekday, day) = (date.weekday().to_sunday_zero_offset(), date.day());
        self.days >> weekday & 1 == 1
            || self.nth.iter().any(|(wanted, nth)| *wanted == weekday && (day - 1) / 7 + 1 == *nth)
            || self.last.iter().any(|wanted| *wanted == weekday && day + 7 > date.days_in_month())
    }
}

/// The combination of day of month and day of week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Days {
    Every,
    OfMonth(MonthDays),
    OfWeek(WeekDays),
    /// Unix: either matches.
    Either(MonthDays, WeekDays),
}

impl Days {
    pub(super) fn holds(&self, date: Date) -> bool {
        match self {
            Self::Every => true,
            Self::OfMonth(days) => days.holds(date),
            Self::OfWeek(days) => days.holds(date),
            Self::Either(of_month, of_week) => of_month.holds(date) || of_week.holds(date),
        }
    }
}
