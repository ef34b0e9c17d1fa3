//! Reads one table key by key, so that one wrong key hides no other.

use serde::de::DeserializeOwned;
use toml::{Table, Value};
use troupe_runtime::config::Problem;

/// Reads `table` into a `T`. Each key is tried on its own beside `base`, which must hold what `T` cannot do without; keys
/// that fail are reported under `path` and left out. `None` when a key of `required` is missing or wrong.
pub(super) fn probe<T: DeserializeOwned>(
    table: &Table,
    base: &Table,
    required: &[&str],
    path: &str,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let mut good = Table::new();
    let mut whole = true;
    for (key, value) in table {
        let mut alone = base.clone();
        alone.insert(key.clone(), value.clone());
        match read::<T>(alone) {
            Ok(_) => {
                good.insert(key.clone(), value.clone());
            }
            Err(error) => {
                whole &= !required.contains(&key.as_str());
                problems.push(Problem::new(format!("{path}.{key}"), error));
            }
        }
    }
    for key in required {
        if !table.contains_key(*key) {
            whole = false;
            problems.push(Problem::new(format!("{path}.{key}"), "is missing"));
        }
    }
    if !whole {
        return None;
    }
    read::<T>(good).map_err(|error| problems.push(Problem::new(path, error))).ok()
}

fn read<T: DeserializeOwned>(table: Table) -> Result<T, String> {
    Value::Table(table).try_into::<T>().map_err(|error| {
        // The parser's own words, without the lines that quote a document which this table never was.
        let text = error.message().trim().to_owned();
        if text.starts_with("unknown field") {
            text.replacen("unknown field", "unknown key", 1)
        } else {
            text
        }
    })
}

/// A table out of pairs, for `base`.
pub(super) fn table<const N: usize>(pairs: [(&str, Value); N]) -> Table {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
