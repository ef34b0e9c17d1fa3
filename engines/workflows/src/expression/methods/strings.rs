//! Methods of strings. Positions count characters.

use super::{Call, Ran};
use crate::expression::ast::Element;
use crate::expression::error::Failure;
use crate::expression::machine::Machine;
use crate::expression::object::Object;

pub(super) fn call(machine: &mut Machine<'_>, text: &str, call: &Call<'_>) -> Ran {
    // The cost of each method is linear in the string.
    machine.work(call.at, text.len() / 64)?;
    let at = call.at;
    match (call.name, call.arguments) {
        ("length" | "size", []) => long(text.chars().count()),
        ("isEmpty", []) => Ok(Object::Boolean(text.is_empty())),
        ("isBlank", []) => Ok(Object::Boolean(text.trim().is_empty())),
        ("toUpperCase", []) => machine.text(at, text.to_uppercase()),
        ("toLowerCase", []) => machine.text(at, text.to_lowercase()),
        ("trim" | "strip", []) => machine.text(at, text.trim().to_owned()),
        ("hashCode", []) => Ok(Object::Long(hash(text).into())),
        ("escape", []) => machine.text(at, text.escape_default().to_string()),
        ("intern", []) => Ok(Object::text(text)),
        ("concat", [_]) => machine.text(at, text.to_owned() + &call.text(0)?),
        ("contains", [_]) => Ok(Object::Boolean(text.contains(&call.text(0)?))),
        ("startsWith", [_]) => Ok(Object::Boolean(text.starts_with(&call.text(0)?))),
        ("endsWith", [_]) => Ok(Object::Boolean(text.ends_with(&call.text(0)?))),
        ("equalsIgnoreCase", [_]) => Ok(Object::Boolean(text.to_lowercase() == call.text(0)?.to_lowercase())),
        ("compareTo", [_]) => Ok(Object::Long(text.cmp(call.text(0)?.as_str()) as i64)),
        ("compareToIgnoreCase", [_]) => {
            Ok(Object::Long(text.to_lowercase().cmp(&call.text(0)?.to_lowercase()) as i64))
        }
        ("indexOf", [_]) => Ok(found(text, text.find(&call.text(0)?))),
        ("indexOf", [_, _]) => {
            let from = place(text, call.long(1)?.max(0)).unwrap_or(text.len());
            Ok(found(text, text[from..].find(&call.text(0)?).map(|found| found + from)))
        }
        ("lastIndexOf", [_]) => Ok(found(text, text.rfind(&call.text(0)?))),
        ("charAt", [_]) => cut(machine, text, call, call.long(0)?, call.long(0)?.saturating_add(1)),
        ("substring", [_]) => {
            let end = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
            cut(machine, text, call, call.long(0)?, end)
        }
        ("substring", [_, _]) => cut(machine, text, call, call.long(0)?, call.long(1)?),
        ("replace", [_, _]) => {
            let (from, to) = (call.text(0)?, call.text(1)?);
            let times = if from.is_empty() { text.len() + 1 } else { text.matches(&from).count() };
            let len = text.len().saturating_add(times.saturating_mul(to.len()));
            room(machine, at, len)?;
            machine.text(at, text.replace(&from, &to))
        }
        ("repeat", [_]) => {
            let times = usize::try_from(call.long(0)?)
                .map_err(|_| call.wrong("it is repeated less than never", "pass 0 or more"))?;
            room(machine, at, text.len().saturating_mul(times))?;
            machine.text(at, text.repeat(times))
        }
        ("split", [_] | [_, _]) => split(machine, text, call),
        _ => Err(call.unknown("a string")),
    }
}

/// Refuses a string beyond the limit before it is made.
fn room(machine: &Machine<'_>, at: u32, len: usize) -> Result<(), Failure> {
    if len > machine.limits.string_bytes {
        let what = format!("a string of {len} bytes is longer than {}", machine.limits.string_bytes);
        return Err(Failure::limit(at, what, "keep strings shorter"));
    }
    Ok(())
}

fn long(value: usize) -> Ran {
    Ok(Object::Long(i64::try_from(value).unwrap_or(i64::MAX)))
}

/// The position of a character, in bytes.
fn place(text: &str, index: i64) -> Option<usize> {
    let index = usize::try_from(index).ok()?;
    let mut places = text.char_indices().map(|(place, _)| place).chain(std::iter::once(text.len()));
    places.nth(index)
}

fn found(text: &str, place: Option<usize>) -> Object {
    let index = place.map_or(-1, |place| i64::try_from(text[..place].chars().count()).unwrap_or(i64::MAX));
    Object::Long(index)
}

fn cut(machine: &mut Machine<'_>, text: &str, call: &Call<'_>, from: i64, to: i64) -> Ran {
    match (place(text, from), place(text, to)) {
        (Some(start), Some(end)) if start <= end => machine.text(call.at, text[start..end].to_owned()),
        _ => {
            let what = format!("{from} to {to} is outside a string of {} characters", text.chars().count());
            Err(call.wrong(what, "count from 0 to its length"))
        }
    }
}

/// Splits at a plain separator. Java takes a regular expression; a pattern with operators is refused.
fn split(machine: &mut Machine<'_>, text: &str, call: &Call<'_>) -> Ran {
    let pattern = call.text(0)?;
    let separator = plain(&pattern).ok_or_else(|| {
        call.wrong(
            format!("split does not know the pattern {pattern:?}"),
            "split at a plain separator, with a backslash before its signs",
        )
    })?;
    let limit = if call.arguments.len() == 2 { call.long(1)? } else { 0 };
    let count = text.matches(&separator).count() + 1;
    machine.room(call.at, count)?;
    let mut parts: Vec<&str> = match usize::try_from(limit) {
        Ok(limit) if limit > 0 => text.splitn(limit, &separator).collect(),
        _ if separator.is_empty() => text.split("").filter(|part| !part.is_empty()).collect(),
        _ => text.split(&separator).collect(),
    };
    if limit == 0 {
        while parts.len() > 1 && parts.last().is_some_and(|last| last.is_empty()) {
            parts.pop();
        }
    }
    let parts =
        parts.into_iter().map(|part| machine.text(call.at, part.to_owned())).collect::<Result<_, _>>()?;
    Ok(Object::array(Element::Text, parts))
}

/// The text that a pattern without operators matches.
fn plain(pattern: &str) -> Option<String> {
    let mut text = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                't' => text.push('\t'),
                'n' => text.push('\n'),
                c if c.is_ascii_alphanumeric() => return None,
                c => text.push(c),
            },
            '[' => {
                // A class of one character.
                text.push(chars.next().filter(|c| !"^]\\".contains(*c))?);
                chars.next().filter(|c| *c == ']')?;
            }
            '|' | '.' | '$' | '^' | '(' | ')' | '*' | '+' | '?' | '{' => return None,
            c => text.push(c),
        }
    }
    Some(text)
}

/// Java's hash of a string.
fn hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}
