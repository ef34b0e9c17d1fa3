//! Checks of ids, names and texts.

use crate::bounds::{ID_CHARS_MAX, NAME_CHARS_MAX, TAGS_MAX, TEXT_CHARS_MAX};
use crate::definition::{Quantity, Tag};
use crate::tree::Report;

/// Checks an id: letters, digits, dots, dashes and underscores. It begins with a letter or underscore, or a digit if
/// allowed.
pub(super) fn id(id: &str, path: &str, report: &Report, digit_first: bool) {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || (digit_first && c.is_ascii_digit());
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if id.is_empty() {
        report.add(path, "is empty", "write an id");
    } else if id.chars().count() > ID_CHARS_MAX {
        report.add(path, format!("is longer than {ID_CHARS_MAX} characters"), "shorten it");
    } else if !id.starts_with(first) || !id.bytes().all(rest) {
        let what = format!("{id:?} is not an id");
        report.add(path, what, "use letters, digits, dots, dashes and underscores, beginning with a letter");
    } else if id.starts_with("maestro_") || id.ends_with("_maestro") {
        report.add(path, format!("{id:?} is kept for the system"), "do not begin or end it with maestro");
    }
}

/// Checks the id of a step, which must not look like a reference to a parameter.
pub(super) fn step_id(step: &str, path: &str, report: &Report) {
    id(step, path, report, false);
    if step.contains("__") {
        report.add(path, format!("{step:?} has two underscores together"), "use one, or a dash");
    }
}

pub(super) fn name(name: Option<&String>, path: &str, report: &Report) {
    if name.is_some_and(|name| name.chars().count() > NAME_CHARS_MAX) {
        report.add(path, format!("is longer than {NAME_CHARS_MAX} characters"), "shorten it");
    }
}

pub(super) fn description(text: Option<&String>, path: &str, report: &Report) {
    if text.is_some_and(|text| text.chars().count() > TEXT_CHARS_MAX) {
        report.add(path, format!("is longer than {TEXT_CHARS_MAX} characters"), "shorten it");
    }
}

pub(super) fn tags(tags: &[Tag], path: &str, report: &Report) {
    if tags.len() > TAGS_MAX {
        report.add(path, format!("{} tags are more than {TAGS_MAX}", tags.len()), "use fewer");
    }
    for (index, tag) in tags.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if tag.name.trim().is_empty() {
            report.add(path, "has no name", "name the tag");
        } else {
            name(Some(&tag.name), &path, report);
        }
    }
}

/// Checks a number against its limit, in milliseconds or bare. A number with parameters is checked at evaluation.
pub(super) fn quantity(
    quantity: &Quantity,
    path: &str,
    report: &Report,
    least: u64,
    most: u64,
    is_time: bool,
) {
    if quantity.is_open() {
        return;
    }
    let value = if is_time { quantity.millis() } else { quantity.count() };
    let (unit, what) =
        if is_time { (1000, "seconds, or a time such as 20 minutes,") } else { (1, "a whole number") };
    if !value.is_some_and(|value| (least..=most).contains(&value)) {
        let found = quantity.text().map_or_else(
            || value.map_or_else(String::new, |value| (value / unit).to_string()),
            |text| format!("{text:?}"),
        );
        report.add(
            path,
            format!("{found} does not fit"),
            format!("write {what} from {} to {}", least.div_ceil(unit), most / unit),
        );
    }
}
