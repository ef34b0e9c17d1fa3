use std::collections::BTreeMap;

use troupe_runtime::{Address, Timestamp, wire};

use super::{
    AddVersion, Change, DescribeModel, DescribeVersion, DropAlias, Event, GetRegistered, MoveStage, Register,
    Registered, STAGE, SetAlias,
};
use crate::metadata::lineage::{GetLineage, Lineage};
use crate::orchestrator::runs::world::World;
use crate::stored::NamedFields;

fn model() -> Address {
    Address::of::<Registered>("m")
}

fn version(run: &str, path: &str) -> AddVersion {
    AddVersion { run: Some(run.into()), path: path.into(), ..AddVersion::default() }
}

#[test]
fn versions_are_numbered_and_aliased_and_a_number_is_never_assigned_twice() {
    let mut world = World::new();
    assert_eq!(world.tell(&model(), &version("F/1", "")).unwrap_err().code, "MODEL_NOT_FOUND");
    assert!(world.tell(&model(), &Register::default()).unwrap().fresh);
    assert!(!world.tell(&model(), &Register::default()).unwrap().fresh);
    for number in 1..=3 {
        assert_eq!(world.tell(&model(), &version("F/1", "")).unwrap().version, number);
    }
    world.tell(&model(), &SetAlias { alias: "champion".into(), version: 3 }).unwrap();
    world.tell(&model(), &SetAlias { alias: "old".into(), version: 2 }).unwrap();
    world.tell(&model(), &DropAlias { alias: "old".into() }).unwrap();
    let unknown = world.tell(&model(), &SetAlias { alias: "x".into(), version: 9 }).unwrap_err();
    assert_eq!(unknown.code, "VERSION_NOT_FOUND");
    world
        .tell(&model(), &DescribeVersion { version: 3, delete: true, ..DescribeVersion::default() })
        .unwrap();
    let view = world.query(&model(), &GetRegistered {});
    assert_eq!((view.aliases.len(), view.versions.len()), (0, 2), "an alias is removed with its version");
    assert_eq!(world.tell(&model(), &version("F/1", "")).unwrap().version, 4);
    world.tell(&model(), &DescribeModel { deleted: Some(true), ..DescribeModel::default() }).unwrap();
    assert!(!world.query(&model(), &GetRegistered {}).known);
    world.tell(&model(), &Register::default()).unwrap();
    assert_eq!(world.tell(&model(), &version("F/1", "")).unwrap().version, 5);
}

#[test]
fn a_version_is_linked_with_its_run_through_its_artifact() {
    let mut world = World::new();
    world.tell(&model(), &Register::default()).unwrap();
    world.tell(&model(), &version("F/1", "model")).unwrap();
    let mut ends = |node: &str| {
        let view = world.query(&Address::of::<Lineage>(node), &GetLineage {});
        let names = |links: Vec<crate::metadata::lineage::Link>| {
            links.into_iter().map(|link| link.node).collect::<Vec<_>>()
        };
        (names(view.from), names(view.to))
    };
    let artifact = "artifact:F/1/model".to_owned();
    assert_eq!(ends("run:F/1").1, ["model:m@1".to_owned(), artifact.clone()]);
    assert_eq!(ends("model:m@1").0, ["run:F/1".to_owned(), artifact.clone()]);
    assert_eq!(ends(&artifact), (vec!["run:F/1".to_owned()], vec!["model:m@1".to_owned()]));
}

#[test]
fn a_value_above_its_bound_is_refused_with_its_field() {
    let mut world = World::new();
    let tags =
        |count: usize| (0..count).map(|tag| (tag.to_string(), String::new())).collect::<BTreeMap<_, _>>();
    let refused = world.tell(&model(), &Register { tags: tags(65), ..Register::default() }).unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("tags"));
    world.tell(&model(), &Register { tags: tags(64), ..Register::default() }).unwrap();
    let more =
        DescribeModel { tags: BTreeMap::from([("new".into(), String::new())]), ..DescribeModel::default() };
    assert_eq!(world.tell(&model(), &more).unwrap_err().field.as_deref(), Some("tags"));
    let source = AddVersion { source: "s".repeat(3_000), ..AddVersion::default() };
    assert_eq!(world.tell(&model(), &source).unwrap_err().field.as_deref(), Some("source"));
}

#[test]
fn a_name_that_clients_cannot_write_in_a_uri_is_refused() {
    let mut world = World::new();
    for name in ["a/b", "/a", "a/", "a:b", ":", ".", "..", "..a", "../a", " ", "\t", "\u{3000}"] {
        let refused = world.tell(&Address::of::<Registered>(name), &Register::default()).unwrap_err();
        assert_eq!((refused.code.as_str(), refused.field.as_deref()), ("BAD_NAME", Some("name")), "{name:?}");
    }
    for name in ["a", " a b ", ".a", "a.b", "a..", "a@b", "ä", "a\\b"] {
        world.tell(&Address::of::<Registered>(name), &Register::default()).unwrap();
    }
}

#[test]
fn an_alias_that_clients_read_as_a_version_is_refused() {
    let mut world = World::new();
    world.tell(&model(), &Register::default()).unwrap();
    world.tell(&model(), &version("F/1", "")).unwrap();
    let mut set = |alias: &str| world.tell(&model(), &SetAlias { alias: alias.into(), version: 1 });
    for alias in
        ["latest", "Latest", "LATEST", "v3", "V10", "v0", "", " ", "a b", "a.b", "a@b", "a:b", "a/b", "é!"]
    {
        let refused = set(alias).unwrap_err();
        assert_eq!(
            (refused.code.as_str(), refused.field.as_deref()),
            ("BAD_NAME", Some("alias")),
            "{alias:?}"
        );
    }
    for alias in ["champion", "v", "V", "v3a", "3", "version3", "latest_", "a-b_C9", "né"] {
        set(alias).unwrap();
    }
    let refused = set("v1").unwrap_err();
    assert!(refused.message.contains("reserved"), "{}", refused.message);
}

#[test]
fn a_name_and_an_alias_from_before_the_rule_stay_and_can_be_removed() {
    use troupe_runtime::Entity as _;
    let change = |change: Change| Event::Changed(Box::new(NamedFields(change)), Timestamp(5));
    let mut held = Registered::create("a/b");
    held.apply(&change(Change::Registered(Register::default())));
    held.apply(&change(Change::Added(1, AddVersion::default())));
    held.apply(&change(Change::Alias("latest".into(), Some(1))));
    let mut world = World::new();
    let address = Address::of::<Registered>("a/b");
    world.put(&address, &held);
    assert_eq!(world.query(&address, &GetRegistered {}).aliases.len(), 1);
    world.tell(&address, &DropAlias { alias: "latest".into() }).unwrap();
    world.tell(&address, &SetAlias { alias: "champion".into(), version: 1 }).unwrap();
    world.tell(&address, &DescribeModel { deleted: Some(true), ..DescribeModel::default() }).unwrap();
    assert!(!world.query(&address, &GetRegistered {}).known);
}

#[test]
fn stored_events_keep_their_bytes() {
    let event = Event::Changed(Box::new(NamedFields(Change::Alias("a".into(), Some(3)))), Timestamp(5));
    assert_eq!(
        wire::encode(&event),
        [&[0, 11, 0x81, 0xa5][..], b"Alias", &[0x92, 0xa1], b"a", &[3, 5]].concat()
    );
}

#[test]
fn a_version_moves_between_stages_and_archives_those_before_it_on_request() {
    let mut world = World::new();
    world.tell(&model(), &Register::default()).unwrap();
    for _ in 0..3 {
        world.tell(&model(), &version("F/1", "")).unwrap();
    }
    let mut go = |version: u32, stage: &str, archive: bool| {
        let reply = world.tell(&model(), &MoveStage { version, stage: stage.into(), archive });
        let view = world.query(&model(), &GetRegistered {});
        let stage = |row: &super::VersionRow| row.added.tags.get(STAGE).cloned().unwrap_or_default();
        reply.map(|()| view.versions.values().map(stage).collect::<Vec<_>>()).map_err(|refused| refused.code)
    };
    assert_eq!(go(1, "production", false).unwrap(), ["Production", "", ""]);
    assert_eq!(go(2, "Production", false).unwrap(), ["Production", "Production", ""]);
    assert_eq!(go(3, "Production", true).unwrap(), ["Archived", "Archived", "Production"]);
    assert_eq!(go(2, "None", true).unwrap(), ["Archived", "", "Production"]);
    assert_eq!(
        go(3, "Archived", true).unwrap(),
        ["Archived", "", "Archived"],
        "a move to Archived archives no other version"
    );
    assert_eq!(go(3, "best", true).unwrap_err(), "BAD_STAGE");
    assert_eq!(go(9, "Staging", true).unwrap_err(), "VERSION_NOT_FOUND");
}
