//! The two tables against each other, with every kind of message loss between them.

use std::collections::BTreeMap;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use super::subject::{Death, Ending, Subject};
use super::watched::{PendingNotices, Watched};
use super::watching::{News, Watching};
use crate::address::{Address, NodeId, ShardId};

const HERE: NodeId = NodeId(1);
const THERE: NodeId = NodeId(2);
const SECOND: u64 = 1_000_000;

fn actor(name: &str) -> Subject {
    Subject::Actor { node: THERE, path: format!("node-2/{name}") }
}

fn died(subject: Subject, ending: Ending, reason: &str) -> Death {
    Death { subject, ending, reason: reason.to_owned() }
}

/// One poll with its answer.
fn round(watching: &mut Watching, watched: &mut Watched, incarnation: u64) -> Vec<News> {
    watching.settle(|_| Some(THERE));
    let Some((poll, _)) = watching.poll(THERE, HERE, 7) else { return Vec::new() };
    let refused = watched.take(&poll, |_| None, |_| true);
    let deaths = watched.pending(HERE);
    watching.answered(THERE, &poll, PendingNotices { incarnation, deaths, refused })
}

#[test]
fn names_of_what_can_be_watched_are_read_as_they_are_shown() {
    for text in ["node-2", "node-2/shards/shard-7", "members/42", "members/a/b"] {
        assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
    }
    assert_eq!("node-2/shards".parse(), Ok(Subject::Actor { node: THERE, path: "node-2/shards".to_owned() }));
    for text in ["", "n2", "node-2/", "members/", "/42", "node-x"] {
        let error = text.parse::<Subject>().unwrap_err().to_string();
        assert!(error.contains("cannot be watched"), "{error}");
    }
}

#[test]
fn a_notice_is_resent_until_it_is_acknowledged_and_delivered_once() {
    let (mut watching, mut watched) = (Watching::default(), Watched::default());
    let id = watching.begin(actor("a"), None).unwrap();
    assert_eq!(round(&mut watching, &mut watched, 9), [News::Begun(id)]);
    assert!(watched.ended("node-2/a", Ending::Failed, "no such colour"));
    assert!(!watched.ended("node-2/a", Ending::Failed, "again"), "its watch is over");
    // A lost answer.
    let (poll, waits) = watching.poll(THERE, HERE, 7).unwrap();
    assert!(waits && poll.new.is_empty());
    watched.take(&poll, |_| None, |_| true);
    assert_eq!(watching.unanswered(THERE, 0, "cut"), []);
    let news = round(&mut watching, &mut watched, 9);
    assert_eq!(news, [News::Died(id, died(actor("a"), Ending::Failed, "no such colour"))]);
    assert_eq!(round(&mut watching, &mut watched, 9), [], "the notice is acknowledged");
    assert_eq!(watched.len(), 0);
    watching.settle(|_| None);
    assert!(watching.is_empty() && watching.poll(THERE, HERE, 7).is_none());
}

#[test]
fn a_missing_actor_is_reported_and_an_entity_is_watched_at_its_leader() {
    let (mut watching, mut watched) = (Watching::default(), Watched::default());
    let id = watching.begin(actor("a"), None).unwrap();
    let (poll, _) = watching.poll(THERE, HERE, 7).unwrap();
    let gone = |path: &str| Some((Ending::Missing, format!("{path} is not there")));
    watched.take(&poll, gone, |_| true);
    let pending = PendingNotices { incarnation: 9, deaths: watched.pending(HERE), refused: Vec::new() };
    let news = watching.answered(THERE, &poll, pending);
    assert_eq!(news[1], News::Died(id, died(actor("a"), Ending::Missing, "node-2/a is not there")));

    let entity = Address { kind: "k".into(), key: "e".into() };
    let id = watching.begin(Subject::Entity(entity), Some(ShardId(3))).unwrap();
    assert!(watching.poll(NodeId(3), HERE, 7).is_none(), "its shard has no leader yet");
    watching.settle(|_| Some(NodeId(3)));
    let (poll, _) = watching.poll(NodeId(3), HERE, 7).unwrap();
    let refused = Watched::default().take(&poll, gone, |_| false);
    assert_eq!(refused, [(id, "shard 3 is not led here".to_owned())]);
    let pending = PendingNotices { incarnation: 4, deaths: Vec::new(), refused };
    assert_eq!(watching.answered(NodeId(3), &poll, pending), [], "it is tried again");
    assert_eq!(round(&mut watching, &mut watched, 9), [News::Begun(id)]);
}

#[test]
fn silence_and_another_incarnation_end_all_that_was_watched_on_the_node() {
    for restarted in [false, true] {
        let (mut watching, mut watched) = (Watching::default(), Watched::default());
        let id = watching.begin(actor("a"), None).unwrap();
        round(&mut watching, &mut watched, 9);
        let news = if restarted {
            round(&mut watching, &mut Watched::default(), 10)
        } else {
            assert_eq!(watching.unanswered(THERE, 5 * SECOND, "cut"), []);
            assert_eq!(watching.unanswered(THERE, 6 * SECOND, "cut"), []);
            watching.unanswered(THERE, 7 * SECOND, "cut")
        };
        let reason =
            if restarted { "node 2: it was restarted" } else { "node 2: no answer for 2000 ms: cut" };
        assert_eq!(news, [News::Died(id, died(actor("a"), Ending::NodeDown, reason))]);
    }
}

/// For any history of watches, deaths, lost answers and dropped watches: each watch gets at most one notice, about a
/// death after its begin. Every death after a watch has begun is reported eventually.
#[test]
fn no_history_loses_a_notice_or_delivers_it_twice() {
    for seed in 0..500 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let (mut watching, mut watched) = (Watching::default(), Watched::default());
        let mut open: BTreeMap<u64, (String, bool)> = BTreeMap::new();
        let mut due: BTreeMap<u64, u64> = BTreeMap::new();
        let mut deaths = 0_u64;
        let take =
            |news: Vec<News>, open: &mut BTreeMap<u64, (String, bool)>, due: &mut BTreeMap<u64, u64>| {
                for one in news {
                    match one {
                        News::Begun(id) => {
                            if let Some(entry) = open.get_mut(&id) {
                                entry.1 = true;
                            }
                        }
                        News::Died(id, death) => {
                            assert!(
                                open.remove(&id).is_some(),
                                "seed {seed}: watch {id} got two notices, or was dropped"
                            );
                            let reported: u64 = death.reason.parse().unwrap();
                            if let Some(first) = due.remove(&id) {
                                assert_eq!(reported, first, "seed {seed}: another death than the first");
                            }
                        }
                    }
                }
            };
        for _ in 0..60 {
            match rng.random_range(0..5) {
                0 => {
                    let name = format!("a{}", rng.random_range(0..3));
                    let id = watching.begin(actor(&name), None).unwrap();
                    open.insert(id, (format!("node-2/{name}"), false));
                }
                1 => {
                    deaths += 1;
                    let name = format!("node-2/a{}", rng.random_range(0..3));
                    watched.ended(&name, Ending::Failed, &deaths.to_string());
                    for (id, _) in open.iter().filter(|(_, (of, begun))| *of == name && *begun) {
                        due.entry(*id).or_insert(deaths);
                    }
                }
                2 => {
                    if let Some((poll, _)) = watching.poll(THERE, HERE, 7) {
                        // The answer or the question is lost.
                        if rng.random() {
                            watched.take(&poll, |_| None, |_| true);
                        }
                        assert_eq!(watching.unanswered(THERE, 0, "cut"), []);
                    }
                }
                3 => {
                    if let Some(id) = open.keys().next().copied() {
                        watching.let_go(id);
                        open.remove(&id);
                        due.remove(&id);
                    }
                }
                _ => take(round(&mut watching, &mut watched, 9), &mut open, &mut due),
            }
        }
        for _ in 0..3 {
            take(round(&mut watching, &mut watched, 9), &mut open, &mut due);
        }
        assert!(due.is_empty(), "seed {seed}: no notice for {due:?}");
        assert_eq!(watched.len(), open.len(), "seed {seed}: what is held is what is open");
    }
}
