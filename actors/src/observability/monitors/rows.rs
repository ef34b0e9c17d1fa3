//! Checks rows, and turns events of a feed into rows.

use troupe_runtime::Refused;

use super::messages::{MemberEvent, Row};
use super::spec::MonitorSpec;

/// Maximum number of rows of one batch.
const ROWS_MAX: usize = 2_000;
/// Largest batch or reference, in stored bytes. It is one log entry, which each replica receives whole.
const BYTES_MAX: usize = 200 << 10;
pub(super) const KEY_BYTES_MAX: usize = 128;

/// Stored bytes of values, each with its presence byte.
fn stored_values(values: &[Option<f64>]) -> usize {
    values.iter().map(|value| if value.is_some() { 9 } else { 1 }).sum()
}

/// Maximum number of stored bytes of a row.
fn stored(row: &Row) -> usize {
    let predicted = row.predicted.as_ref().map_or(0, |predicted| predicted.key.len() + 13);
    stored_values(&row.values) + 12 + predicted
}

/// Refuses a reference that is too large for one log entry.
pub(super) fn check_reference(columns: &[Vec<Option<f64>>]) -> Result<(), Refused> {
    let bytes: usize = columns.iter().map(|column| stored_values(column) + 9).sum();
    if bytes <= BYTES_MAX {
        return Ok(());
    }
    let why = format!(
        "a reference must be at most {BYTES_MAX} bytes as it is stored, and this one is {bytes}: give fewer rows, or \
         leave it out and send its rows by observe, spec.reference_rows of them"
    );
    Err(Refused::field("TOO_LARGE", "reference", why))
}

/// Checks a batch against the spec and the size limits.
pub(super) fn check(spec: &MonitorSpec, rows: &[Row]) -> Result<(), Refused> {
    if rows.is_empty() || rows.len() > ROWS_MAX {
        return Err(Refused::field("BAD_ROWS", "rows", format!("rows must be 1 to {ROWS_MAX}")));
    }
    let features = spec.features.len();
    let mut bytes = 0;
    for (at, row) in rows.iter().enumerate() {
        if row.values.len() != features {
            let why = format!("{} values where the monitor has {features} features", row.values.len());
            return Err(Refused::field("BAD_ROW", format!("rows[{at}].values"), why));
        }
        if row.error.is_some_and(|error| !(0.0..=1.0).contains(&error)) {
            let why = "an error must be 0 to 1";
            return Err(Refused::field("OUT_OF_RANGE", format!("rows[{at}].error"), why));
        }
        if let Some(predicted) = &row.predicted {
            if !(0.0..=1.0).contains(&predicted.probability) {
                let field = format!("rows[{at}].predicted.probability");
                return Err(Refused::field("OUT_OF_RANGE", field, "a probability must be 0 to 1"));
            }
            if predicted.key.is_empty() || predicted.key.len() > KEY_BYTES_MAX {
                let why = format!("a prediction's key must be 1 to {KEY_BYTES_MAX} bytes");
                return Err(Refused::field("BAD_ID", format!("rows[{at}].predicted.key"), why));
            }
        }
        bytes += stored(row);
        if bytes > BYTES_MAX {
            let why = format!(
                "a batch must be at most {BYTES_MAX} bytes, which {at} of these {} rows are: send them in several",
                rows.len()
            );
            return Err(Refused::field("TOO_LARGE", "rows", why));
        }
    }
    Ok(())
}

/// The row of a member's event.
pub(super) fn of_member_event(spec: &MonitorSpec, event: &MemberEvent) -> Row {
    let value = |name: &str| match name {
        "value" => event.value,
        "hour" => Some(event.hour),
        "gap_s" => event.gap_s,
        "history" => Some(event.history),
        "repeat" => Some(f64::from(u8::from(event.repeat))),
        _ => None,
    };
    let values = spec.features.iter().map(|feature| value(&feature.name)).collect();
    Row { values, error: event.missed.map(|missed| f64::from(u8::from(missed))), predicted: None }
}
