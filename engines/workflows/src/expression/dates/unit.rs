//! The fields of a time.

use jiff::ZonedDateTime;

pub(in crate::expression) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(in crate::expression) const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::expression) enum Unit {
    Year,
    Month,
    Week,
    DayOfYear,
    DayOfMonth,
    DayOfWeek,
    Hour,
    MinuteOfDay,
    Minute,
    SecondOfDay,
    Second,
    Millisecond,
}

impl Unit {
    /// The field by Joda's name, as in `monthOfYear()` and `getMonthOfYear()`.
    pub(in crate::expression) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "year" | "yearOfEra" => Self::Year,
            "monthOfYear" => Self::Month,
            "weekOfWeekyear" => Self::Week,
            "dayOfYear" => Self::DayOfYear,
            "dayOfMonth" => Self::DayOfMonth,
            "dayOfWeek" => Self::DayOfWeek,
            "hourOfDay" => Self::Hour,
            "minuteOfDay" => Self::MinuteOfDay,
            "minuteOfHour" => Self::Minute,
            "secondOfDay" => Self::SecondOfDay,
            "secondOfMinute" => Self::Second,
            "millisOfSecond" => Self::Millisecond,
            _ => return None,
        })
    }

    pub(in crate::expression) fn get(self, time: &ZonedDateTime) -> i64 {
        let (hour, minute, second) =
            (i64::from(time.hour()), i64::from(time.minute()), i64::from(time.second()));
        match self {
            Self::Year => time.year().into(),
            Self::Month => time.month().into(),
            Self::Week => time.iso_week_date().week().into(),
            Self::DayOfYear => time.day_of_year().into(),
            Self::DayOfMonth => time.day().into(),
            Self::DayOfWeek => time.weekday().to_monday_one_offset().into(),
            Self::Hour => hour,
            Self::MinuteOfDay => hour * 60 + minute,
            Self::Minute => minute,
            Self::SecondOfDay => (hour * 60 + minute) * 60 + second,
            Self::Second => second,
            Self::Millisecond => time.millisecond().into(),
        }
    }

    /// The value as text; months and days by name.
    pub(in crate::expression) fn text(self, time: &ZonedDateTime, short: bool) -> String {
        let name = match self {
            Self::Month => MONTHS.get(usize::try_from(time.month() - 1).unwrap_or(0)),
            Self::DayOfWeek => DAYS.get(usize::try_from(time.weekday().to_monday_zero_offset()).unwrap_or(0)),
            _ => None,
        };
        match name {
            Some(name) if short => name[..3].to_owned(),
            Some(name) => (*name).to_owned(),
            None => self.get(time).to_string(),
        }
    }

    /// The same time with this field changed.
    pub(in crate::expression) fn with(self, time: &ZonedDateTime, value: i64) -> Option<ZonedDateTime> {
        let small = i8::try_from(value).ok();
        let wide = i16::try_from(value).ok();
        match self {
            Self::Year => time.with().year(wide?).build().ok(),
            Self::Month => {
                // The day is clamped: the 31st of March becomes the 28th of February.
                let first = time.date().first_of_month().with().month(small?).build().ok()?;
                let date = first.with().day(time.day().min(first.days_in_month())).build().ok()?;
                time.with().date(date).build().ok()
            }
            Self::DayOfMonth => time.with().day(small?).build().ok(),
            Self::DayOfYear => time.with().day_of_year(wide?).build().ok(),
            Self::DayOfWeek => {
                let move_by = value.checked_sub(time.weekday().to_monday_one_offset().into())?;
                let valid = (1..=7).contains(&value);
                valid.then(|| time.checked_add(jiff::Span::new().days(move_by)).ok()).flatten()
            }
            Self::Hour => time.with().hour(small?).build().ok(),
            Self::Minute => time.with().minute(small?).build().ok(),
            Self::Second => time.with().second(small?).build().ok(),
            Self::Millisecond => time.with().millisecond(wide?).build().ok(),
            Self::Week | Self::MinuteOfDay | Self::SecondOfDay => None,
        }
    }

    /// The range of the field's values at a time.
    pub(in crate::expression) fn range(self, time: &ZonedDateTime) -> (i64, i64) {
        match self {
            Self::Year => (-9999, 9999),
            Self::Month => (1, 12),
            Self::Week => (1, 52),
            Self::DayOfYear => (1, time.days_in_year().into()),
            Self::DayOfMonth => (1, time.days_in_month().into()),
            Self::DayOfWeek => (1, 7),
            Self::Hour => (0, 23),
            Self::MinuteOfDay => (0, 24 * 60 - 1),
            Self::SecondOfDay => (0, 24 * 3600 - 1),
            Self::Minute | Self::Second => (0, 59),
            Self::Millisecond => (0, 999),
        }
    }
}
