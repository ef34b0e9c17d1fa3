//! Unleash's client specification.

use serde::Deserialize;
use serde_json::Value;

use super::compare::{list, read, same};
use super::tally::{Held, Tally};
use troupe_flags::unleash::{Context, Delta, Features, Payload, Toggles};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    description: String,
    context: Context,
    toggle_name: String,
    expected_result: Value,
}

#[derive(Deserialize)]
struct Shown {
    name: String,
    payload: Option<Payload>,
    enabled: bool,
    feature_enabled: bool,
}

fn state(state: &Value) -> Result<Features, String> {
    match state.get("events") {
        Some(_) => Ok(Features::default().after(&read::<Delta>(state)?)),
        None => read(state),
    }
}

fn variant(case: &Case, toggles: &Toggles) -> Held {
    let found = toggles.variant(&case.toggle_name, &case.context);
    let expected: Shown = read(&case.expected_result)?;
    same(&(&found.name, &found.payload), &(&expected.name, &expected.payload))?;
    same(&(found.enabled, found.feature_enabled), &(expected.enabled, expected.feature_enabled))
}

pub(super) fn specification(all: &Value, tally: &mut Tally) -> Held {
    for (name, file) in all["files"].as_object().ok_or("files is not an object")? {
        let toggles = Toggles::compile(&state(&file["state"])?).map_err(|refused| refused.to_string())?;
        for case in list(file, "tests").unwrap_or_default() {
            let case: Case = read(case)?;
            let found = toggles.is_enabled(&case.toggle_name, &case.context);
            tally.try_case(
                format!("{name}: {}", case.description),
                same(&Value::from(found), &case.expected_result),
            );
        }
        for case in list(file, "variantTests").unwrap_or_default() {
            let case: Case = read(case)?;
            tally.try_case(format!("{name}: {}", case.description), variant(&case, &toggles));
        }
    }
    Ok(())
}
