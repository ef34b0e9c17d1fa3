use super::*;

fn small() -> Options {
    Options { nodes: 3, shards: 3, seconds: 8, clients: 6, ..alone() }
}

/// Clients without other load: each seed gives the run in which it was found to fail.
fn alone() -> Options {
    Options { bystanders: false, ..Options::default() }
}

fn one(seed: u64, options: &Options) -> Outcome {
    run(seed, options, &draw(seed, options))
}

/// The first seed that fails, and why.
fn first_failing(options: &Options, seeds: std::ops::Range<u64>) -> Option<(u64, String)> {
    seeds.into_iter().find_map(|seed| one(seed, options).failure.map(|why| (seed, why)))
}

#[test]
fn no_invariant_is_violated_under_any_of_these_seeds() {
    assert_eq!(first_failing(&small(), 0..200), None);
    let wide = Options { nodes: 5, shards: 5, seconds: 6, ..small() };
    assert_eq!(first_failing(&wide, 1_000..1_050), None);
}

#[test]
fn followers_timers_and_panics_keep_their_guarantees_under_every_fault() {
    let options = Options { bystanders: true, ..small() };
    assert_eq!(first_failing(&options, 70_000..70_060), None);
    let options = Options { bystanders: true, ..restless(5) };
    assert_eq!(first_failing(&options, 71_000..71_020), None);
}

/// Shards move between nodes all the time, under all other faults.
#[test]
fn groups_change_their_members_under_every_fault_and_reach_their_targets() {
    let options = restless(5);
    let mut moved = 0;
    for seed in 5_000..5_060 {
        let outcome = one(seed, &options);
        assert_eq!(outcome.failure, None, "seed {seed}");
        moved += outcome.moved;
    }
    assert!(moved > 100, "only {moved} replicas were moved");
}

/// A call in doubt that was then refused for lack of a leader was reported as not executed, and had been executed.
#[test]
fn an_early_timeout_never_reports_a_possibly_executed_call_as_not_executed() {
    for call_ms in [700, 1_800] {
        let options = Options { call_ms, ..restless(3) };
        assert_eq!(first_failing(&options, 900_030..900_075), None, "{call_ms} ms");
    }
}

fn restless(nodes: u16) -> Options {
    let moves = [Group::Membership; 8];
    let faults: Vec<Group> = Group::ALL.into_iter().chain(moves).collect();
    Options { nodes, shards: 4, seconds: 12, clients: 6, faults, ..alone() }
}

/// A checkpoint taken before a snapshot and written after it restored values that acknowledged writes had replaced.
#[test]
fn a_checkpoint_under_way_does_not_undo_a_snapshot() {
    assert_eq!(one(20_069, &restless(5)).failure, None);
}

/// Entries added to an append that they did not follow were acknowledged beyond what was sent.
#[test]
fn a_follower_confirms_no_more_than_it_was_sent() {
    assert_eq!(one(30_155, &restless(5)).failure, None);
    assert_eq!(one(50_154, &restless(4)).failure, None);
}

/// The disk was full between the store's and the log's part of a snapshot. The entries after the snapshot did not
/// follow the log, and the log was read as damaged.
#[test]
fn a_log_behind_a_snapshot_is_reset() {
    assert_eq!(one(140_222, &restless(3)).failure, None);
}

/// Two new replicas of the same rank stood for election at the same ticks forever.
#[test]
fn newcomers_stand_for_election_one_after_the_other() {
    assert_eq!(one(120_146, &Options { replicas: 2, ..restless(5) }).failure, None);
}

/// A replica left its group while the joint membership still needed its vote. The group lost its majority.
#[test]
fn a_replica_goes_only_after_the_joint_membership_is_left() {
    let faults = vec![Group::Membership, Group::Membership, Group::Overload, Group::Disk];
    let options = Options { nodes: 5, replicas: 2, shards: 4, seconds: 12, clients: 6, faults, ..alone() };
    assert_eq!(first_failing(&options, 60_000..60_040), None);
}

/// A replica that was admitted twice opened as a learner that its group had replaced. A learner never stands for
/// election: it trusted a leader that no longer sent to it, and never asked for its standing.
#[test]
fn a_learner_without_messages_asks_for_its_standing() {
    assert_eq!(one(49, &small()).failure, None);
}

/// Two jumps of a leader's wall clock expired all stored answers, and a repeated command was executed twice.
#[test]
fn a_clock_that_jumps_forgets_no_answer() {
    assert_eq!(one(8_058, &Options { call_ms: 2_000, ..alone() }).failure, None);
}

/// In the simulation a node survived the failure of its log while it recorded a replica's new id, and never asked for
/// an id again.
#[test]
fn a_replica_asks_again_if_its_new_id_could_not_be_recorded() {
    let options = Options { nodes: 5, shards: 8, seconds: 20, clients: 8, call_ms: 2_000, ..alone() };
    assert_eq!(one(500_728, &options).failure, None);
}

/// The store failed during the installation of a snapshot, and the log recorded it all the same. Another replica's
/// disk was lost at that time, so the group lost its majority forever.
#[test]
fn a_snapshot_that_the_store_rejects_costs_no_vote() {
    let options =
        Options { nodes: 5, shards: 8, seconds: 20, clients: 8, call_ms: 2_000, ..Options::default() };
    assert_eq!(one(602_967, &options).failure, None);
}

#[test]
fn a_snapshot_lost_on_its_way_is_sent_again() {
    for seed in [96, 158] {
        assert_eq!(one(seed, &small()).failure, None, "seed {seed}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [1, 7] {
        let (once, again) = (one(seed, &small()), one(seed, &small()));
        assert_eq!(once, again);
        assert!(once.answered > 50 && once.entries > 50, "{once:?}");
        assert_ne!(once.hash, one(seed + 100, &small()).hash);
    }
}

#[test]
fn a_plan_is_drawn_from_its_seed_and_reads_back() {
    let plan = draw(3, &small());
    assert!(!plan.is_empty());
    assert_eq!(plan, draw(3, &small()));
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Timed>>(&text).unwrap(), plan);
}

#[cfg(feature = "planted")]
mod planted {
    use super::*;
    use crate::planted::{Bug, Planted};

    /// The bug is caught by its own symptom, and not by a failure that occurs without it.
    fn caught(bug: Bug, faults: &[Group], symptoms: &[&str]) {
        let clean = Options { faults: faults.to_vec(), seconds: 10, clients: 10, ..small() };
        let options = Options { planted: Planted::with(bug), ..clean.clone() };
        let (seed, why) = first_failing(&options, 0..120).unwrap_or_else(|| panic!("{bug:?} was not caught"));
        assert!(symptoms.iter().any(|symptom| why.contains(symptom)), "{bug:?}, seed {seed}: {why}");
        assert_eq!(one(seed, &clean).failure, None, "seed {seed} fails without the bug too");
        let plan = draw(seed, &options);
        let less = shrink(seed, &options, &plan, 60);
        assert!(less.len() <= plan.len() && run(seed, &options, &less).failure.is_some());
    }

    #[test]
    fn a_reply_before_commit_is_caught() {
        caught(Bug::ReplyBeforeCommit, &Group::ALL, &["not linearizable", "not there at the end"]);
    }

    #[test]
    fn a_skipped_fsync_is_caught() {
        caught(
            Bug::FsyncSkipped,
            &[Group::Crash, Group::Pause],
            &["out of range", "does not follow", "not there at the end"],
        );
    }

    #[test]
    fn an_unchecked_lease_is_caught() {
        caught(Bug::LeaseUnchecked, &[Group::Pause, Group::Cut], &["not linearizable", "was seen"]);
    }

    #[test]
    fn forgotten_answers_are_caught() {
        caught(Bug::DedupeOff, &Group::ALL, &["twice"]);
    }

    #[test]
    fn a_forgotten_outbox_is_caught() {
        caught(Bug::OutboxForgotten, &Group::ALL, &["its effect"]);
    }

    #[test]
    fn a_forgotten_vote_is_caught() {
        caught(Bug::VoteForgotten, &[Group::Crash], &["term"]);
    }
}
