//! One suite for every engine.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::address::ShardId;

const A: ShardId = ShardId(1);
const B: ShardId = ShardId(2);

fn engines() -> Vec<(&'static str, StoreConfig)> {
    let of = |engine| StoreConfig { engine, ..StoreConfig::default() };
    vec![("sled", of(Engine::Sled)), ("fjall", of(Engine::Fjall))]
}

fn for_each_engine(check: impl Fn(&str, &dyn Fn() -> Arc<dyn Store>, &Path)) {
    for (name, config) in engines() {
        let dir = tempfile::tempdir().unwrap();
        let open = || open_store(&config, dir.path()).unwrap();
        check(name, &open, dir.path());
    }
}

fn put(pairs: &[(&str, &str)]) -> StoreBatch {
    let pair = |(key, value): &(&str, &str)| (key.as_bytes().to_vec(), value.as_bytes().to_vec());
    StoreBatch { puts: pairs.iter().map(pair).collect(), deletes: Vec::new() }
}

fn keys(store: &dyn Store, shard: ShardId, prefix: &str, max: usize) -> Vec<String> {
    let mut keys = Vec::new();
    store
        .scan(shard, prefix.as_bytes(), &mut |key, _| {
            keys.push(String::from_utf8(key.to_vec()).unwrap());
            if keys.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .unwrap();
    keys
}

#[test]
fn a_batch_is_visible_and_survives_reopening() {
    for_each_engine(|name, open, _| {
        let store = open();
        store.write(A, put(&[("a", "1"), ("b", "2")])).unwrap();
        let batch = StoreBatch { deletes: vec![b"a".to_vec(), b"absent".to_vec()], ..put(&[("c", "3")]) };
        store.write(A, batch).unwrap();
        drop(store);
        let store = open();
        assert_eq!(store.get(A, b"a").unwrap(), None, "{name}");
        assert_eq!(store.get(A, b"b").unwrap().as_deref(), Some(&b"2"[..]), "{name}");
        assert_eq!(keys(&*store, A, "", 9), ["b", "c"], "{name}");
    });
}

#[test]
fn a_scan_keeps_key_order_and_prefix_and_stops_on_break() {
    for_each_engine(|name, open, _| {
        let store = open();
        store.write(A, put(&[("x/2", ""), ("x/1", ""), ("y/1", ""), ("x", ""), ("x/3", "")])).unwrap();
        assert_eq!(keys(&*store, A, "x/", 9), ["x/1", "x/2", "x/3"], "{name}");
        assert_eq!(keys(&*store, A, "x/", 2), ["x/1", "x/2"], "{name}");
        assert_eq!(keys(&*store, A, "z", 9), Vec::<String>::new(), "{name}");
    });
}

#[test]
fn shards_do_not_see_each_other_and_are_cleared_alone() {
    for_each_engine(|name, open, _| {
        let store = open();
        store.write(A, put(&[("k", "a")])).unwrap();
        store.write(B, put(&[("k", "b")])).unwrap();
        store.clear(A).unwrap();
        drop(store);
        let store = open();
        assert_eq!(store.get(A, b"k").unwrap(), None, "{name}");
        assert_eq!(store.get(B, b"k").unwrap().as_deref(), Some(&b"b"[..]), "{name}");
    });
}

#[test]
fn a_store_that_will_not_open_says_which_engine_and_why() {
    for_each_engine(|name, _, dir| {
        let file = dir.join("file");
        std::fs::write(&file, "not a directory").unwrap();
        let config =
            engines().into_iter().find(|(engine, _)| *engine == name).map(|(_, config)| config).unwrap();
        let error = open_store(&config, &file).err().unwrap();
        assert_eq!(error.engine, name);
    });
}

#[test]
fn a_group_log_is_the_fold_of_its_records() {
    let entry = |index, term| Record::Entry(LogEntry { index, term, kind: 0, data: vec![] });
    let mut log = GroupLog::default();
    let shard = ShardId(3);
    for record in [entry(1, 1), entry(2, 1), entry(3, 1), entry(2, 2)] {
        log.fold(shard, record).unwrap();
    }
    let held = |log: &GroupLog| log.entries.iter().map(|e| (e.index, e.term)).collect::<Vec<_>>();
    assert_eq!(held(&log), [(1, 1), (2, 2)], "a later entry replaces what follows it");
    assert!(log.fold(shard, entry(4, 2)).is_err(), "a gap");
    log.fold(shard, Record::Cut { index: 1, term: 1 }).unwrap();
    assert_eq!((log.cut, held(&log)), ((1, 1), vec![(2, 2)]));
    log.fold(shard, entry(1, 1)).unwrap();
    assert_eq!(held(&log), [(2, 2)], "behind the cut");
    let vote = Vote { term: 5, voted_for: 2, committed: 1 };
    log.fold(shard, Record::Base { replica: Some(9), vote, cut: (1, 1) }).unwrap();
    assert_eq!((log.replica, log.vote, held(&log)), (Some(9), vote, vec![(2, 2)]));
    log.fold(shard, Record::Reset { index: 10, term: 5 }).unwrap();
    assert_eq!((log.cut, held(&log)), ((10, 5), vec![]));
    log.fold(shard, Record::Replica { id: 11 }).unwrap();
    assert_eq!(log, GroupLog { replica: Some(11), ..GroupLog::default() });
}
