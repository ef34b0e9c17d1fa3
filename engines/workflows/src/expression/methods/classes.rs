//! Static methods and fields of classes, and methods of numbers and booleans.

use jiff::tz::TimeZone;

use super::{Call, Ran, times};
use crate::expression::elements::array;
use crate::expression::error::Failure;
use crate::expression::machine::Machine;
use crate::expression::object::Object;
use crate::params::long_to_double;

pub(super) fn call(machine: &mut Machine<'_>, class: &str, call: &Call<'_>) -> Ran {
    match (class, call.name, call.arguments) {
        ("Math", ..) => math(machine, call),
        ("Long" | "Integer", "valueOf" | "parseLong" | "parseInt", [_]) => Ok(Object::Long(call.long(0)?)),
        ("Long" | "Integer" | "Double" | "Boolean" | "String", "toString" | "valueOf", [value])
            if class == "String" || call.name == "toString" =>
        {
            machine.text(call.at, value.to_text())
        }
        ("Double", "valueOf" | "parseDouble", [_]) => real(call, 0).map(Object::Double),
        ("Boolean", "valueOf" | "parseBoolean", [_]) => {
            Ok(Object::Boolean(call.text(0)?.eq_ignore_ascii_case("true")))
        }
        ("String", "join", [_, parts @ ..]) => join(machine, call, parts),
        ("String", "format", [_, values @ ..]) => format(machine, call, values),
        ("Arrays", "asList", [one @ Object::Array(_)]) => Ok(one.clone()),
        ("Arrays", "asList", values) => {
            machine.room(call.at, values.len())?;
            array(call.at, None, values.to_vec())
        }
        ("System" | "DateTimeUtils", "currentTimeMillis", []) => Ok(Object::Long(machine.facts.now_ms())),
        ("UUID", "randomUUID", []) => {
            let (high, low) = (next_id(machine), next_id(machine));
            Ok(Object::text(uuid(high, low)))
        }
        ("UUID", "fromString", [_]) => machine.text(call.at, call.text(0)?),
        ("DateTime" | "DateTimeZone" | "DateTimeFormat" | "Days", ..) => times::class(machine, class, call),
        _ => Err(call.unknown(class)),
    }
}

/// The next number of the SplitMix64 sequence that begins with the facts' seed.
pub(super) fn next_id(machine: &mut Machine<'_>) -> u64 {
    machine.ids += 1;
    let mut mixed = machine.facts.seed().wrapping_add(machine.ids.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A random UUID (version 4) of 128 bits.
fn uuid(high: u64, low: u64) -> String {
    let high = (high & 0xffff_ffff_ffff_0fff) | 0x4000;
    let low = (low & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

fn real(call: &Call<'_>, index: usize) -> Result<f64, Failure> {
    match call.arguments.get(index) {
        Some(Object::Double(value)) => Ok(*value),
        Some(Object::Long(value)) => Ok(long_to_double(*value)),
        Some(Object::Text(text)) if text.trim().parse::<f64>().is_ok() => {
            Ok(text.trim().parse().unwrap_or_default())
        }
        other => {
            let found = other.map_or("nothing", Object::sort);
            Err(call.wrong(format!("argument {} of {} is {found}", index + 1, call.name), "pass a number"))
        }
    }
}

fn math(machine: &mut Machine<'_>, call: &Call<'_>) -> Ran {
    let double = |index| real(call, index);
    Ok(match (call.name, call.arguments) {
        ("min", [Object::Long(a), Object::Long(b)]) => Object::Long(*a.min(b)),
        ("max", [Object::Long(a), Object::Long(b)]) => Object::Long(*a.max(b)),
        ("min", [_, _]) => Object::Double(double(0)?.min(double(1)?)),
        ("max", [_, _]) => Object::Double(double(0)?.max(double(1)?)),
        ("abs", [Object::Long(a)]) => Object::Long(a.wrapping_abs()),
        ("abs", [_]) => Object::Double(double(0)?.abs()),
        ("pow", [_, _]) => Object::Double(double(0)?.powf(double(1)?)),
        ("sqrt", [_]) => Object::Double(double(0)?.sqrt()),
        ("ceil", [_]) => Object::Double(double(0)?.ceil()),
        ("floor", [_]) => Object::Double(double(0)?.floor()),
        ("exp", [_]) => Object::Double(double(0)?.exp()),
        ("log", [_]) => Object::Double(double(0)?.ln()),
        ("log10", [_]) => Object::Double(double(0)?.log10()),
        ("round", [Object::Long(a)]) => Object::Long(*a),
        #[expect(clippy::cast_possible_truncation, reason = "a cast is Java's rounding at the ends")]
        ("round", [_]) => Object::Long((double(0)? + 0.5).floor() as i64),
        ("floorMod", [_, _]) | ("floorDiv", [_, _]) => {
            let (a, b) = (call.long(0)?, call.long(1)?);
            if b == 0 {
                return Err(call.wrong("a whole number is divided by zero", "check the divisor first"));
            }
            let (quotient, rest) = (a.wrapping_div(b), a.wrapping_rem(b));
            let down = rest != 0 && (rest < 0) != (b < 0);
            match call.name {
                "floorMod" => Object::Long(if down { rest + b } else { rest }),
                _ => Object::Long(if down { quotient - 1 } else { quotient }),
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
        ("random", []) => Object::Double((next_id(machine) >> 11) as f64 / (1_u64 << 53) as f64),
        _ => return Err(call.unknown("Math")),
    })
}

fn join(machine: &mut Machine<'_>, call: &Call<'_>, parts: &[Object]) -> Ran {
    let separator = call.text(0)?;
    let texts: Vec<String> = match parts {
        [Object::Array(array)] => array.values.borrow().iter().map(Object::to_text).collect(),
        parts => parts.iter().map(Object::to_text).collect(),
    };
    let len: usize = texts.iter().map(|text| text.len() + separator.len()).sum();
    machine.work(call.at, len / 64)?;
    if len > machine.limits.string_bytes.saturating_mul(2) {
        return Err(Failure::limit(
            call.at,
            format!("a string of {len} bytes is too long"),
            "keep strings shorter",
        ));
    }
    machine.text(call.at, texts.join(&separator))
}

/// `%s`, `%d`, `%05d`, `%.2f`, `%%`
fn format(machine: &mut Machine<'_>, call: &Call<'_>, values: &[Object]) -> Ran {
    let pattern = call.text(0)?;
    let mut text = String::new();
    let mut values = values.iter();
    let mut rest = pattern.as_str();
    let wrong = |what: String| call.wrong(what, "use %s, %d, %f with width and digits, and as many values");
    while let Some(place) = rest.find('%') {
        text.push_str(&rest[..place]);
        rest = &rest[place + 1..];
        let len = rest.bytes().take_while(|byte| byte.is_ascii_digit() || b"-.,+".contains(byte)).count();
        let (flags, after) = rest.split_at(len);
        let mut letters = after.chars();
        let letter = letters.next();
        rest = letters.as_str();
        if letter == Some('%') {
            text.push('%');
            continue;
        }
        let value = values.next().ok_or_else(|| wrong("a format has fewer values than places".to_owned()))?;
        let (width, digits) = flags.split_once('.').unwrap_or((flags, ""));
        let left = width.starts_with('-');
        let zero = width.starts_with('0');
        let width: usize = width.trim_matches(['-', '+', ',']).parse().unwrap_or(0).min(1000);
        let piece = match (letter, value) {
            (Some('s' | 'b'), value) => value.to_text(),
            (Some('d'), Object::Long(value)) if zero => format!("{value:0width$}"),
            (Some('d'), Object::Long(value)) => value.to_string(),
            (Some('f'), Object::Double(_) | Object::Long(_)) => {
                let number = match value {
                    Object::Double(value) => *value,
                    Object::Long(value) => long_to_double(*value),
                    _ => 0.0,
                };
                let digits = digits.parse().unwrap_or(6).min(30);
                if zero { format!("{number:0width$.digits$}") } else { format!("{number:.digits$}") }
            }
            (letter, value) => {
                return Err(wrong(format!("%{} does not show {}", letter.unwrap_or(' '), value.sort())));
            }
        };
        if left {
            text += &format!("{piece:<width$}")
        } else {
            text += &format!("{piece:>width$}")
        }
        if text.len() > machine.limits.string_bytes {
            return Err(Failure::limit(call.at, "a formatted string is too long", "keep strings shorter"));
        }
    }
    text.push_str(rest);
    machine.text(call.at, text)
}

pub(super) fn scalar(of: &Object, call: &Call<'_>) -> Ran {
    match (of, call.name, call.arguments) {
        (Object::Long(value), "intValue" | "longValue", []) => Ok(Object::Long(*value)),
        (Object::Long(value), "doubleValue", []) => Ok(Object::Double(long_to_double(*value))),
        (Object::Long(value), "compareTo", [_]) => Ok(Object::Long(value.cmp(&call.long(0)?) as i64)),
        #[expect(clippy::cast_possible_truncation, reason = "Java's cast does the same")]
        (Object::Double(value), "intValue" | "longValue", []) => Ok(Object::Long(*value as i64)),
        (Object::Double(value), "doubleValue", []) => Ok(Object::Double(*value)),
        (Object::Double(value), "isNaN", []) => Ok(Object::Boolean(value.is_nan())),
        (Object::Boolean(value), "booleanValue", []) => Ok(Object::Boolean(*value)),
        _ => Err(call.unknown(of.sort())),
    }
}

pub(super) fn field(at: u32, class: &str, name: &str) -> Ran {
    let days = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];
    let months = [
        "JANUARY",
        "FEBRUARY",
        "MARCH",
        "APRIL",
        "MAY",
        "JUNE",
        "JULY",
        "AUGUST",
        "SEPTEMBER",
        "OCTOBER",
        "NOVEMBER",
        "DECEMBER",
    ];
    let place = |names: &[&str]| names.iter().position(|known| *known == name);
    let number = place(&days).or_else(|| place(&months)).and_then(|place| i64::try_from(place + 1).ok());
    match (class, name) {
        ("DateTimeConstants", "MILLIS_PER_SECOND") => Ok(Object::Long(1000)),
        ("DateTimeConstants", "MILLIS_PER_MINUTE") => Ok(Object::Long(60_000)),
        ("DateTimeConstants", "MILLIS_PER_HOUR") => Ok(Object::Long(3_600_000)),
        ("DateTimeConstants", "MILLIS_PER_DAY") => Ok(Object::Long(86_400_000)),
        ("DateTimeConstants", _) if number.is_some() => Ok(Object::Long(number.unwrap_or_default())),
        ("DateTimeZone", "UTC") => Ok(Object::Zone(TimeZone::UTC)),
        ("Long", "MAX_VALUE") => Ok(Object::Long(i64::MAX)),
        ("Long", "MIN_VALUE") => Ok(Object::Long(i64::MIN)),
        ("Integer", "MAX_VALUE") => Ok(Object::Long(i32::MAX.into())),
        ("Integer", "MIN_VALUE") => Ok(Object::Long(i32::MIN.into())),
        ("Math", "PI") => Ok(Object::Double(std::f64::consts::PI)),
        ("Math", "E") => Ok(Object::Double(std::f64::consts::E)),
        _ => Err(Failure::value(at, format!("{class} has no field {name}"), "use a field of the language")),
    }
}
