//! Delta events of the feature stream: one hydration, then changes.
//!
//! The gateway streams whole feature sets, so no serving code calls this. It stays for the cases of the reference vectors
//! that describe their state as delta events (`unleash_client_specification`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::payload::{Feature, Features, Segment, or_default};

/// The data of an `unleash-connected` or `unleash-updated` event, and the answer of `/api/client/delta`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// In order of `event_id`.
    pub events: Vec<DeltaEvent>,
}

/// One change of the features of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum DeltaEvent {
    /// The full state; it replaces the state of the client.
    Hydration {
        /// Number of this change in the environment.
        event_id: u64,
        /// Every feature.
        features: Vec<Feature>,
        /// Every segment.
        #[serde(default, deserialize_with = "or_default")]
        segments: Vec<Segment>,
    },
    /// A feature was added or changed.
    FeatureUpdated {
        /// Number of this change in the environment.
        event_id: u64,
        /// The whole feature.
        feature: Feature,
    },
    /// A feature was removed.
    FeatureRemoved {
        /// Number of this change in the environment.
        event_id: u64,
        /// Its name.
        feature_name: String,
        /// The project it was in.
        #[serde(default, deserialize_with = "or_default")]
        project: String,
    },
    /// A segment was added or changed.
    SegmentUpdated {
        /// Number of this change in the environment.
        event_id: u64,
        /// The whole segment.
        segment: Segment,
    },
    /// A segment was removed.
    SegmentRemoved {
        /// Number of this change in the environment.
        event_id: u64,
        /// Its id.
        segment_id: i64,
    },
}

impl Default for Features {
    fn default() -> Self {
        Self { version: 2, features: Vec::new(), segments: Vec::new() }
    }
}

impl Features {
    /// The features after the events of a delta.
    #[must_use]
    pub fn after(self, delta: &Delta) -> Self {
        let mut features: BTreeMap<String, Feature> =
            self.features.into_iter().map(|feature| (feature.name.clone(), feature)).collect();
        let mut segments: BTreeMap<i64, Segment> =
            self.segments.into_iter().map(|segment| (segment.id, segment)).collect();
        for event in &delta.events {
            match event {
                DeltaEvent::Hydration { features: all, segments: named, .. } => {
                    features = all.iter().map(|feature| (feature.name.clone(), feature.clone())).collect();
                    segments = named.iter().map(|segment| (segment.id, segment.clone())).collect();
                }
                DeltaEvent::FeatureUpdated { feature, .. } => {
                    features.insert(feature.name.clone(), feature.clone());
                }
                DeltaEvent::FeatureRemoved { feature_name, .. } => {
                    features.remove(feature_name);
                }
                DeltaEvent::SegmentUpdated { segment, .. } => {
                    segments.insert(segment.id, segment.clone());
                }
                DeltaEvent::SegmentRemoved { segment_id, .. } => {
                    segments.remove(segment_id);
                }
            }
        }
        Self {
            version: self.version,
            features: features.into_values().collect(),
            segments: segments.into_values().collect(),
        }
    }
}
