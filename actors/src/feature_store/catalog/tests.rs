use troupe_runtime::config::Section;
use troupe_runtime::entity::Globals;
use troupe_runtime::{Context, Decide, Entity, Timestamp, wire};

use super::{Anchor, Catalog, Declare, Declared, EntityKey, Event, FeatureGroupConfig, FeatureSpec};
use super::{Group, GroupSpec, Op, Retire, Source};

fn spec(name: &str) -> GroupSpec {
    GroupSpec {
        name: name.to_owned(),
        entity: EntityKey::Member,
        events: vec!["rating".into()],
        features: vec![FeatureSpec { name: "n".into(), op: Op::Count, of: Source::Value, window_ms: 0 }],
        anchor: Anchor::Now,
    }
}

fn folded(events: &[Event]) -> Catalog {
    let mut catalog = Catalog::create(Catalog::KEY);
    events.iter().for_each(|event| catalog.apply(event));
    catalog
}

fn declared(spec: GroupSpec, version: u32) -> Event {
    Event::Declared(Group { spec, version })
}

fn declare(catalog: &Catalog, group: GroupSpec) -> Result<(Vec<Event>, u32), String> {
    let globals = Globals::default();
    let ctx = Context::at(Timestamp(1), Catalog::KEY, &globals);
    let decision = catalog.decide(&Declare { group }, &ctx);
    match decision.outcome() {
        Ok(reply) => {
            Ok((decision.events().to_vec(), reply.copied().unwrap_or(Declared { version: 0 }).version))
        }
        Err(refused) => Err(refused.code.clone()),
    }
}

#[test]
fn a_change_makes_a_new_version_and_no_version_is_repeated() {
    let changed = GroupSpec { anchor: Anchor::LastEvent, ..spec("a") };
    let first = declared(spec("a"), 1);
    for (name, before, ask, expected) in [
        ("first", vec![], spec("a"), (vec![first.clone()], 1)),
        ("the same again", vec![first.clone()], spec("a"), (vec![], 1)),
        ("changed", vec![first.clone()], changed.clone(), (vec![declared(changed.clone(), 2)], 2)),
        ("another", vec![first.clone()], spec("b"), (vec![declared(spec("b"), 1)], 1)),
        (
            "declared again after its retirement",
            vec![first, declared(changed, 2), Event::Retired("a".into())],
            spec("a"),
            (vec![declared(spec("a"), 3)], 3),
        ),
    ] {
        assert_eq!(declare(&folded(&before), ask), Ok(expected), "{name}");
    }
}

#[test]
fn every_problem_of_a_declaration_is_listed_with_its_field() {
    let feature = |name: &str, op, of, window_ms| FeatureSpec { name: name.to_owned(), op, of, window_ms };
    let bad = GroupSpec {
        name: "has space".into(),
        entity: EntityKey::Context(String::new()),
        events: vec![String::new()],
        features: vec![
            feature("", Op::Count, Source::Value, 0),
            feature("a", Op::Sum, Source::Content, 0),
            feature("a", Op::Count, Source::Value, 1_000),
            feature("b", Op::Count, Source::Value, 401 * 86_400_000),
        ],
        anchor: Anchor::Now,
    };
    let fields: Vec<String> = bad.problems().into_iter().map(|(field, _)| field).collect();
    let expected = [
        "name",
        "entity",
        "events",
        "features[0].name",
        "features[1].of",
        "features[2].name",
        "features[2].window",
        "features[3].window",
    ];
    assert_eq!(fields, expected);

    let globals = Globals::default();
    let ctx = Context::at(Timestamp(1), Catalog::KEY, &globals);
    let decision = Catalog::create(Catalog::KEY).decide(&Declare { group: bad }, &ctx);
    let refused = decision.outcome().unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("group.name"));
    assert!(expected.iter().all(|field| refused.message.contains(field)), "{}", refused.message);
    assert!(spec("a").problems().is_empty());
    assert!(GroupSpec { features: Vec::new(), ..spec("a") }.problems()[0].0 == "features");
}

#[test]
fn there_is_one_catalogue_and_it_is_bounded() {
    let globals = Globals::default();
    let elsewhere = Context::at(Timestamp(1), "other", &globals);
    let decision = Catalog::create("other").decide(&Declare { group: spec("a") }, &elsewhere);
    assert_eq!(decision.outcome().unwrap_err().code, "ONE_CATALOG");

    let full: Vec<Event> =
        (0..super::state::GROUPS_MAX).map(|n| declared(spec(&format!("g{n}")), 1)).collect();
    assert_eq!(declare(&folded(&full), spec("one_more")), Err("TOO_MANY_GROUPS".to_owned()));
    let changed = GroupSpec { anchor: Anchor::LastEvent, ..spec("g0") };
    assert!(declare(&folded(&full), changed).is_ok());
}

#[test]
fn a_group_observes_the_types_it_names_or_all() {
    let all = GroupSpec { events: Vec::new(), ..spec("all") };
    let catalog = folded(&[declared(spec("ratings"), 1), declared(all, 1)]);
    let wanting = |kind: &str| catalog.wanting(kind).map(|spec| spec.name.clone()).collect::<Vec<_>>();
    assert_eq!(wanting("rating"), ["all", "ratings"]);
    assert_eq!(wanting("play"), ["all"]);
}

#[test]
fn a_retirement_is_decided_once() {
    let globals = Globals::default();
    let ctx = Context::at(Timestamp(1), Catalog::KEY, &globals);
    let retire = Retire { name: "a".into() };
    let held = folded(&[declared(spec("a"), 1)]);
    assert_eq!(held.decide(&retire, &ctx).events(), [Event::Retired("a".into())]);
    assert!(folded(&[]).decide(&retire, &ctx).events().is_empty());
}

#[test]
fn a_configured_group_reads_as_people_write_it() {
    let configured: FeatureGroupConfig = serde_json::from_str(
        r#"{"group": "ctx_device", "entity": "context:device", "anchor": "last_event",
            "features": [{"name": "events_7d", "op": "count", "window": "7d"},
                         {"name": "members", "op": "distinct", "of": "member"}]}"#,
    )
    .unwrap();
    let spec = configured.spec();
    assert_eq!(spec.entity, EntityKey::Context("device".into()));
    assert_eq!(spec.anchor, Anchor::LastEvent);
    assert_eq!(spec.features[0].window_ms, 7 * 86_400_000);
    assert_eq!((spec.features[1].of, spec.features[1].window_ms), (Source::Member, 0));

    let mut problems = Vec::new();
    configured.validate("features[0]", &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    let wrong = FeatureGroupConfig { entity: "planet".into(), ..configured };
    wrong.validate("features[0]", &mut problems);
    assert_eq!(problems.len(), 1);
    assert!(format!("{:?}", problems[0]).contains("features[0].entity"));
}

#[test]
fn stored_events_keep_their_bytes() {
    let event = declared(GroupSpec { entity: EntityKey::Context("d".into()), ..spec("g") }, 3);
    let golden =
        [0, 1, b'g', 2, 1, b'd', 1, 6, b'r', b'a', b't', b'i', b'n', b'g', 1, 1, b'n', 0, 0, 0, 0, 3];
    assert_eq!(wire::encode(&event), golden);
    assert_eq!(wire::encode(&Event::Retired("g".into())), [1, 1, b'g']);
}
