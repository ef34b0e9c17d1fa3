//! Which runs of a list are wanted, as a path's question mark says it: `field:op=value`, `_tags:any=a,b`.

use axum::http::StatusCode;
use serde_json::Value;

use super::trouble::Trouble;
use crate::edge::problem::Problem;

/// Conditions of one request.
const CONDITIONS_MAX: usize = 32;
/// Fields that runs can be asked by.
const FIELDS: [&str; 9] = [
    "flow_id",
    "run_number",
    "run",
    "user",
    "user_name",
    "status",
    "ts_epoch",
    "finished_at",
    "last_heartbeat_ts",
];
/// What a run may be.
const STATUSES: [&str; 3] = ["running", "completed", "failed"];
const OPERATORS: [&str; 10] = ["eq", "ne", "lt", "le", "gt", "ge", "co", "sw", "ew", "is"];
const LIMIT: u64 = 50;
const LIMIT_MAX: u64 = 500;

/// What is wanted of a list.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Wanted {
    /// Nothing was said: the whole list.
    pub(super) all: bool,
    pub(super) limit: u64,
    /// Only runs before the one of this number.
    pub(super) before: Option<u64>,
    conditions: Vec<Condition>,
}

#[derive(Debug, PartialEq)]
enum Condition {
    /// A field, an operator, and values of which one will do.
    Field(String, String, Vec<String>),
    /// Tags, of which any or all must be there.
    Tags(bool, Vec<String>),
}

fn bad(field: &str, why: String) -> Trouble {
    Trouble::from(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "BAD_FILTER", why).field(field))
}

impl Wanted {
    /// Reads the pairs of a query string.
    pub(super) fn read(pairs: &[(String, String)]) -> Result<Self, Trouble> {
        let mut wanted = Self { all: pairs.is_empty(), limit: LIMIT, ..Self::default() };
        for (key, value) in pairs {
            let (field, operator) = key.split_once(':').unwrap_or((key, "eq"));
            let values = || value.split(',').map(str::to_owned).collect::<Vec<_>>();
            match field {
                "_limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                    wanted.limit =
                        limit.ok_or_else(|| bad("_limit", format!("_limit must be 1 to {LIMIT_MAX}")))?;
                }
                "_cursor" => {
                    let why = || bad("_cursor", "_cursor must be what X-Next-Cursor said".to_owned());
                    wanted.before = Some(value.parse().map_err(|_| why())?);
                }
                // Newest first is the one order that there is.
                "_order" | "_page" | "_group" | "_group_limit" => {}
                "_tags" if matches!(operator, "any" | "all" | "eq") => {
                    wanted.conditions.push(Condition::Tags(operator == "any", values()));
                }
                _ if FIELDS.contains(&field) => {
                    let operator = if operator == "li" { "co" } else { operator };
                    if !OPERATORS.contains(&operator) {
                        let why = format!("{key} has no such operator: there are {} li", OPERATORS.join(" "));
                        return Err(bad(key, why));
                    }
                    let strange = |value: &String| !STATUSES.contains(&value.as_str());
                    if field == "status" && matches!(operator, "eq" | "ne") && values().iter().any(strange) {
                        let why = format!("{key} must be of {}", STATUSES.join(", "));
                        return Err(bad(key, why));
                    }
                    let field = if field == "user" { "user_name" } else { field };
                    let field = if field == "run" { "run_number" } else { field };
                    wanted.conditions.push(Condition::Field(field.to_owned(), operator.to_owned(), values()));
                }
                _ => {
                    let why = format!(
                        "{key} is not a filter; known filters: _tags:any _tags:all {}",
                        FIELDS.join(" ")
                    );
                    return Err(bad(key, why));
                }
            }
        }
        if wanted.conditions.len() > CONDITIONS_MAX {
            return Err(bad("query", format!("at most {CONDITIONS_MAX} conditions are taken")));
        }
        Ok(wanted)
    }

    /// Whether a run's row is wanted.
    pub(super) fn takes(&self, row: &Value) -> bool {
        self.conditions.iter().all(|condition| match condition {
            Condition::Tags(any, tags) => {
                let held = |tag: &String| {
                    [&row["tags"], &row["system_tags"]]
                        .into_iter()
                        .filter_map(Value::as_array)
                        .flatten()
                        .any(|held| held == tag)
                };
                if *any { tags.iter().any(held) } else { tags.iter().all(held) }
            }
            // That something is not one of several is said of all of them.
            Condition::Field(field, operator, values) if operator == "ne" => {
                !values.iter().any(|value| holds(&row[field], "eq", value))
            }
            Condition::Field(field, operator, values) => {
                values.iter().any(|value| holds(&row[field], operator, value))
            }
        })
    }
}

fn holds(held: &Value, operator: &str, value: &str) -> bool {
    if operator == "is" {
        return held.is_null() == (value == "null");
    }
    let text = match held {
        Value::String(text) => text.clone(),
        Value::Null => return false,
        other => other.to_string(),
    };
    let order = match (held.as_f64(), value.parse::<f64>()) {
        (Some(held), Ok(value)) => held.partial_cmp(&value),
        _ => Some(text.as_str().cmp(value)),
    };
    match operator {
        "eq" => order.is_some_and(std::cmp::Ordering::is_eq),
        "lt" => order.is_some_and(std::cmp::Ordering::is_lt),
        "le" => order.is_some_and(std::cmp::Ordering::is_le),
        "gt" => order.is_some_and(std::cmp::Ordering::is_gt),
        "ge" => order.is_some_and(std::cmp::Ordering::is_ge),
        "co" => text.contains(value.trim_matches('%')),
        "sw" => text.starts_with(value),
        "ew" => text.ends_with(value),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_hold_as_their_operators_say() {
        let row = json!({ "run_number": 12, "user_name": "ann", "status": "failed", "ts_epoch": 1_000,
            "finished_at": null, "tags": ["a", "b"], "system_tags": ["runtime:dev"] });
        for (key, value, taken) in [
            ("status", "failed", true),
            ("status", "running,failed", true),
            ("status:ne", "running,failed", false),
            ("user:eq", "ann", true),
            ("user_name:sw", "an", true),
            ("user_name:ew", "x", false),
            ("user_name:co", "n", true),
            ("user_name:li", "%n%", true),
            ("run_number:gt", "9", true),
            ("run_number:lt", "9", false),
            ("ts_epoch:ge", "1000", true),
            ("ts_epoch:le", "999", false),
            ("finished_at:is", "null", true),
            ("finished_at:gt", "0", false),
            ("_tags:any", "x,b", true),
            ("_tags:all", "a,runtime:dev", true),
            ("_tags:all", "a,x", false),
        ] {
            let wanted = Wanted::read(&[(key.to_owned(), value.to_owned())]).unwrap();
            assert!(!wanted.all);
            assert_eq!(wanted.takes(&row), taken, "{key}={value}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_with_its_name() {
        for (key, value) in [
            ("_limit", "0"),
            ("_limit", "501"),
            ("_cursor", "x"),
            ("status:of", "x"),
            ("status", "flying"),
            ("colour", "red"),
        ] {
            let refused = Wanted::read(&[(key.to_owned(), value.to_owned())]).unwrap_err();
            assert_eq!(refused.0.0.field.as_deref(), Some(key), "{key}");
        }
        assert!(Wanted::read(&[]).unwrap().all);
    }
}
