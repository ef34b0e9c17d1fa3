//! Number formatting and parsing as in JavaScript, which defines GrowthBook's hashes and comparisons.

/// A number as `String(x)` writes it (ECMAScript, Number::toString): the shortest digits that read back the same, in
/// fixed notation for decimal exponents from -6 to 21.
#[must_use]
pub fn js_string(x: f64) -> String {
    if x.is_nan() {
        return "NaN".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() };
    }
    if x == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{:e}", x.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let text = laid_out(&digits, exponent.parse::<i32>().unwrap_or(0) + 1);
    if x < 0.0 { format!("-{text}") } else { text }
}

/// The digits of `0.d1d2… * 10^point` in JavaScript's notation.
fn laid_out(digits: &str, point: i32) -> String {
    let length = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |n: i32| "0".repeat(usize::try_from(n).unwrap_or(0));
    if length <= point && point <= 21 {
        return format!("{digits}{}", zeros(point - length));
    }
    if 0 < point && point <= 21 {
        let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
        return format!("{whole}.{fraction}");
    }
    if -6 < point && point <= 0 {
        return format!("0.{}{digits}", zeros(-point));
    }
    let (first, rest) = digits.split_at(1);
    let dot = if rest.is_empty() { "" } else { "." };
    let sign = if point > 0 { '+' } else { '-' };
    format!("{first}{dot}{rest}e{sign}{}", (point - 1).abs())
}

/// Parses a string as `Number(text)` does; NaN if it is not a number.
pub(super) fn js_number(text: &str) -> f64 {
    let text = text.trim();
    if text.is_empty() {
        return 0.0;
    }
    // Rust parses words such as `inf` and `nan`; JavaScript does not.
    if text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-')) {
        text.parse().unwrap_or(f64::NAN)
    } else {
        f64::NAN
    }
}
