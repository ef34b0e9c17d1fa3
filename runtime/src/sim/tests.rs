use super::*;

fn small() -> Options {
    Options { nodes: 3, shards: 3, seconds: 8, clients: 6, ..alone() }
}

/// Clients and nothing else: with it each seed is the run that it was when it was found to fail.
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
fn nothing_that_must_hold_is_broken_under_any_of_these_seeds() {
    assert_eq!(first_failing(&small(), 0..200), None);
    let wide = Options { nodes: 5, shards: 5, seconds: 6, ..small() };
    assert_eq!(first_failing(&wide, 1_000..1_050), None);
}

#[test]
fn followers_timers_and_panics_keep_what_is_said_of_them_under_every_fault() {
    let options = Options { bystanders: true, ..small() };
    assert_eq!(first_failing(&options, 70_000..70_060), None);
    let options = Options { bystanders: true, ..restless(5) };
    assert_eq!(first_failing(&options, 71_000..71_020), None);
}

/// Shards go from node to node the whole time, while everything else befalls them.
#[test]
fn groups_change_their_members_under_every_fault_and_end_where_they_shall() {
    let options = restless(5);
    let mut moved = 0;
    for seed in 5_000..5_060 {
        let outcome = one(seed, &options);
        assert_eq!(outcome.failure, None, "seed {seed}");
        moved += outcome.moved;
    }
    assert!(moved > 100, "only {moved} replicas were moved");
}

/// A call that was in doubt and then refused for want of a leader was told not to have happened, and happened.
#[test]
fn who_gives_up_early_is_not_told_that_what_may_have_happened_did_not() {
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

/// A checkpoint taken before a snapshot came, and written after it, brought back what acknowledged writes had replaced.
#[test]
fn a_checkpoint_under_way_does_not_undo_a_snapshot() {
    assert_eq!(one(20_069, &restless(5)).failure, None);
}

/// Entries added to an append that they did not follow were confirmed beyond what was sent.
#[test]
fn a_follower_confirms_no_more_than_it_was_sent() {
    assert_eq!(one(30_155, &restless(5)).failure, None);
    assert_eq!(one(50_154, &restless(4)).failure, None);
}

/// The disk was full between the store's part of a snapshot and the log's: what followed the snapshot did not follow the
/// log, which read as damaged from then on.
#[test]
fn a_log_that_a_snapshot_has_overtaken_is_begun_anew() {
    assert_eq!(one(140_222, &restless(3)).failure, None);
}

/// Two newcomers of the same rank stood for election at the same ticks for ever.
#[test]
fn newcomers_stand_for_election_one_after_the_other() {
    assert_eq!(one(120_146, &Options { replicas: 2, ..restless(5) }).failure, None);
}

/// A replica that was to go, and went while the joint membership still asked it, left its group without a majority.
#[test]
fn a_replica_goes_only_after_the_joint_membership_is_left() {
    let faults = vec![Group::Membership, Group::Membership, Group::Overload, Group::Disk];
    let options = Options { nodes: 5, replicas: 2, shards: 4, seconds: 12, clients: 6, faults, ..alone() };
    assert_eq!(first_failing(&options, 60_000..60_040), None);
}

/// Taken back twice, a replica had opened as the learner that its group had meanwhile put another in place of. A learner
/// never stands for election, so it believed in a leader that no longer spoke to it, and asked nobody whether it belonged.
#[test]
fn a_learner_that_nobody_speaks_to_asks_whether_it_belongs() {
    assert_eq!(one(49, &small()).failure, None);
}

/// Two jumps of a leader's wall clock made all kept answers too old, and a command that was tried again was done twice.
#[test]
fn a_clock_that_jumps_forgets_no_answer() {
    assert_eq!(one(8_058, &Options { call_ms: 2_000, ..alone() }).failure, None);
}

/// A node whose log failed as it noted a replica's new id lived on in the simulation, and never asked for it again.
#[test]
fn a_replica_whose_new_id_could_not_be_noted_asks_again() {
    let options = Options { nodes: 5, shards: 8, seconds: 20, clients: 8, call_ms: 2_000, ..alone() };
    assert_eq!(one(500_728, &options).failure, None);
}

/// The store failed as a snapshot was to be installed, and the log was told of it all the same: with another replica's disk
/// gone at that time, the group had lost its majority for ever.
#[test]
fn a_snapshot_that_the_store_does_not_take_costs_no_vote() {
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

    /// The bug is caught by what it breaks, and not by something that fails without it as well.
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
