//! Allocation decisions per second on one core: a feature with a targeted force rule and an experiment, evaluated for
//! subjects in turn.
//!
//! `cargo run --release -p troupe-flags --example allocation`

use std::time::Instant;

use serde_json::{Map, Value, json};
use troupe_flags::growthbook::{Context, Dialect, Features, Refused};

const DECISIONS: usize = 10_000_000;
/// Subjects built beforehand and evaluated in turn, so that their construction is not measured.
const SUBJECTS: usize = 1 << 14;

fn main() -> Result<(), Refused> {
    let payload = json!({"features": {
        "artwork": {"defaultValue": "plain", "rules": [
            {"condition": {"country": {"$in": ["XA", "XB"]}, "age": {"$gt": 90}}, "force": "still"},
            {"key": "artwork-test", "variations": ["plain", "faces", "titles"], "weights": [0.5, 0.25, 0.25],
             "coverage": 0.8, "hashVersion": 2, "condition": {"device": "tv"}},
        ]},
        "bare": {"defaultValue": 0, "rules": [{"variations": [0, 1], "hashVersion": 2}]},
    }});
    let features = Features::compile(&payload.to_string(), Dialect::Python4)?;
    let subjects: Vec<Map<String, Value>> = (0..SUBJECTS)
        .filter_map(|i| {
            let country = ["DE", "FR", "US", "BR"][i % 4];
            let subject =
                json!({"id": format!("member-{i}"), "country": country, "age": 20 + i % 60, "device": "tv"});
            subject.as_object().cloned()
        })
        .collect();
    for key in ["artwork", "bare"] {
        let mut inside = 0_usize;
        let begin = Instant::now();
        for i in 0..DECISIONS {
            let result = features.evaluate(key, &Context::new(&subjects[i % SUBJECTS]), &mut ());
            inside += usize::from(result.assigned.is_some());
        }
        let rate = DECISIONS as f64 / begin.elapsed().as_secs_f64();
        println!("{key}: {rate:.0} decisions/s on one core ({inside} of {DECISIONS} in the experiment)");
    }
    Ok(())
}
