//! Which version of which model answers a member: the running experiment's choice, the traffic split's, or the champion.

use troupe_actors::delivery::traffic::{Role, Traffic};
use troupe_actors::experimentation::experiments::Experiment;
use troupe_actors::models::{Model, Stage};
use troupe_runtime::entity::Globals;
use troupe_runtime::{Refused, Timestamp};

/// The model that answers unless an experiment names another.
const DEFAULT_MODEL: &str = "recommend";

/// The model version that answers a member, and the reason for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// The model's name.
    pub model: String,
    /// The version that the experiment or the traffic split chose, else the champion; `None` if the model has no champion.
    pub version: Option<u32>,
    /// The role in which that version answers.
    pub role: Role,
    /// The member's variation of the experiment.
    pub variation: Option<String>,
    /// The experiment that was consulted.
    pub experiment: Option<String>,
}

/// Allocates a member to a model version.
///
/// The named experiment decides, else the first that runs. A member outside of the experiment is allocated by the model's
/// traffic split, else to the champion. The same member gets the same answer until the experiment or the split changes. An
/// experiment keeps its members, unless the split is marked to take its canary and baseline members from experiments.
///
/// # Errors
/// `UNKNOWN_EXPERIMENT`: the named experiment does not exist.
pub fn allocate(globals: &Globals, member: &str, experiment: Option<&str>) -> Result<Allocation, Refused> {
    let consulted = match experiment {
        Some(name) => {
            let unknown = || {
                Refused::field("UNKNOWN_EXPERIMENT", "experiment", format!("experiment {name:?} not found"))
            };
            Some((name.to_owned(), globals.get::<Experiment>(name).ok_or_else(unknown)?))
        }
        None => {
            globals.all::<Experiment>().into_iter().find(|(_, experiment)| experiment.running().is_some())
        }
    };
    let by_traffic = |model: &str, experiment: Option<String>| {
        let (version, role) = traffic_choice(globals, model, member);
        Allocation { model: model.to_owned(), version, role, variation: None, experiment }
    };
    let Some((name, experiment)) = consulted else { return Ok(by_traffic(DEFAULT_MODEL, None)) };
    let Some(spec) = experiment.running() else { return Ok(by_traffic(DEFAULT_MODEL, None)) };
    let taken_by_split = globals
        .get::<Traffic>(&spec.model)
        .and_then(|traffic| {
            traffic.split().map(|split| split.over_experiments && split.role(member) != Role::Production)
        })
        .unwrap_or(false);
    let admitted = !taken_by_split && experiment.admits(globals, member);
    let variation = if admitted { experiment.allocate(member, Timestamp::wall()) } else { None };
    Ok(match variation {
        Some(variation) => Allocation {
            role: Role::Experiment,
            model: spec.model.clone(),
            version: variation.version.or_else(|| champion(globals, &spec.model)),
            variation: Some(variation.name.clone()),
            experiment: Some(name),
        },
        None => by_traffic(&spec.model, None),
    })
}

/// The version and role of a member without an experiment.
fn traffic_choice(globals: &Globals, model: &str, member: &str) -> (Option<u32>, Role) {
    match globals.get::<Traffic>(model).as_deref().and_then(Traffic::split) {
        None => (champion(globals, model), Role::Production),
        Some(split) => {
            let role = split.role(member);
            (Some(split.version(role)), role)
        }
    }
}

fn champion(globals: &Globals, model: &str) -> Option<u32> {
    globals.get::<Model>(model)?.at(Stage::Champion).map(|version| version.version)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use troupe_actors::NamedFields;
    use troupe_actors::delivery::traffic;
    use troupe_actors::delivery::traffic::{Change, Split};
    use troupe_actors::experimentation::experiments;
    use troupe_actors::experimentation::experiments::{ExperimentSpec, Variation};
    use troupe_runtime::Entity;

    use super::*;

    fn split(weight: u32, over_experiments: bool) -> Traffic {
        let split = Split {
            production: 1,
            canary: 2,
            weight,
            baseline: weight <= 5_000,
            over_experiments,
            salt: "d:1".into(),
        };
        let mut traffic = Traffic::create("recommend");
        let change = Change { at: Timestamp(1), by: "d:1".into(), split: Some(split), why: String::new() };
        traffic.apply(&traffic::Event::Set(NamedFields(change)));
        traffic
    }

    fn experiment() -> Experiment {
        let arm = |name: &str, version| Variation { name: name.into(), version };
        let spec = ExperimentSpec {
            model: "recommend".into(),
            variations: vec![arm("a", None), arm("b", Some(3))],
            coverage: 1.0,
            weights: None,
            seed: None,
            hash_version: 2,
        };
        let mut experiment = Experiment::create("e");
        experiment.apply(&experiments::Event::Defined(spec));
        experiment.apply(&experiments::Event::Started);
        experiment
    }

    /// The number of a thousand members that each role answers.
    fn roles(traffic: Option<Traffic>, runs: bool) -> [usize; 4] {
        let globals = Globals::default();
        if let Some(traffic) = traffic {
            globals.publish(vec![(Traffic::KIND, "recommend".to_owned(), Arc::new(traffic))]);
        }
        if runs {
            globals.publish(vec![(Experiment::KIND, "e".to_owned(), Arc::new(experiment()))]);
        }
        let mut found = [0; 4];
        for member in 0..1_000 {
            let allocation = allocate(&globals, &member.to_string(), None).unwrap();
            assert_eq!(allocation.variation.is_some(), allocation.role == Role::Experiment);
            let expected = match allocation.role {
                Role::Canary => Some(2),
                Role::Baseline => Some(1),
                _ => allocation.version,
            };
            assert_eq!(allocation.version, expected);
            found[allocation.role as usize] += 1;
        }
        found
    }

    #[test]
    fn experiments_keep_their_members_unless_the_canary_takes_its_own() {
        assert_eq!(roles(None, false), [1_000, 0, 0, 0], "without a split the champion answers");
        assert_eq!(roles(Some(split(0, true)), false), [1_000, 0, 0, 0], "a weight of 0 takes no member");
        let [production, baseline, canary, arms] = roles(Some(split(2_000, false)), false);
        assert!(
            production > 500 && (150..250).contains(&baseline) && (150..250).contains(&canary) && arms == 0
        );
        assert_eq!(roles(Some(split(2_000, false)), true), [0, 0, 0, 1_000]);
        assert_eq!(roles(Some(split(2_000, true)), true), [0, baseline, canary, production]);
        assert_eq!(roles(Some(split(10_000, true)), true), [0, 0, 1_000, 0]);
    }
}
