use troupe_runtime::entity::Globals;
use troupe_runtime::{Context, Decide, Entity, Timestamp};

use super::{Directory, ENTRIES_MAX, Entry, Remove, Upsert};

fn entry(key: &str) -> Entry {
    Entry { key: key.to_owned(), state: "on".to_owned(), share: 1.0, ..Entry::default() }
}

fn tell<C: troupe_runtime::Command>(directory: &mut Directory, command: &C) -> Result<(), String>
where
    Directory: Decide<C>,
{
    let globals = Globals::default();
    let decision = directory.decide(command, &Context::at(Timestamp(1), "monitors", &globals));
    decision.outcome().map_err(|refused| refused.code.clone())?;
    decision.events().iter().for_each(|event| directory.apply(event));
    Ok(())
}

#[test]
fn an_entity_is_listed_once_with_its_last_entry() {
    let mut directory = Directory::default();
    tell(&mut directory, &Upsert { entry: entry("a") }).unwrap();
    let wanting = Entry { topics: vec!["play".into()], due: Some(Timestamp(50)), ..entry("a") };
    tell(&mut directory, &Upsert { entry: wanting.clone() }).unwrap();
    assert_eq!(directory.entries().collect::<Vec<_>>(), [&wanting]);
    assert_eq!(directory.wanting("play").count(), 1);
    assert_eq!(directory.wanting("rating").count(), 0);
    assert_eq!(directory.due(Timestamp(49)).count(), 0);
    assert_eq!(directory.due(Timestamp(50)).count(), 1);
    tell(&mut directory, &Remove { key: "a".into() }).unwrap();
    assert_eq!(directory.entries().count(), 0);
}

#[test]
fn a_full_directory_drops_idle_entities_and_never_active_ones() {
    let mut directory = Directory::default();
    for i in 0..ENTRIES_MAX {
        let due = (i != 7).then_some(Timestamp(1));
        tell(&mut directory, &Upsert { entry: Entry { due, ..entry(&format!("{i:05}")) } }).unwrap();
    }
    tell(&mut directory, &Upsert { entry: Entry { due: Some(Timestamp(1)), ..entry("one more") } }).unwrap();
    assert_eq!(directory.entries().count(), ENTRIES_MAX);
    assert!(directory.entries().all(|entry| entry.key != "00007"));
    assert_eq!(tell(&mut directory, &Upsert { entry: entry("too much") }), Err("TOO_MANY".to_owned()));
}
