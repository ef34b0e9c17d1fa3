//! The cases of GrowthBook's own clients, section by section.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::compare::{list, number, read, same};
use super::tally::{Held, Tally};
use troupe_flags::growthbook::{
    Assigned, Condition, Context, Dialect, Experiment, Features, Observer, Payload, StickyChange, StickyDoc,
    StickyDocs, bucket_ranges, choose_variation, decrypt, equal_weights, hash, in_namespace,
    query_string_override,
};

type Section = fn(&[Value]) -> Held;

/// The sections, and how a case of each is asked; hashes and equal weights have no name before them.
const SECTIONS: [(&str, Section); 13] = [
    ("hash", hashed),
    ("getBucketRange", ranged),
    ("chooseVariation", chosen),
    ("getQueryStringOverride", overridden),
    ("inNamespace", spaced),
    ("getEqualWeights", weighed),
    ("evalCondition", held),
    ("feature", valued),
    ("contextualBandit", valued),
    ("run", run),
    ("stickyBucket", stuck),
    ("urlRedirect", redirected),
    ("decrypt", deciphered),
];

pub(super) fn clients(all: &Value, tally: &mut Tally) -> Held {
    for (section, ask) in SECTIONS {
        for case in list(all, section)? {
            let case = case.as_array().ok_or("a case is not a list")?;
            tally.try_case(format!("{section} {}", case.first().unwrap_or(&Value::Null)), ask(case));
        }
    }
    Ok(())
}

/// An argument of a case; null where it has no such one.
fn at(case: &[Value], place: usize) -> &Value {
    case.get(place).unwrap_or(&Value::Null)
}

fn word(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("{value} is not a text"))
}

/// JSON with all numbers as floats, so that 1 equals 1.0.
fn floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(floats).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), floats(value))).collect(),
        other => other.clone(),
    }
}

fn close(found: &[f64], expected: &[f64], distance: f64) -> Held {
    let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < distance);
    if near && found.len() == expected.len() { Ok(()) } else { same(&found, &expected) }
}

fn count(value: &Value) -> Result<usize, String> {
    let count: i64 = read(value)?;
    Ok(usize::try_from(count).unwrap_or(0))
}

fn hashed(case: &[Value]) -> Held {
    same(&hash(word(at(case, 0))?, word(at(case, 1))?, read(at(case, 2))?), &at(case, 3).as_f64())
}

fn ranged(case: &[Value]) -> Held {
    let (variations, coverage, weights) = (&at(case, 1)[0], number(&at(case, 1)[1])?, &at(case, 1)[2]);
    let weights: Option<Vec<f64>> = read(weights)?;
    let found = bucket_ranges(count(variations)?, coverage, weights.as_deref());
    let expected: Vec<(f64, f64)> = read(at(case, 2))?;
    let flat = |ranges: &[(f64, f64)]| ranges.iter().flat_map(|range| [range.0, range.1]).collect::<Vec<_>>();
    close(&flat(&found), &flat(&expected), 1e-9)
}

fn chosen(case: &[Value]) -> Held {
    let ranges: Vec<(f64, f64)> = read(at(case, 2))?;
    let expected: i64 = read(at(case, 3))?;
    same(&choose_variation(number(at(case, 1))?, &ranges), &usize::try_from(expected).ok())
}

fn overridden(case: &[Value]) -> Held {
    let found = query_string_override(word(at(case, 1))?, word(at(case, 2))?, count(at(case, 3))?);
    same(&found, &read(at(case, 4))?)
}

fn spaced(case: &[Value]) -> Held {
    let (name, from, to): (String, f64, f64) = read(at(case, 2))?;
    same(&in_namespace(word(at(case, 1))?, &name, (from, to)), &read(at(case, 3))?)
}

fn weighed(case: &[Value]) -> Held {
    close(&equal_weights(count(at(case, 0))?), &read::<Vec<f64>>(at(case, 1))?, 1e-8)
}

fn held(case: &[Value]) -> Held {
    let groups: Option<BTreeMap<String, Value>> = read(at(case, 4))?;
    let condition = Condition::lenient(at(case, 1), &groups.unwrap_or_default(), Dialect::Spec08)
        .map_err(|refused| refused.to_string())?;
    same(&condition.holds(at(case, 2).as_object().ok_or("no attributes")?), &read(at(case, 3))?)
}

/// The context of a case.
struct Given {
    features: Features,
    attributes: Map<String, Value>,
    url: Option<String>,
    forced: BTreeMap<String, i64>,
    enabled: bool,
    qa_mode: bool,
}

impl Given {
    fn new(context: &Value, experiment: Option<&Value>, dialect: Dialect) -> Result<Self, String> {
        let mut payload: Payload = read(context)?;
        payload.experiments.extend(experiment.map(read).transpose()?);
        let or_none = |name: &str| context.get(name).cloned().unwrap_or(json!({}));
        Ok(Self {
            features: Features::lenient_from(payload, dialect).map_err(|refused| refused.to_string())?,
            attributes: read(&or_none("attributes"))?,
            url: context.get("url").and_then(Value::as_str).map(str::to_owned),
            forced: read(&or_none("forcedVariations"))?,
            enabled: context.get("enabled") != Some(&json!(false)),
            qa_mode: context.get("qaMode") == Some(&json!(true)),
        })
    }

    fn context(&self) -> Context<'_> {
        Context {
            url: self.url.as_deref(),
            forced_variations: Some(&self.forced),
            enabled: self.enabled,
            qa_mode: self.qa_mode,
            ..Context::new(&self.attributes)
        }
    }
}

/// A feature's result with its experiment, as the clients write it.
fn result(given: &Given, key: &str) -> Result<Value, String> {
    let context = given.context();
    let result = given.features.evaluate(key, &context, &mut ());
    let mut found = serde_json::to_value(&result).map_err(|error| error.to_string())?;
    if let Some((experiment, assigned)) = result.experiment.zip(result.assigned.as_ref()) {
        found["experiment"] =
            serde_json::to_value(experiment.definition()).map_err(|error| error.to_string())?;
        if let Some(weights) = assigned.weights {
            found["experiment"]["weights"] = json!(weights);
        }
        if let Some(share) = assigned.bandit {
            let mut bandit = json!({"leafId": share.leaf, "variationWeights": share.weights});
            if let Some(version) = share.version {
                bandit["banditVersion"] = json!(version);
            }
            found["experiment"]["contextualBandit"] = bandit;
        }
    }
    Ok(floats(&found))
}

/// Both dialects answer alike here.
fn each_dialect(ask: impl Fn(Dialect) -> Held) -> Held {
    [Dialect::Spec08, Dialect::Python4].into_iter().try_for_each(ask)
}

fn valued(case: &[Value]) -> Held {
    each_dialect(|dialect| {
        let given = Given::new(at(case, 1), None, dialect)?;
        same(&result(&given, word(at(case, 2))?)?, &floats(at(case, 3)))
    })
}

fn run(case: &[Value]) -> Held {
    each_dialect(|dialect| {
        let given = Given::new(at(case, 1), Some(at(case, 2)), dialect)?;
        let experiment = given.features.experiments().first().ok_or("no experiment")?;
        let found = given.features.run(experiment, &given.context(), &mut ());
        let found = json!([found.value, found.in_experiment, found.hash_used]);
        same(&found, &json!([at(case, 3), at(case, 4), at(case, 5)]))
    })
}

/// Keeps what is to be kept, and counts exposures.
#[derive(Default)]
struct NamedFields {
    changes: Vec<StickyChange>,
    exposures: usize,
}

impl Observer for NamedFields {
    fn exposed(&mut self, _: &Experiment, _: &Assigned<'_>) {
        self.exposures += 1;
    }

    fn stuck(&mut self, change: StickyChange) {
        self.changes.push(change);
    }
}

fn stuck(case: &[Value]) -> Held {
    each_dialect(|dialect| {
        let given = Given::new(at(case, 1), None, dialect)?;
        let stored: Vec<StickyDoc> = read(at(case, 2))?;
        let mut docs = given.features.own_docs(&given.attributes, &StickyDocs::new(stored));
        let mut kept = NamedFields::default();
        let context = Context { sticky: Some(&docs), ..given.context() };
        let result = given.features.evaluate(word(at(case, 3))?, &context, &mut kept);
        let found = serde_json::to_value(&result).map_err(|error| error.to_string())?;
        same(&kept.exposures, &usize::from(!at(case, 4).is_null()))?;
        kept.changes.iter().for_each(|change| docs.apply(change));
        same(&floats(found.get("experimentResult").unwrap_or(&Value::Null)), &floats(at(case, 4)))?;
        same(&serde_json::to_value(&docs).map_err(|error| error.to_string())?, at(case, 5))
    })
}

fn redirected(case: &[Value]) -> Held {
    let given = Given::new(at(case, 1), None, Dialect::Spec08)?;
    let redirects = given.features.redirect(&given.context(), &mut ());
    let found: Vec<Value> = redirects
        .iter()
        .map(|redirect| {
            json!({
                "inExperiment": redirect.assigned.in_experiment,
                "urlRedirect": redirect.url,
                "urlWithParams": redirect.url_with_params,
            })
        })
        .collect();
    same(&Value::from(found), at(case, 2))
}

fn deciphered(case: &[Value]) -> Held {
    let found = decrypt(word(at(case, 1))?, word(at(case, 2))?).ok();
    same(&found.as_deref(), &at(case, 3).as_str())
}
