//! Times: strict in constraints, lenient in contexts.

use time::{Date, Month};

/// Nanoseconds since 1970-01-01T00:00:00Z of `YYYY-MM-DDTHH:MM:SS[.mmm](Z|±HH:MM)`: the one form that the grammar of
/// yggdrasil has for a constraint's time.
pub(crate) fn strict(text: &str) -> Option<i128> {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let bytes = text.as_bytes();
    if bytes.len() < FORM.len() {
        return None;
    }
    let (head, mut rest) = bytes.split_at(FORM.len());
    let fits = |bytes: &[u8], form: &[u8]| {
        bytes.len() == form.len()
            && bytes.iter().zip(form).all(|(b, f)| if *f == b'0' { b.is_ascii_digit() } else { b == f })
    };
    if let Some(fraction) = rest.strip_prefix(b".") {
        rest = fraction.get(3..).filter(|_| fits(&fraction[..3], b"000"))?;
    }
    let zone = rest == b"Z" || fits(rest, b"+00:00") || fits(rest, b"-00:00");
    (fits(head, FORM) && zone).then(|| relaxed(text)).flatten()
}

/// The same of RFC 3339 as chrono reads it for a context: one digit where one will do, a space for the `T`, white
/// space between the parts, `UTC` and `±HHMM` as zones.
pub(crate) fn relaxed(text: &str) -> Option<i128> {
    let mut rest = Rest(text.trim());
    let signed = rest.take('+');
    let year = rest.number(if signed { 6 } else { 4 })?;
    rest.literal('-')?;
    let month = rest.number(2)?;
    rest.literal('-')?;
    let day = rest.number(2)?;
    if !(rest.take('T') || rest.take('t') || rest.0.starts_with(char::is_whitespace)) {
        return None;
    }
    let hour = rest.number(2)?;
    rest.literal(':')?;
    let minute = rest.number(2)?;
    rest.literal(':')?;
    let second = rest.number(2)?;
    let nanos = if rest.take('.') { rest.fraction()? } else { 0 };
    let offset_minutes = rest.zone()?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    let days = i128::from(date.to_julian_day()) - 2_440_588;
    let seconds = ((days * 24 + i128::from(hour)) * 60 + i128::from(minute) - offset_minutes) * 60;
    Some((seconds + i128::from(second)) * 1_000_000_000 + i128::from(nanos))
}

struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn take(&mut self, c: char) -> bool {
        let after = self.0.strip_prefix(c);
        self.0 = after.unwrap_or(self.0);
        after.is_some()
    }

    fn literal(&mut self, c: char) -> Option<()> {
        self.0 = self.0.trim_start();
        self.take(c).then_some(())
    }

    /// A number of one up to `most` digits.
    fn number(&mut self, most: usize) -> Option<u32> {
        self.0 = self.0.trim_start();
        let digits = self.0.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        number.parse().ok()
    }

    /// Nanoseconds of any number of digits; those past the ninth are dropped.
    fn fraction(&mut self) -> Option<u32> {
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (fraction, rest) = self.0.split_at(digits);
        self.0 = rest;
        let kept: u32 = fraction.get(..digits.min(9)).filter(|kept| !kept.is_empty())?.parse().ok()?;
        Some(kept * 10_u32.pow(9 - u32::try_from(digits.min(9)).ok()?))
    }

    /// Minutes east of Greenwich; nothing may follow.
    fn zone(&mut self) -> Option<i128> {
        self.0 = self.0.trim_start();
        if ["z", "utc"].contains(&self.0.to_ascii_lowercase().as_str()) {
            return Some(0);
        }
        let sign = if self.take('+') {
            1
        } else if self.take('-') || self.take('\u{2212}') {
            -1
        } else {
            return None;
        };
        let digits: String = self.0.chars().filter(|c| *c != ':').collect();
        let colon = self.0.find(':').is_none_or(|at| at == 2);
        if digits.len() != 4 || !colon || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let (hours, minutes): (i128, i128) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
        (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
    }
}
