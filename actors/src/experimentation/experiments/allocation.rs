//! Allocation of members to variations: inside the cluster, and as a feature that clients evaluate.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use troupe_flags::growthbook::{
    Context as Subject, Dialect, Features, bucket_ranges, choose_variation, hash, in_namespace,
};
use troupe_runtime::Timestamp;
use troupe_runtime::entity::Globals;

use super::spec::Variation;
use super::state::Experiment;
use crate::experimentation::flags::{Door, Flag};

/// Upper bound on the flags an experiment depends on, transitive ones included.
const REQUIRED_MAX: usize = 100;
/// Name of the synthetic flag that answers whether a member is admitted; no real flag can have it.
const GATE: &str = "\u{1}";

impl Experiment {
    /// The member's variation at a time; `None` if the experiment does not run or does not cover the member.
    #[must_use]
    pub fn allocate(&self, member: &str, now: Timestamp) -> Option<&Variation> {
        let spec = self.running()?;
        let plan = self.plan();
        if let Some((_, variation)) = plan.forced.iter().find(|(forced, _)| forced == member) {
            return spec.variations.iter().find(|known| &known.name == variation);
        }
        if let Some(batch) = &self.later.0.batch.0 {
            return spec.variations.get(batch.place(member)?);
        }
        let layer = plan.layer.as_ref();
        if layer.is_some_and(|layer| !in_namespace(member, &layer.name, (layer.from, layer.to))) {
            return None;
        }
        let seed = spec.seed.as_deref().unwrap_or(&self.key);
        let n = hash(seed, member, u32::from(spec.hash_version))?;
        let coverage = plan.coverage(spec.coverage, now);
        let ranges = bucket_ranges(spec.variations.len(), coverage, spec.weights.as_deref());
        spec.variations.get(choose_variation(n, &ranges)?)
    }

    /// Whether the experiment's targeting admits a member, given only the member's id. A condition on any other
    /// attribute fails. A required flag (a holdout, for example) is evaluated as clients evaluate it.
    #[must_use]
    pub fn admits(&self, globals: &Globals, member: &str) -> bool {
        let plan = self.plan();
        if plan.condition.is_none() && plan.requires.is_none() {
            return true;
        }
        if plan.forced.iter().any(|(forced, _)| forced == member) {
            return true;
        }
        let mut rule = json!({ "force": true });
        self.gate(&mut rule);
        let mut features = required(globals, &rule);
        features.insert(GATE.to_owned(), json!({ "defaultValue": false, "rules": [rule] }));
        let payload = json!({ "features": features }).to_string();
        let attributes = Map::from_iter([("id".to_owned(), Value::from(member))]);
        Features::lenient(&payload, Dialect::default()).is_ok_and(|features| {
            features.evaluate(GATE, &Subject::new(&attributes), &mut ()).value == &Value::Bool(true)
        })
    }

    /// Writes the experiment's targeting into a rule.
    fn gate(&self, rule: &mut Value) {
        let plan = self.plan();
        let condition = plan.condition.as_ref().and_then(|text| serde_json::from_str::<Value>(text).ok());
        if let Some(condition) = condition {
            rule["condition"] = condition;
        }
        if let Some(flag) = &plan.requires {
            rule["parentConditions"] = json!([{ "id": flag, "condition": { "value": true } }]);
        }
    }

    /// The running experiment as a GrowthBook feature. Clients allocate by the attribute `id`, with the same result
    /// as [`Self::allocate`].
    #[must_use]
    pub fn feature(&self, key: &str) -> Option<Value> {
        let spec = self.running()?;
        let plan = self.plan();
        let names: Vec<&str> = spec.variations.iter().map(|variation| variation.name.as_str()).collect();
        let mut rules: Vec<Value> = Vec::new();
        for name in &names {
            let forced = plan.forced.iter().filter(|(_, forced)| forced == name);
            let members: Vec<&str> = forced.map(|(member, _)| member.as_str()).collect();
            if !members.is_empty() {
                rules.push(json!({ "force": name, "condition": { "id": { "$in": members } } }));
            }
        }
        let meta: Vec<Value> = names.iter().map(|name| json!({ "key": name, "name": name })).collect();
        let rule = json!({
            "key": key, "variations": names, "meta": meta, "hashVersion": spec.hash_version,
            "seed": spec.seed.as_deref().unwrap_or(key),
        });
        match &self.later.0.batch.0 {
            // One experiment rule for each variation, with all its weight on that variation: clients then report its
            // members as exposed.
            Some(batch) => rules.extend((0..names.len()).map(|place| {
                let mut rule = rule.clone();
                let members: Vec<&str> = batch.of(place).collect();
                rule["weights"] = (0..names.len()).map(|at| u8::from(at == place)).collect();
                self.gate(&mut rule);
                let dealt = json!({ "id": { "$in": members } });
                rule["condition"] = match rule.get("condition") {
                    Some(own) => json!({ "$and": [own, dealt] }),
                    None => dealt,
                };
                rule
            })),
            None => rules.push(self.hashed(rule)),
        }
        Some(json!({ "defaultValue": Value::Null, "rules": rules }))
    }

    /// The rule for allocation by hash alone.
    fn hashed(&self, mut rule: Value) -> Value {
        let (Some(spec), plan) = (self.spec(), self.plan()) else { return rule };
        rule["coverage"] = json!(plan.coverage(spec.coverage, self.later.0.ramped.unwrap_or_default()));
        if let Some(weights) = &spec.weights {
            rule["weights"] = json!(weights);
        }
        if let Some(layer) = &plan.layer {
            rule["namespace"] = json!([layer.name, layer.from, layer.to]);
        }
        self.gate(&mut rule);
        rule
    }
}

/// The flags and experiments that a rule depends on, transitive ones included.
fn required(globals: &Globals, rule: &Value) -> Map<String, Value> {
    let parents = |rule: &Value| -> Vec<String> {
        let parents = rule["parentConditions"].as_array().into_iter().flatten();
        parents.filter_map(|parent| parent["id"].as_str().map(str::to_owned)).collect()
    };
    let (mut waiting, mut seen, mut found) = (parents(rule), BTreeSet::new(), Map::new());
    while let Some(name) = waiting.pop() {
        if seen.len() >= REQUIRED_MAX || !seen.insert(name.clone()) {
            continue;
        }
        let flag = globals.get::<Flag>(&name).and_then(|flag| flag.served(Door::Growthbook).cloned());
        let own = || globals.get::<Experiment>(&name).and_then(|experiment| experiment.feature(&name));
        let Some(feature) = flag.or_else(own) else { continue };
        waiting.extend(feature["rules"].as_array().into_iter().flatten().flat_map(parents));
        found.insert(name, feature);
    }
    found
}
