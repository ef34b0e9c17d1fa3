//! One replica of one group, around raft-rs's `RawNode`.

use std::collections::{BTreeMap, VecDeque};

use protobuf::Message as _;
use raft::eraftpb::{ConfState, Entry, HardState, Message, MessageType};
use raft::{RawNode, StateRole};

use super::config::RaftConfig;
use super::log::{Log, SnapshotMark};
use super::parts::{Ready, ReplicaId, Start, entry_from_record, rank, record_from_entry, term_at};
use crate::address::ShardId;
use crate::planted::Bug;
use crate::storage::{Record, Vote};

/// Ticks between the election timeouts of a group's replicas, so that two never stand for election at once.
const ELECTION_SPREAD_TICKS: usize = 6;

/// Ranks with election timeouts of their own; all ranks beyond share the last.
const RANKS_MAX: usize = 16;

/// Ticks before its election timeout from which on a follower counts every tick.
const BEATS_NEAR: usize = 6;

/// Ticks that the smallest snapshot is given before it counts as lost.
const SNAPSHOT_TICKS_MIN: u32 = 800;

/// Index and term of the founding membership.
const FOUNDING: (u64, u64) = (1, 1);

/// One replica of one group.
pub struct Group {
    pub(super) shard: ShardId,
    pub(super) id: ReplicaId,
    pub(super) raw: RawNode<Log>,
    /// Messages of batches not yet durable, with the batch that holds them back.
    pub(super) held: VecDeque<(u64, Vec<Message>)>,
    /// Batches that are not yet durable, and whether they hold records of their own.
    pub(super) pending: VecDeque<(u64, bool)>,
    /// A snapshot that becomes the applied state once its batch is durable.
    pub(super) installing: Option<(u64, u64)>,
    pub(super) kept: (u64, u64),
    /// Ticks since each follower began to take its snapshot.
    pub(super) awaited: BTreeMap<u64, u32>,
    /// Ticks that are left in which this replica grants no vote: it may have promised a leader's lease before it
    /// crashed.
    pub(super) quiet_ticks: usize,
    election_ticks: usize,
    /// Ticks without an answer after which a snapshot that was sent counts as lost.
    pub(super) snapshot_ticks: u32,
    /// Ticks without a leader after which this replica stands for election.
    stands_after: usize,
    /// Its checkpoint came from a snapshot that its log does not hold.
    begins_at_mark: bool,
}

impl Group {
    /// Starts a replica from what survived.
    ///
    /// # Errors
    /// A log that does not fit the checkpoint: the replica must be rebuilt from its peers.
    pub fn start(start: Start, config: &RaftConfig) -> Result<Self, String> {
        let Start { shard, id, founders, log, mut mark } = start;
        // A founder without a checkpoint, with a log that begins at the founding, is too young to have one.
        let young = id.generation() == 0 && (log.replica.is_none() || log.cut == FOUNDING);
        let fresh = log.replica.is_none() && mark.index == 0;
        let mut vote = log.vote;
        let mut cut = log.cut;
        let mut entries = log.entries;
        if young && mark.index == 0 {
            // Index 1 of term 1 is the founding membership. A replica that joins later lacks it, and so receives a
            // snapshot. Term 1 also because raft-rs panics on priority with pre-vote at term zero.
            let members = ConfState {
                voters: founders.iter().map(|replica| replica.0).collect(),
                ..Default::default()
            };
            mark = SnapshotMark { index: FOUNDING.0, term: FOUNDING.1, members };
            cut = FOUNDING;
            if fresh {
                vote = Vote { term: 1, voted_for: 0, committed: 1 };
            }
        }
        if mark.index < cut.0 {
            return Err(format!("the log begins after {} but the checkpoint ends at {}", cut.0, mark.index));
        }
        // Every group has a first term; a replica that joins learns the current term from its leader.
        vote.term = vote.term.max(1);
        if config.planted.has(Bug::VoteForgotten) {
            vote.voted_for = 0;
        }
        // After a crash between the store's and the log's part of installing a snapshot the store is whole. The log may
        // reach beyond it, with entries that another leader's entries have replaced.
        let begins_at_mark = term_at(&entries, cut, mark.index) != Some(mark.term);
        if begins_at_mark {
            entries.clear();
            cut = (mark.index, mark.term);
        }
        let last = entries.last().map_or(cut.0, |entry| entry.index);
        let hard_state = HardState {
            term: vote.term.max(mark.term).max(entries.last().map_or(0, |entry| entry.term)),
            vote: vote.voted_for,
            commit: vote.committed.clamp(mark.index.min(last), last),
            ..Default::default()
        };
        let raft_config = raft_config(id, mark.index, config);
        let storage = Log::new(hard_state, mark, cut, entries.into_iter().map(entry_from_record).collect());
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let raw = RawNode::new(&raft_config, storage, &logger).map_err(|error| error.to_string())?;
        let election = usize::from(config.election_ticks);
        let quiet_ticks = if fresh { 0 } else { election };
        let mut group = Self {
            shard,
            id,
            raw,
            held: VecDeque::new(),
            pending: VecDeque::new(),
            installing: None,
            kept: (config.log_kept_entries, config.log_kept_bytes),
            awaited: BTreeMap::new(),
            quiet_ticks,
            election_ticks: election,
            snapshot_ticks: snapshot_ticks(config),
            stands_after: election,
            begins_at_mark,
        };
        group.stand_by_rank();
        Ok(group)
    }

    /// Whether its log was replaced by its checkpoint: the log must then be reset to the checkpoint.
    #[must_use]
    pub const fn begins_at_mark(&self) -> bool {
        self.begins_at_mark
    }

    /// This replica's id.
    #[must_use]
    pub const fn id(&self) -> ReplicaId {
        self.id
    }

    /// The group.
    #[must_use]
    pub const fn shard(&self) -> ShardId {
        self.shard
    }

    /// Whether it leads.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.raw.raft.state == StateRole::Leader
    }

    /// Its Raft role.
    #[must_use]
    pub fn state(&self) -> StateRole {
        self.raw.raft.state
    }

    /// Whether it has a vote.
    #[must_use]
    pub fn votes(&self) -> bool {
        self.raw.raft.promotable()
    }

    /// Whether it leads and is not transferring leadership.
    #[must_use]
    pub fn may_propose(&self) -> bool {
        self.leads() && self.raw.raft.lead_transferee.is_none()
    }

    /// The current term.
    #[must_use]
    pub fn term(&self) -> u64 {
        self.raw.raft.term
    }

    /// The known leader. `None` if this replica was removed: it receives no news of the leader. `None` also after a
    /// silence in which any voter would have stood for election: raft-rs never forgets the leader of a replica that
    /// cannot stand, such as a learner that its group has replaced.
    #[must_use]
    pub fn leader(&self) -> Option<ReplicaId> {
        let raft = &self.raw.raft;
        let heard = self.leads() || raft.election_elapsed <= stands_at_most(self.election_ticks);
        let known = raft.leader_id != 0 && heard && raft.prs().get(raft.id).is_some();
        known.then(|| ReplicaId(raft.leader_id))
    }

    /// The last index known to be committed.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.raw.raft.raft_log.committed
    }

    /// The last index in its log, durable or not.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.raw.raft.raft_log.last_index()
    }

    /// The current membership.
    #[must_use]
    pub fn members(&self) -> ConfState {
        self.raw.raft.prs().conf().to_conf_state()
    }

    /// The in-memory log.
    #[must_use]
    pub fn log(&self) -> &Log {
        self.raw.store()
    }

    /// Entries from `low` up to and including `high`, durable or not.
    #[must_use]
    pub fn entries(&self, low: u64, high: u64) -> Vec<Entry> {
        let context = raft::GetEntriesContext::empty(false);
        self.raw.raft.raft_log.slice(low, high + 1, None, context).unwrap_or_default()
    }

    /// Moves the Raft clock by one tick.
    pub fn tick(&mut self) {
        self.quiet_ticks = self.quiet_ticks.saturating_sub(1);
        // raft-rs draws a random timeout whenever it forgets the leader.
        self.raw.raft.set_randomized_election_timeout(self.stands_after);
        self.raw.tick();
        self.count_snapshots();
    }

    /// Sets its election timeout by its rank among the present members.
    pub(super) fn stand_by_rank(&mut self) {
        let members = self.members();
        let voters: Vec<ReplicaId> =
            members.voters.iter().chain(&members.voters_outgoing).copied().map(ReplicaId).collect();
        let rank = rank(self.shard, self.id, &voters).min(RANKS_MAX - 1);
        self.stands_after = self.election_ticks + rank * ELECTION_SPREAD_TICKS;
    }

    /// Sends heartbeats, if this replica leads.
    pub fn beat(&mut self) {
        self.raw.ping();
    }

    /// Whether it may stand for election within the next few ticks, or stands already.
    #[must_use]
    pub fn election_near(&self) -> bool {
        let raft = &self.raw.raft;
        match raft.state {
            StateRole::Leader => false,
            StateRole::Follower => raft.election_elapsed + BEATS_NEAR >= self.stands_after,
            StateRole::Candidate | StateRole::PreCandidate => true,
        }
    }

    /// Takes a peer's encoded message. A message that does not decode or does not fit is dropped: Raft tolerates loss.
    pub fn step(&mut self, bytes: &[u8]) {
        if let Ok(message) = Message::parse_from_bytes(bytes) {
            self.step_message(message);
        }
    }

    /// Takes a peer's message.
    pub fn step_message(&mut self, message: Message) {
        let asks_vote =
            matches!(message.msg_type, MessageType::MsgRequestVote | MessageType::MsgRequestPreVote);
        // A message for an earlier generation of this replica must not reach this one.
        if message.to != self.id.0 || (asks_vote && self.quiet_ticks > 0) {
            return;
        }
        let _ = self.raw.step(message);
    }

    /// Proposes an entry; its index is [`Group::last`] afterwards.
    ///
    /// # Errors
    /// Not the leader, a leadership transfer, or too many uncommitted bytes.
    pub fn propose(&mut self, data: Vec<u8>) -> Result<u64, String> {
        self.raw.propose(Vec::new(), data).map_err(|error| error.to_string())?;
        Ok(self.last())
    }

    /// Starts a heartbeat round; it comes back in [`Ready::rounds`] once a majority has answered.
    pub fn round(&mut self, round: u64) {
        self.raw.read_index(round.to_le_bytes().to_vec());
    }

    /// Asks the leader for its commit index; it comes back in [`Ready::named`] once the leader has proven its lead.
    pub fn ask_index(&mut self, round: u64) {
        let mut name = round.to_le_bytes().to_vec();
        // With the id in the name a follower's round never equals a round of the leader's own.
        name.extend(self.id.0.to_le_bytes());
        self.raw.read_index(name);
    }

    /// Takes the outputs of the machine; `None` without any.
    pub fn ready(&mut self) -> Option<Ready> {
        if !self.raw.has_ready() {
            return None;
        }
        let mut from = self.raw.ready();
        let mut ready = Ready { messages: from.take_messages(), ..Ready::default() };
        ready.committed = from.take_committed_entries();
        for state in from.take_read_states() {
            match *state.request_ctx.as_chunks::<8>().0 {
                [round] => ready.rounds.push(u64::from_le_bytes(round)),
                [round, id] if u64::from_le_bytes(id) == self.id.0 => {
                    ready.named.push((u64::from_le_bytes(round), state.index));
                }
                _ => {}
            }
        }
        if !from.snapshot().is_empty() {
            let snapshot = from.snapshot().clone();
            let metadata = snapshot.get_metadata();
            let mark = SnapshotMark {
                index: metadata.index,
                term: metadata.term,
                members: metadata.get_conf_state().clone(),
            };
            ready.records.push(Record::Reset { index: mark.index, term: mark.term });
            self.installing = Some((from.number(), mark.index));
            self.raw.mut_store().reset_to(mark);
            self.stand_by_rank();
            ready.snapshot = Some(snapshot);
        }
        let entries = from.take_entries();
        self.raw.mut_store().append(&entries);
        ready.records.extend(entries.into_iter().map(|entry| Record::Entry(record_from_entry(entry))));
        if let Some(hard_state) = from.hs() {
            let hard_state = hard_state.clone();
            // A commit index alone need not be durable: the leader sends it again.
            if from.must_sync() || !ready.records.is_empty() {
                ready.records.push(Record::Vote(Vote {
                    term: hard_state.term,
                    voted_for: hard_state.vote,
                    committed: hard_state.commit,
                }));
            }
            self.raw.mut_store().hard_state = hard_state;
        }
        let number = from.number();
        let persisted = from.take_persisted_messages();
        self.raw.advance_append_async(from);
        let records = !ready.records.is_empty();
        if !records && self.pending.is_empty() {
            self.raw.on_persist_ready(number);
            ready.messages.extend(persisted);
        } else {
            // A batch without records waits for the batch before it: a promise must not leave before its records are
            // durable.
            ready.number = if records { number } else { 0 };
            self.pending.push_back((number, records));
            self.held.push_back((number, persisted));
        }
        Some(ready)
    }

    /// The records of this batch, and of every one before it, are durable. Returns messages that may leave now.
    pub fn persisted(&mut self, number: u64) -> Vec<Message> {
        let mut upto = number;
        while let Some((front, records)) = self.pending.front().copied() {
            if front > upto && records {
                break;
            }
            upto = upto.max(front);
            self.pending.pop_front();
        }
        self.raw.on_persist_ready(upto);
        if let Some((batch, index)) = self.installing
            && batch <= upto
        {
            self.installing = None;
            self.raw.advance_apply_to(index);
        }
        let mut messages = Vec::new();
        while let Some((held, _)) = self.held.front() {
            if *held > upto {
                break;
            }
            if let Some((_, batch)) = self.held.pop_front() {
                messages.extend(batch);
            }
        }
        messages
    }

    /// Reports to raft-rs that entries up to `index` are applied.
    pub fn applied(&mut self, index: u64) {
        self.raw.advance_apply_to(index);
    }

    /// A checkpoint up to `mark` is durable: cuts the log behind it and returns the record of the cut.
    pub fn checkpointed(&mut self, mark: SnapshotMark) -> Option<Record> {
        let (entries, bytes) = self.kept;
        let until = self.raw.store().kept_before(mark.index, entries, bytes);
        self.raw.mut_store().set_mark(mark);
        self.raw.mut_store().cut_to(until).map(|(index, term)| Record::Cut { index, term })
    }

    /// The term of an applied entry.
    #[must_use]
    pub fn term_of(&self, index: u64) -> u64 {
        self.raw.raft.raft_log.term(index).unwrap_or(0)
    }

    /// Whether a lagging replica waits for a newer checkpoint. Asking clears it.
    #[must_use]
    pub fn snapshot_wanted(&self) -> bool {
        self.raw.store().take_snapshot_wanted() > 0
    }
}

/// Ticks without a leader after which every voter stands for election.
const fn stands_at_most(election_ticks: usize) -> usize {
    election_ticks + RANKS_MAX * ELECTION_SPREAD_TICKS
}

/// Ticks for a snapshot: the minimum, and twice the time that the largest snapshot takes at its rate limit.
fn snapshot_ticks(config: &RaftConfig) -> u32 {
    let seconds = 2 * config.snapshot_bytes_max / config.snapshot_bytes_per_s.max(1);
    let ticks = u128::from(seconds) * 1_000_000 / config.tick.as_micros().max(1);
    SNAPSHOT_TICKS_MIN.saturating_add(u32::try_from(ticks).unwrap_or(u32::MAX))
}

/// Configuration of raft-rs for a replica that has applied entries up to `applied`.
fn raft_config(id: ReplicaId, applied: u64, config: &RaftConfig) -> raft::Config {
    let election = usize::from(config.election_ticks);
    raft::Config {
        id: id.0,
        election_tick: election,
        // The node's ticker asks for heartbeats, so that all groups of a node beat together.
        heartbeat_tick: election - 1,
        // Each replica's timeout is between these, by its rank: runs are reproducible, and two replicas never tie.
        min_election_tick: election,
        max_election_tick: stands_at_most(election),
        applied,
        max_size_per_msg: config.append_bytes_max,
        max_inflight_msgs: usize::from(config.inflight_messages_max),
        check_quorum: true,
        pre_vote: true,
        // raft-rs 0.7 adds entries to an empty append that waits to be sent, also entries that do not follow its index.
        // After a rejection in the same turn the follower then confirms more than it was sent, and the leader relies on
        // it.
        batch_append: false,
        max_committed_size_per_ready: 4 << 20,
        ..Default::default()
    }
}
