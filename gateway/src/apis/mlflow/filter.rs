//! Filters and orders, in the part of SQL that MLflow's clients write: `metrics.loss < 0.5 AND tags."a b" = 'x'`.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Trouble, bad};

/// Longest filter, in bytes, and its conditions.
const BYTES_MAX: usize = 8 << 10;
const CONDITIONS_MAX: usize = 64;

/// One condition.
#[derive(Debug, PartialEq)]
pub(super) struct Condition {
    /// `metrics`, `params`, `tags` or `attributes`.
    pub(super) of: String,
    pub(super) key: String,
    operator: String,
    values: Vec<String>,
}

#[derive(Debug, PartialEq)]
enum Word {
    /// A name, a number or an operator in letters.
    Bare(String),
    /// In single quotes.
    Text(String),
    Sign(String),
}

fn words(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '\'' => {
                let end = rest[1..].find(first).ok_or("a quote is not closed")?;
                words.push(Word::Text(rest[1..=end].to_owned()));
                end + 2
            }
            '(' | ')' | ',' => {
                words.push(Word::Sign(first.to_string()));
                1
            }
            '=' | '<' | '>' | '!' => {
                let end = rest.find(|c| !matches!(c, '=' | '<' | '>' | '!')).unwrap_or(rest.len());
                words.push(Word::Sign(rest[..end].to_owned()));
                end
            }
            _ => {
                let mut quote = None;
                let end = rest.find(|c: char| match quote {
                    Some(open) => {
                        if c == open {
                            quote = None;
                        }
                        false
                    }
                    None if c == '"' || c == '`' => {
                        quote = Some(c);
                        false
                    }
                    None => c.is_whitespace() || matches!(c, '=' | '<' | '>' | '!' | '(' | ')' | ',' | '\''),
                });
                let end = end.unwrap_or(rest.len());
                words.push(Word::Bare(rest[..end].to_owned()));
                end
            }
        };
        rest = rest[taken..].trim_start();
    }
    Ok(words)
}

/// What a name means, where `of` was not said.
fn identifier(text: &str) -> (String, String) {
    let bare = |text: &str| text.trim_matches(|c| c == '"' || c == '`').to_owned();
    match text.split_once('.') {
        Some((of, key)) => {
            let of = match of.to_lowercase().as_str() {
                "metric" | "metrics" => "metrics",
                "param" | "params" | "parameter" | "parameters" => "params",
                "tag" | "tags" => "tags",
                _ => "attributes",
            };
            (of.to_owned(), bare(key))
        }
        None => ("attributes".to_owned(), bare(text)),
    }
}

/// Reads a filter.
pub(super) fn read(text: &str) -> Result<Vec<Condition>, Trouble> {
    let wrong = |why: &str| {
        bad("filter", format!("filter is not understood: {why}; write metrics.a > 0.5 AND tags.b = 'c'"))
    };
    if text.len() > BYTES_MAX {
        return Err(wrong(&format!("it must be at most {BYTES_MAX} bytes")));
    }
    let mut words = words(text).map_err(|why| wrong(&why))?.into_iter().peekable();
    let mut conditions = Vec::new();
    while words.peek().is_some() {
        let Some(Word::Bare(name)) = words.next() else {
            return Err(wrong("a condition begins with a name"));
        };
        let operator = match words.next() {
            Some(Word::Sign(sign))
                if matches!(sign.as_str(), "=" | "==" | "!=" | "<>" | ">" | ">=" | "<" | "<=") =>
            {
                sign
            }
            Some(Word::Bare(word)) if matches!(word.to_uppercase().as_str(), "LIKE" | "ILIKE" | "IN") => {
                word.to_uppercase()
            }
            _ => return Err(wrong("after a name comes = != > >= < <= LIKE ILIKE or IN")),
        };
        let mut values = Vec::new();
        if operator == "IN" {
            loop {
                match words.next() {
                    Some(Word::Sign(sign)) if sign == "(" || sign == "," => {}
                    Some(Word::Text(text) | Word::Bare(text)) => values.push(text),
                    Some(Word::Sign(sign)) if sign == ")" => break,
                    _ => return Err(wrong("IN wants values in brackets")),
                }
            }
        } else {
            match words.next() {
                Some(Word::Text(text) | Word::Bare(text)) => {
                    values.push(text.trim_matches('"').to_owned());
                }
                _ => return Err(wrong("a value is missing")),
            }
        }
        let (of, key) = identifier(&name);
        conditions.push(Condition { of, key, operator, values });
        match words.next() {
            None => break,
            Some(Word::Bare(word)) if word.eq_ignore_ascii_case("and") => {}
            Some(_) => return Err(wrong("conditions are joined by AND")),
        }
    }
    if conditions.len() > CONDITIONS_MAX {
        return Err(wrong(&format!("it must be at most {CONDITIONS_MAX} conditions")));
    }
    Ok(conditions)
}

impl Condition {
    /// Whether a value holds it; one that is not there holds none.
    pub(super) fn holds(&self, held: Option<&Value>) -> bool {
        let Some(held) = held.filter(|held| !held.is_null()) else { return false };
        let text = match held {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let order = |value: &String| match (held.as_f64(), value.parse::<f64>()) {
            (Some(held), Ok(value)) => held.partial_cmp(&value),
            _ => Some(text.as_str().cmp(value.as_str())),
        };
        let Some(value) = self.values.first() else { return false };
        match self.operator.as_str() {
            "=" | "==" => order(value) == Some(Ordering::Equal),
            "!=" | "<>" => order(value) != Some(Ordering::Equal),
            ">" => order(value) == Some(Ordering::Greater),
            ">=" => order(value).is_some_and(Ordering::is_ge),
            "<" => order(value) == Some(Ordering::Less),
            "<=" => order(value).is_some_and(Ordering::is_le),
            "LIKE" => like(&text, value),
            "ILIKE" => like(&text.to_lowercase(), &value.to_lowercase()),
            _ => self.values.contains(&text),
        }
    }
}

/// SQL's pattern, of which `%` is any text and `_` any character. The last `%` is where a search goes on: no pattern takes
/// more than the product of both lengths.
fn like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut t, mut p) = (0, 0);
    let mut again: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('%') => {
                again = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '_' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after, from)) = again else { return false };
                again = Some((after, from + 1));
                p = after;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

/// By what a list is sorted: a name, and whether it falls.
pub(super) fn order(text: &str) -> (String, String, bool) {
    let text = text.trim();
    let (name, falls) = match text.rsplit_once(char::is_whitespace) {
        Some((name, word)) if word.eq_ignore_ascii_case("desc") => (name, true),
        Some((name, word)) if word.eq_ignore_ascii_case("asc") => (name, false),
        _ => (text, false),
    };
    let (of, key) = identifier(name.trim());
    (of, key, falls)
}

/// What is not there comes last, whichever way the list is sorted.
pub(super) fn compare(a: Option<&Value>, b: Option<&Value>, falls: bool) -> Ordering {
    match (a.filter(|a| !a.is_null()), b.filter(|b| !b.is_null())) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => {
            let order = match (a.as_f64(), b.as_f64()) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                _ => a.to_string().cmp(&b.to_string()),
            };
            if falls { order.reverse() } else { order }
        }
    }
}

/// Sorts rows by what `held` finds under each name; those that are alike stay as they are.
pub(super) fn sort<R>(
    rows: &mut [R],
    order_by: &[String],
    held: impl for<'r> Fn(&'r R, &(String, String)) -> Option<&'r Value>,
) {
    let orders: Vec<_> =
        order_by.iter().map(|text| order(text)).map(|(of, key, falls)| ((of, key), falls)).collect();
    rows.sort_by(|a, b| {
        let by = |(name, falls): &((String, String), bool)| compare(held(a, name), held(b, name), *falls);
        orders.iter().map(by).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_are_read_and_hold_as_sql_says() {
        for (filter, of, key, held, holds) in [
            ("metrics.loss < 0.5", "metrics", "loss", json!(0.4), true),
            ("metric.loss >= 0.5", "metrics", "loss", json!(0.4), false),
            ("params.`lr rate` = '0.1'", "params", "lr rate", json!("0.1"), true),
            ("tags.\"a b\" != 'x'", "tags", "a b", json!("y"), true),
            ("attributes.status = 'FINISHED'", "attributes", "status", json!("FINISHED"), true),
            ("name LIKE 'mo%s'", "attributes", "name", json!("movies"), true),
            ("name ILIKE '%VIE%'", "attributes", "name", json!("movies"), true),
            ("name LIKE '_ovie'", "attributes", "name", json!("movies"), false),
            ("run_id IN ('a', 'b')", "attributes", "run_id", json!("b"), true),
            ("start_time > 5", "attributes", "start_time", json!(10), true),
        ] {
            let read = read(filter).unwrap();
            assert_eq!((read[0].of.as_str(), read[0].key.as_str()), (of, key), "{filter}");
            assert_eq!(read[0].holds(Some(&held)), holds, "{filter}");
            assert!(!read[0].holds(None), "{filter}");
        }
        assert_eq!(read("a = 1 and b = 'x and y' AND c > 2").unwrap().len(), 3);
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for filter in
            ["a", "a =", "a = 'x", "a ~ 1", "a = 1 or b = 2", "= 1", "a IN (1", &"a = 1 and ".repeat(2_000)]
        {
            assert!(read(filter).is_err(), "{filter}");
        }
    }

    #[test]
    fn lists_are_sorted_by_a_name_and_what_lacks_it_comes_last() {
        assert_eq!(order("metrics.loss DESC"), ("metrics".to_owned(), "loss".to_owned(), true));
        assert_eq!(order("attribute.start_time"), ("attributes".to_owned(), "start_time".to_owned(), false));
        for falls in [true, false] {
            assert_eq!(compare(None, Some(&json!(1)), falls), Ordering::Greater);
        }
        assert_eq!(compare(Some(&json!(9)), Some(&json!(10)), false), Ordering::Less);
        assert_eq!(compare(Some(&json!(9)), Some(&json!(10)), true), Ordering::Greater);
    }
}
