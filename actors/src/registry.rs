//! Every kind of the platform, and its verbs.

use troupe_runtime::Registry;

use crate::catalog::{Catalog, Declare, ListGroups, Retire};
use crate::content::{Content, Count, Describe, GetContent};
use crate::experiments::{Define, Experiment, GetExperiment, Start, Stop};
use crate::exposures::{CountExposure, Exposures, GetExposures};
use crate::features::{Features, Lookup, Observe};
use crate::members::{
    GetHistory, GetInputs, GetPredictions, GetProfile, Member, Record, Remember, SetProfile,
};
use crate::models::{GetModel, Model, Promote, Publish};

/// The kinds that a node runs.
#[must_use]
pub fn registry() -> Registry {
    Registry::default()
        .kind::<Member>()
        .command::<Member, Record>()
        .command::<Member, SetProfile>()
        .command::<Member, Remember>()
        .query::<Member, GetProfile>()
        .query::<Member, GetHistory>()
        .query::<Member, GetInputs>()
        .query::<Member, GetPredictions>()
        .kind::<Content>()
        .command::<Content, Describe>()
        .command::<Content, Count>()
        .query::<Content, GetContent>()
        .kind::<Features>()
        .command::<Features, Observe>()
        .query::<Features, Lookup>()
        .kind::<Catalog>()
        .command::<Catalog, Declare>()
        .command::<Catalog, Retire>()
        .query::<Catalog, ListGroups>()
        .kind::<Model>()
        .command::<Model, Publish>()
        .command::<Model, Promote>()
        .query::<Model, GetModel>()
        .kind::<Experiment>()
        .command::<Experiment, Define>()
        .command::<Experiment, Start>()
        .command::<Experiment, Stop>()
        .query::<Experiment, GetExperiment>()
        .kind::<Exposures>()
        .command::<Exposures, CountExposure>()
        .query::<Exposures, GetExposures>()
}
