use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;
use troupe_runtime::entity::Globals;
use troupe_runtime::{Address, Command, Context, Decide, Entity as _, Timestamp, wire};

use super::*;
use crate::stored::NamedFields;

#[derive(Default)]
struct World {
    queue: WorkQueue,
    now: u64,
    /// The ends reported to owners.
    ends: Vec<Finished>,
}

impl World {
    fn tell<C: Command>(&mut self, ask: &C) -> C::Reply
    where
        WorkQueue: Decide<C>,
    {
        let globals = Globals::default();
        let decision = self.queue.decide(ask, &Context::at(Timestamp(self.now), "q0", &globals));
        decision.events().iter().for_each(|event| self.queue.apply(event));
        for effect in decision.effects().iter().filter(|effect| effect.verb == Finished::VERB) {
            self.ends.push(wire::decode(&effect.body).unwrap());
        }
        let reply = decision.outcome().unwrap().unwrap();
        wire::decode(&wire::encode(reply)).unwrap()
    }

    fn claim(&mut self) -> Vec<Grant> {
        let room = [("http".to_owned(), 2)].into();
        self.tell(&Claim { worker: "n1".into(), room }).tasks
    }
}

fn offer(id: &str) -> Offer {
    let owner = Address { kind: "workflow-runs".into(), key: "w:1".into() };
    let spec = NamedFields(json!({ "url": "http://127.0.0.1/" }));
    Offer { id: id.into(), owner, executor: "http".into(), spec, timeout_ms: 60_000 }
}

fn done() -> Outcome {
    Outcome::Done { output: NamedFields(json!({ "status": 200 })) }
}

#[test]
fn a_task_is_leased_to_one_worker_and_its_owner_gets_one_end() {
    let mut world = World::default();
    world.tell(&offer("a"));
    world.tell(&offer("a"));
    let granted = world.claim();
    assert_eq!(granted.len(), 1);
    assert!(world.claim().is_empty());
    let (id, fence) = ("a".to_owned(), granted[0].fence);
    assert!(world.tell(&Beat { id: id.clone(), fence, progress: None, share: None }));
    assert!(world.tell(&Finish { id: id.clone(), fence, outcome: done() }));
    assert!(!world.tell(&Finish { id, fence, outcome: done() }));
    world.tell(&offer("a"));
    assert_eq!((world.ends.len(), world.claim().len()), (1, 0));
}

#[test]
fn a_worker_that_falls_silent_loses_its_lease_and_its_end_counts_no_more() {
    let mut world = World::default();
    world.tell(&offer("a"));
    let first = world.claim().remove(0);
    world.now = LEASE_MS;
    world.tell(&Sweep {});
    let second = world.claim().remove(0);
    assert!(second.fence > first.fence && second.delivery == 2);
    assert!(!world.tell(&Finish { id: "a".into(), fence: first.fence, outcome: done() }));
    assert!(world.tell(&Finish { id: "a".into(), fence: second.fence, outcome: done() }));
    assert_eq!(world.ends.len(), 1);
}

#[test]
fn a_task_whose_workers_die_or_whose_time_runs_out_ends() {
    let mut world = World::default();
    world.tell(&offer("a"));
    for _ in 0..DELIVERIES_MAX {
        assert_eq!(world.claim().len(), 1);
        world.now += LEASE_MS;
        world.tell(&Sweep {});
    }
    let end = world.ends.pop().unwrap();
    assert!(matches!(end.outcome, Outcome::Failed { kind: Failure::Platform, .. }), "{end:?}");
    world.tell(&offer("b"));
    world.now += 60_000;
    world.tell(&Sweep {});
    assert_eq!(world.ends, [Finished { id: "b".into(), outcome: Outcome::TimedOut }]);
}

#[test]
fn an_offer_that_cannot_be_taken_is_answered_and_not_refused() {
    let mut world = World::default();
    let large = Offer { spec: NamedFields(json!("x".repeat(SPEC_BYTES_MAX))), ..offer("large") };
    world.tell(&large);
    let end = world.ends.pop().unwrap();
    assert!(matches!(end.outcome, Outcome::Failed { kind: Failure::Fatal, .. }), "{end:?}");
    for i in 0..=TASKS_MAX {
        world.tell(&offer(&format!("t{i}")));
    }
    let end = world.ends.pop().unwrap();
    assert!(matches!(end.outcome, Outcome::Failed { kind: Failure::Platform, .. }), "{end:?}");
    world.tell(&Withdraw { id: "t0".into() });
    world.tell(&offer("more"));
    assert!(world.ends.is_empty());
}

#[test]
fn each_owner_gets_one_end_in_every_order_of_worker_calls() {
    for seed in 0..200 {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut world = World::default();
        let mut held: Vec<Grant> = Vec::new();
        let mut offered = 0;
        for _ in 0..300 {
            world.now += random.random_range(0..1_500);
            match random.random_range(0..6) {
                0 if offered < 20 => {
                    world.tell(&offer(&format!("t{offered}")));
                    offered += 1;
                }
                1 => held.extend(world.claim()),
                2 if !held.is_empty() => {
                    let grant = held[random.random_range(0..held.len())].clone();
                    world.tell(&Beat { id: grant.id, fence: grant.fence, progress: None, share: None });
                }
                3 if !held.is_empty() => {
                    let grant = held[random.random_range(0..held.len())].clone();
                    world.tell(&Finish { id: grant.id, fence: grant.fence, outcome: done() });
                }
                _ => world.tell(&Sweep {}),
            }
        }
        world.now += 1_000_000;
        world.tell(&Sweep {});
        let mut ids: Vec<&str> = world.ends.iter().map(|end| end.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), world.ends.len()), (offered, offered), "seed {seed}");
    }
}
