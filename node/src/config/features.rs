//! The feature groups of a cluster whose file names no group: what the demo and the five-minute tour look at.

use std::time::Duration;

use troupe_actors::feature_store::catalog::{Anchor, FeatureConfig, FeatureGroupConfig, Op, Source};

const DAY: Duration = Duration::from_secs(86_400);

/// Groups keyed by member, content and circumstance. Their windows end at the newest event, because the demo replays a
/// year of the past within minutes.
pub(super) fn defaults() -> Vec<FeatureGroupConfig> {
    vec![
        group(
            "member_recent",
            "member",
            vec![
                feature("events_1d", Op::Count, Source::Value, Some(DAY)),
                feature("events_7d", Op::Count, Source::Value, Some(7 * DAY)),
                feature("events_28d", Op::Count, Source::Value, Some(28 * DAY)),
                feature("last_value", Op::Last, Source::Value, None),
            ],
        ),
        group(
            "member_taste",
            "member",
            vec![
                feature("events", Op::Count, Source::Value, None),
                feature("mean_value", Op::Mean, Source::Value, None),
                feature("contents", Op::Distinct, Source::Content, None),
            ],
        ),
        group(
            "content_popularity",
            "content",
            vec![
                feature("events_7d", Op::Count, Source::Value, Some(7 * DAY)),
                feature("events", Op::Count, Source::Value, None),
                feature("mean_value", Op::Mean, Source::Value, None),
                feature("members", Op::Distinct, Source::Member, None),
            ],
        ),
        group(
            "ctx_device",
            "context:device",
            vec![
                feature("events_7d", Op::Count, Source::Value, Some(7 * DAY)),
                feature("mean_value", Op::Mean, Source::Value, None),
            ],
        ),
    ]
}

fn group(name: &str, entity: &str, features: Vec<FeatureConfig>) -> FeatureGroupConfig {
    FeatureGroupConfig {
        group: name.to_owned(),
        entity: entity.to_owned(),
        events: Vec::new(),
        anchor: Anchor::LastEvent,
        features,
    }
}

fn feature(name: &str, op: Op, of: Source, window: Option<Duration>) -> FeatureConfig {
    FeatureConfig { name: name.to_owned(), op, of, window }
}
