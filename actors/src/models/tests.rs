use std::collections::BTreeMap;

use troupe_runtime::entity::Globals;
use troupe_runtime::{Context, Decide, Entity, Timestamp, wire};

use super::{Event, Lineage, Model, Promote, Promoted, Publish, Published, Stage};
use troupe_lake::Sha256;

fn publish(artifact: u8) -> Publish {
    Publish {
        algorithm: "ease".into(),
        artifact: Sha256([artifact; 32]),
        vocabulary: Sha256([9; 32]),
        items: 4,
        metrics: BTreeMap::from([("ndcg@10".to_owned(), 0.5)]),
        lineage: Lineage::default(),
    }
}

fn published(version: u32) -> Event {
    let artifact = u8::try_from(version).unwrap();
    Event::Published { version, published: publish(artifact), at: Timestamp(5) }
}

fn promoted(version: u32, to: Stage) -> Event {
    Event::Promoted { version, to }
}

fn folded(events: &[Event]) -> Model {
    let mut model = Model::create("movies");
    events.iter().for_each(|event| model.apply(event));
    model
}

/// Version 1 archived, 2 champion, 3 challenger, 4 staging; revision 7.
fn four() -> Model {
    folded(&[
        published(1),
        published(2),
        published(3),
        published(4),
        promoted(1, Stage::Archived),
        promoted(2, Stage::Champion),
        promoted(3, Stage::Challenger),
    ])
}

#[test]
fn a_promotion_needs_the_current_revision_and_a_stage_that_can_be_reached() {
    use Stage::{Archived, Challenger, Champion, Staging};
    let globals = Globals::default();
    let ctx = Context::at(Timestamp(9), "movies", &globals);
    for (name, version, to, seen, expected) in [
        ("already there", 4, Staging, 7, Ok((vec![], 7))),
        ("new champion", 4, Champion, 7, Ok((vec![promoted(4, Champion), promoted(2, Archived)], 9))),
        ("challenger wins", 3, Champion, 7, Ok((vec![promoted(3, Champion), promoted(2, Archived)], 9))),
        ("new challenger", 4, Challenger, 7, Ok((vec![promoted(4, Challenger), promoted(3, Archived)], 9))),
        ("steps back", 3, Staging, 7, Ok((vec![promoted(3, Staging)], 8))),
        ("ends", 3, Archived, 7, Ok((vec![promoted(3, Archived)], 8))),
        ("again, unseen", 2, Champion, 5, Ok((vec![], 7))),
        ("stale", 4, Champion, 6, Err("STALE")),
        ("unknown", 5, Champion, 7, Err("NO_VERSION")),
        ("rolled back", 1, Champion, 7, Ok((vec![promoted(1, Champion), promoted(2, Archived)], 9))),
        ("taken back", 1, Staging, 7, Ok((vec![promoted(1, Staging)], 8))),
        ("champion without a successor", 2, Archived, 7, Err("IS_CHAMPION")),
        ("champion to challenger", 2, Challenger, 7, Err("IS_CHAMPION")),
    ] {
        let model = four();
        let decision = model.decide(&Promote { version, to, seen }, &ctx);
        match expected {
            Err(code) => assert_eq!(decision.outcome().unwrap_err().code, code, "{name}"),
            Ok((events, revision)) => {
                assert_eq!(decision.events(), events, "{name}");
                assert_eq!(decision.outcome().unwrap(), Some(&Promoted { revision }), "{name}");
                let mut after = four();
                events.iter().for_each(|event| after.apply(event));
                let view = super::GetModel {};
                let view = troupe_runtime::entity::Answer::answer(&after, &view, &ctx).unwrap();
                assert_eq!(view.revision, revision, "{name}");
                let champions = view.versions.iter().filter(|held| held.stage == Champion).count();
                assert_eq!(champions, 1, "{name}");
            }
        }
    }
}

#[test]
fn versions_are_numbered_and_the_same_artifact_is_one_version() {
    let globals = Globals::default();
    let ctx = Context::at(Timestamp(5), "movies", &globals);
    let model = four();
    let new = model.decide(&publish(5), &ctx);
    assert_eq!(new.events(), [published(5)]);
    assert_eq!(new.outcome().unwrap(), Some(&Published { version: 5 }));

    let again = model.decide(&publish(2), &ctx);
    assert!(again.events().is_empty());
    assert_eq!(again.outcome().unwrap(), Some(&Published { version: 2 }));

    // Version 1 is archived: publishing the same artifact creates a new version, otherwise it could never serve
    // again.
    let revived = model.decide(&publish(1), &ctx);
    assert_eq!(revived.outcome().unwrap(), Some(&Published { version: 5 }));
}

#[test]
fn an_incomplete_publication_is_refused_with_its_field() {
    let globals = Globals::default();
    let ctx = Context::at(Timestamp(5), "movies", &globals);
    let metrics = |name: &str, value| BTreeMap::from([(name.to_owned(), value)]);
    let lineage = |lineage: Lineage| Publish { lineage, ..publish(1) };
    for (ask, field) in [
        (Publish { algorithm: String::new(), ..publish(1) }, "algorithm"),
        (Publish { items: 0, ..publish(1) }, "items"),
        (Publish { metrics: metrics("ndcg", f64::NAN), ..publish(1) }, "metrics"),
        (Publish { metrics: metrics(&"n".repeat(65), 0.1), ..publish(1) }, "metrics"),
        (
            lineage(Lineage { parameters: metrics("l", f64::INFINITY), ..Lineage::default() }),
            "lineage.parameters",
        ),
        (lineage(Lineage { seconds: f64::NAN, ..Lineage::default() }), "lineage.seconds"),
        (lineage(Lineage { dataset: "d".repeat(65), ..Lineage::default() }), "lineage.dataset"),
    ] {
        let decision = Model::create("movies").decide(&ask, &ctx);
        assert_eq!(decision.outcome().unwrap_err().field.as_deref(), Some(field));
    }
}

#[test]
fn stored_events_keep_their_bytes() {
    assert_eq!(wire::encode(&promoted(3, Stage::Champion)), [1, 3, 1]);
    let mut golden = vec![0, 1, 4];
    golden.extend(b"ease");
    golden.extend([1; 32]);
    golden.extend([9; 32]);
    golden.extend([4, 1, 7]);
    golden.extend(b"ndcg@10");
    golden.extend([0, 0, 0, 0, 0, 0, 0xe0, 0x3f]);
    // Lineage: events, from, to, parameters, seed, seconds, dataset, trained_at.
    golden.extend([0, 0, 0, 0, 0]);
    golden.extend([0; 8]);
    golden.extend([0, 0]);
    golden.push(5);
    assert_eq!(wire::encode(&published(1)), golden);
}
