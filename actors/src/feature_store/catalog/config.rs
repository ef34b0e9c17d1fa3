//! The `[[features]]` section of `cluster.toml`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use troupe_runtime::config::{Problem, Section};

use super::messages::{Anchor, EntityKey, FeatureSpec, GroupSpec, Op, Source};

/// One configured feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureConfig {
    /// Its name within the group.
    pub name: String,
    /// `count`, `sum`, `mean`, `min`, `max`, `last` or `distinct`.
    pub op: Op,
    /// `value` (the default); for `distinct` also `member` or `content`.
    #[serde(default)]
    pub of: Source,
    /// Length of the window in event time: `1h`, `28d`. Absent for all time.
    #[serde(default, with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub window: Option<Duration>,
}

/// One configured group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureGroupConfig {
    /// Its name.
    pub group: String,
    /// `member`, `content` or `context:FIELD`.
    pub entity: String,
    /// Interaction types that the group observes; empty for all.
    #[serde(default)]
    pub events: Vec<String>,
    /// `now` or `last_event`.
    #[serde(default)]
    pub anchor: Anchor,
    /// Its features.
    pub features: Vec<FeatureConfig>,
}

impl FeatureGroupConfig {
    /// The declaration of this group. An unknown entity becomes an empty context field, which the catalogue refuses.
    #[must_use]
    pub fn spec(&self) -> GroupSpec {
        let entity = match self.entity.as_str() {
            "member" => EntityKey::Member,
            "content" => EntityKey::Content,
            other => EntityKey::Context(other.strip_prefix("context:").unwrap_or_default().to_owned()),
        };
        let feature = |feature: &FeatureConfig| FeatureSpec {
            name: feature.name.clone(),
            op: feature.op,
            of: feature.of,
            window_ms: feature
                .window
                .map_or(0, |window| u64::try_from(window.as_millis()).unwrap_or(u64::MAX)),
        };
        GroupSpec {
            name: self.group.clone(),
            entity,
            events: self.events.clone(),
            features: self.features.iter().map(feature).collect(),
            anchor: self.anchor,
        }
    }
}

impl Section for FeatureGroupConfig {
    fn validate(&self, path: &str, problems: &mut Vec<Problem>) {
        for (field, what) in self.spec().problems() {
            problems.push(Problem::new(format!("{path}.{field}"), what));
        }
    }
}
