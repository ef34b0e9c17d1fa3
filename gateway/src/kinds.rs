//! The platform's kinds behind the edge's seam.

use serde_json::Value as Json;
use troupe_actors::delivery::traffic::{Role, Traffic};
use troupe_actors::experimentation::experiments::Experiment;
use troupe_actors::feature_store::catalog::{Catalog, EntityKey};
use troupe_actors::feature_store::values::{Features, LookedUp, Lookup, Status};
use troupe_actors::models::{Model, Stage};
use troupe_actors::profiles::content::{Content, ContentView, GetContent};
use troupe_actors::profiles::members::{GetInputs, Inputs, Member, Record, Recorded, Remember};
use troupe_inference::Recommended;
use troupe_runtime::entity::Globals;
use troupe_runtime::transport::AskOne;
use troupe_runtime::{Address, AskError, Command, Entity, Query, Refused, Timestamp, wire};

use crate::apis::platform::events::{Fault, Line};
use crate::domain::{Allocation, Domain, FeatureValue, Group};
use crate::edge::problem::Problem;

/// The model that answers where no experiment chooses another.
const DEFAULT_MODEL: &str = "recommend";

/// Members, contents, features, models and experiments, as the edge speaks to them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Platform;

impl Domain for Platform {
    fn record(&self, event: Line<'_>) -> Result<AskOne, Fault> {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "values are kept in single precision; overflow is refused"
        )]
        let value = event.value.map(|value| value as f32);
        if value.is_some_and(|value| !value.is_finite()) {
            return Err(Fault::of("value", "NOT_FINITE", "must fit a single precision number"));
        }
        let record = Record {
            content: event.content.into_owned(),
            kind: event.kind.into_owned(),
            value,
            at: Timestamp(event.at),
            event_id: event.event_id.map(std::borrow::Cow::into_owned),
            context: event.context.into_iter().collect(),
        };
        Ok(command::<Member, Record>(event.member.into_owned(), &record))
    }

    fn was_duplicate(&self, reply: &[u8]) -> Result<bool, AskError> {
        decoded::<Recorded>(reply).map(|recorded| recorded.duplicate)
    }

    fn allocate(
        &self,
        globals: &Globals,
        member: &str,
        experiment: Option<&str>,
    ) -> Result<Allocation, Problem> {
        let found = match experiment {
            Some(name) => {
                let unknown = || {
                    let why = format!("there is no experiment {name:?}");
                    Problem::from(AskError::Refused(Refused::field("UNKNOWN_EXPERIMENT", "experiment", why)))
                };
                Some((name.to_owned(), globals.get::<Experiment>(name).ok_or_else(unknown)?))
            }
            None => {
                globals.all::<Experiment>().into_iter().find(|(_, experiment)| experiment.running().is_some())
            }
        };
        let plain = |model: &str, experiment: Option<String>| {
            let (version, role) = trafficked(globals, model, member);
            Allocation { model: model.to_owned(), version, role, variation: None, experiment }
        };
        let Some((name, experiment)) = found else { return Ok(plain(DEFAULT_MODEL, None)) };
        let Some(spec) = experiment.running() else { return Ok(plain(DEFAULT_MODEL, None)) };
        let taken = globals
            .get::<Traffic>(&spec.model)
            .and_then(|traffic| {
                traffic.split().map(|split| split.over_experiments && split.role(member) != Role::Production)
            })
            .unwrap_or(false);
        let admitted = !taken && experiment.admits(globals, member);
        let variation = if admitted { experiment.allocate(member, Timestamp::wall()) } else { None };
        Ok(match variation {
            Some(variation) => Allocation {
                role: Role::Experiment,
                model: spec.model.clone(),
                version: variation.version.or_else(|| champion(globals, &spec.model)),
                variation: Some(variation.name.clone()),
                experiment: Some(name),
            },
            None => plain(&spec.model, None),
        })
    }

    fn inputs(&self, member: &Address) -> AskOne {
        query::<Member, GetInputs>(member.key.clone(), &GetInputs {})
    }

    fn history(&self, reply: &[u8]) -> Result<Vec<String>, AskError> {
        decoded::<Inputs>(reply).map(|inputs| inputs.contents)
    }

    fn remember(&self, member: &Address, allocation: &Allocation, recommended: &Recommended) -> AskOne {
        let remember = Remember {
            model: recommended.model.clone(),
            version: recommended.version,
            items: recommended.items.iter().map(|(content, _)| content.clone()).collect(),
            exposure: allocation.experiment.clone().zip(allocation.variation.clone()),
        };
        command::<Member, Remember>(member.key.clone(), &remember)
    }

    fn title_of(&self, content: &str) -> AskOne {
        query::<Content, GetContent>(Content::address(content).key, &GetContent {})
    }

    fn title(&self, reply: &[u8]) -> Result<String, AskError> {
        decoded::<ContentView>(reply).map(|content| content.title)
    }

    fn groups(&self, globals: &Globals) -> Vec<Group> {
        let Some(catalog) = globals.get::<Catalog>(Catalog::KEY) else { return Vec::new() };
        let group = |spec: &troupe_actors::feature_store::catalog::GroupSpec| Group {
            name: spec.name.clone(),
            by: match &spec.entity {
                EntityKey::Member => "member".to_owned(),
                EntityKey::Content => "content".to_owned(),
                EntityKey::Context(field) => field.clone(),
            },
            features: spec.features.iter().map(|feature| feature.name.clone()).collect(),
        };
        catalog.groups().map(|held| group(&held.spec)).collect()
    }

    fn lookup(&self, group: &Group, id: &str, features: &[String]) -> AskOne {
        let key = match group.by.as_str() {
            "member" => Features::member_key(id, &group.name),
            "content" => Features::content_key(id, &group.name),
            _ => Features::context_key(id, &group.name),
        };
        query::<Features, Lookup>(key, &Lookup { features: features.to_vec(), at: None })
    }

    fn looked_up(&self, reply: &[u8]) -> Result<Vec<FeatureValue>, AskError> {
        let value = |value: troupe_actors::feature_store::values::Value| FeatureValue {
            value: value.value.map_or(Json::Null, Json::from),
            status: match value.status {
                Status::Present => "PRESENT",
                Status::NotFound => "NOT_FOUND",
                Status::OutsideMaxAge => "OUTSIDE_MAX_AGE",
                Status::NullValue => "NULL_VALUE",
            }
            .to_owned(),
            at: value.at.map(Timestamp::millis),
        };
        decoded::<LookedUp>(reply).map(|looked| looked.values.into_iter().map(value).collect())
    }

    fn member(&self, id: &str) -> Result<Address, Problem> {
        Address::parse_parts(Member::KIND, id).map_err(|error| AskError::BadKey(error.to_string()).into())
    }
}

/// Which version answers a member for whom no experiment chooses, and as what.
fn trafficked(globals: &Globals, model: &str, member: &str) -> (Option<u32>, Role) {
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

fn command<E: Entity, C: Command>(key: String, command: &C) -> AskOne {
    AskOne { to: Address::of::<E>(key), verb: C::VERB.to_owned(), body: wire::encode(command), key: None }
}

fn query<E: Entity, Q: Query>(key: String, query: &Q) -> AskOne {
    AskOne { to: Address::of::<E>(key), verb: Q::VERB.to_owned(), body: wire::encode(query), key: None }
}

fn decoded<T: bincode::Decode<()>>(reply: &[u8]) -> Result<T, AskError> {
    wire::decode(reply).map_err(AskError::Fault)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use troupe_actors::NamedFields;
    use troupe_actors::delivery::traffic;
    use troupe_actors::delivery::traffic::{Change, Split};
    use troupe_actors::experimentation::experiments;
    use troupe_actors::experimentation::experiments::{ExperimentSpec, Variation};

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

    /// How many of a thousand members are answered in each role.
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
            let allocation = Platform.allocate(&globals, &member.to_string(), None).unwrap();
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
        assert_eq!(roles(Some(split(0, true)), false), [1_000, 0, 0, 0], "a weight of 0 is nobody");
        let [production, baseline, canary, arms] = roles(Some(split(2_000, false)), false);
        assert!(
            production > 500 && (150..250).contains(&baseline) && (150..250).contains(&canary) && arms == 0
        );
        assert_eq!(roles(Some(split(2_000, false)), true), [0, 0, 0, 1_000]);
        assert_eq!(roles(Some(split(2_000, true)), true), [0, baseline, canary, production]);
        assert_eq!(roles(Some(split(10_000, true)), true), [0, 0, 1_000, 0]);
    }
}
