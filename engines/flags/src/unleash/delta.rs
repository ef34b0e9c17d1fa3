//! What the stream of features sends: first everything, then what has changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::payload::{Feature, Features, Segment, or_default};

/// The data of an `unleash-connected` or `unleash-updated` event, and the answer of `/api/client/delta`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// In the order in which they happened.
    pub events: Vec<DeltaEvent>,
}

/// One change of the features of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum DeltaEvent {
    /// Everything, in place of what the client had.
    Hydration {
        /// Which change of the environment this is.
        event_id: u64,
        /// Every feature.
        features: Vec<Feature>,
        /// Every segment.
        #[serde(default, deserialize_with = "or_default")]
        segments: Vec<Segment>,
    },
    /// A feature is new or other than it was.
    FeatureUpdated {
        /// Which change of the environment this is.
        event_id: u64,
        /// The whole feature.
        feature: Feature,
    },
    /// A feature is gone.
    FeatureRemoved {
        /// Which change of the environment this is.
        event_id: u64,
        /// Its name.
        feature_name: String,
        /// The project it was in.
        #[serde(default, deserialize_with = "or_default")]
        project: String,
    },
    /// A segment is new or other than it was.
    SegmentUpdated {
        /// Which change of the environment this is.
        event_id: u64,
        /// The whole segment.
        segment: Segment,
    },
    /// A segment is gone.
    SegmentRemoved {
        /// Which change of the environment this is.
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
    /// The features after what has changed.
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

    /// Everything, as a stream begins.
    #[must_use]
    pub fn hydration(&self, event_id: u64) -> Delta {
        let (features, segments) = (self.features.clone(), self.segments.clone());
        Delta { events: vec![DeltaEvent::Hydration { event_id, features, segments }] }
    }

    /// What leads from these features to `next`, numbered from `event_id`. Segments come before the features that
    /// may name them and go after those that may have named them, since clients compile after every message.
    #[must_use]
    pub fn delta_to(&self, next: &Self, event_id: u64) -> Delta {
        let features: BTreeMap<&str, &Feature> =
            self.features.iter().map(|feature| (feature.name.as_str(), feature)).collect();
        let segments: BTreeMap<i64, &Segment> =
            self.segments.iter().map(|segment| (segment.id, segment)).collect();
        let mut ids = event_id..;
        let mut id = || ids.next().unwrap_or(u64::MAX);
        let mut events = Vec::new();
        for segment in &next.segments {
            if segments.get(&segment.id) != Some(&segment) {
                events.push(DeltaEvent::SegmentUpdated { event_id: id(), segment: segment.clone() });
            }
        }
        for feature in &next.features {
            if features.get(feature.name.as_str()) != Some(&feature) {
                events.push(DeltaEvent::FeatureUpdated { event_id: id(), feature: feature.clone() });
            }
        }
        let kept: std::collections::BTreeSet<&str> =
            next.features.iter().map(|feature| feature.name.as_str()).collect();
        for feature in self.features.iter().filter(|feature| !kept.contains(feature.name.as_str())) {
            events.push(DeltaEvent::FeatureRemoved {
                event_id: id(),
                feature_name: feature.name.clone(),
                project: feature.project.clone(),
            });
        }
        let kept: std::collections::BTreeSet<i64> = next.segments.iter().map(|segment| segment.id).collect();
        for segment in self.segments.iter().filter(|segment| !kept.contains(&segment.id)) {
            events.push(DeltaEvent::SegmentRemoved { event_id: id(), segment_id: segment.id });
        }
        Delta { events }
    }
}
