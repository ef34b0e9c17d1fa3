//! Which model versions this node should serve, read from the published models.

use serde::Serialize;
use troupe_runtime::entity::Globals;

use troupe_actors::delivery::traffic::Traffic;
use troupe_actors::experimentation::experiments::Experiment;
use troupe_actors::models::{Model, Stage};
use troupe_lake::Sha256;

/// One version of a model that this node should serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServedVersion {
    /// The model's name.
    pub model: String,
    /// The version's number.
    pub version: u32,
    /// The ONNX object.
    pub artifact: Sha256,
    /// The vocabulary object.
    pub vocabulary: Sha256,
    /// The training algorithm: `ease`, `ials`.
    pub algorithm: String,
    /// Whether it answers requests without a version.
    pub champion: bool,
}

impl ServedVersion {
    /// Whether the same pool serves both. A challenger that is promoted to champion keeps its replicas.
    #[must_use]
    pub fn same_pool(&self, other: &Self) -> bool {
        self.model == other.model
            && self.version == other.version
            && self.artifact == other.artifact
            && self.vocabulary == other.vocabulary
    }

    /// `ease@3`, its name in the supervision tree and in logs.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}@{}", self.model, self.version)
    }
}

/// The versions to serve: the champion and the challenger of every published model, and the versions that its traffic
/// split or a running experiment names.
#[must_use]
pub fn desired(globals: &Globals) -> Vec<ServedVersion> {
    let mut served = Vec::new();
    let experiments = globals.all::<Experiment>();
    let running = || experiments.iter().filter_map(|(_, experiment)| experiment.running());
    for (name, model) in globals.all::<Model>() {
        let champion = model.at(Stage::Champion).map(|found| found.version);
        let mut versions: Vec<u32> = champion.into_iter().collect();
        versions.extend(model.at(Stage::Challenger).map(|found| found.version));
        if let Some(split) = globals.get::<Traffic>(&name).as_deref().and_then(Traffic::split) {
            versions.extend([split.production, split.canary]);
        }
        let arms = running().filter(|spec| spec.model == name).flat_map(|spec| &spec.variations);
        versions.extend(arms.filter_map(|arm| arm.version));
        let mut seen = Vec::new();
        for found in versions.into_iter().filter_map(|version| model.version(version)) {
            if seen.contains(&found.version) {
                continue;
            }
            seen.push(found.version);
            served.push(ServedVersion {
                model: name.clone(),
                version: found.version,
                artifact: found.published.artifact,
                vocabulary: found.published.vocabulary,
                algorithm: found.published.algorithm.clone(),
                champion: Some(found.version) == champion,
            });
        }
    }
    served
}
