//! When a replica checkpoints its state, and what its checkpoints cover.

use super::config::ShardConfig;
use super::fence::{Epoch, Fence};
use super::output::CheckpointEnd;
use crate::address::ShardId;
use crate::replication::{Mono, SnapshotMark};
use crate::storage::StoreError;
use crate::time::micros;

/// Multiple of `checkpoint_log_bytes` at which commands are refused while checkpoints fail.
const LOG_CHECKPOINTS_MAX: u64 = 8;

/// The checkpoints of one replica.
pub(super) struct Checkpoints {
    /// The last index that a durable checkpoint covers.
    covered: u64,
    fence: Fence,
    /// What the checkpoint being written covers.
    pending: Option<SnapshotMark>,
    begun: Mono,
    wanted: bool,
    /// Failures since the last success.
    failures: u32,
    every: Mono,
    log_bytes: u64,
    /// Offset of this shard's turn within the interval. The node's shards take turns: all at once they would saturate the
    /// disk, and free and reallocate the memory of all their logs at the same moment.
    offset: Mono,
}

/// How a checkpoint ended.
pub(super) enum Ended {
    /// It is durable; `recovered` after earlier failures.
    Durable { mark: SnapshotMark, recovered: bool },
    /// It could not be written, `failures` times in a row.
    Failed { error: StoreError, failures: u32 },
}

impl Checkpoints {
    /// Checkpoints of a replica that was opened at `now` from one that covers `covered`.
    pub(super) fn new(covered: u64, now: Mono, shard: ShardId, shards: u32, config: &ShardConfig) -> Self {
        let every = micros(config.checkpoint_every);
        Self {
            covered,
            fence: Fence::default(),
            pending: None,
            begun: now,
            wanted: false,
            failures: 0,
            every,
            log_bytes: config.checkpoint_log_bytes,
            offset: u64::from(shard.0) * every / (u64::from(shards) + 1),
        }
    }

    /// The last index that a durable checkpoint covers.
    pub(super) const fn covered(&self) -> u64 {
        self.covered
    }

    /// Guards the store against writes of a state that was replaced.
    pub(super) const fn fence(&self) -> &Fence {
        &self.fence
    }

    /// The state that a checkpoint begun now is taken of.
    pub(super) fn epoch(&self) -> Epoch {
        self.fence.epoch()
    }

    /// Whether time or log size ask for a checkpoint.
    pub(super) fn is_due(&self, applied: u64, log_bytes: u64, now: Mono) -> bool {
        let old = self.turn(now) > self.turn(self.begun);
        let heavy = log_bytes >= self.log_bytes;
        applied > self.covered && (old || heavy)
    }

    /// Number of the shard's turn at `at`.
    fn turn(&self, at: Mono) -> u64 {
        (at + self.offset) / self.every.max(1)
    }

    /// Asks for a checkpoint at the next moment without entries in flight.
    pub(super) const fn want(&mut self) {
        self.wanted = true;
    }

    pub(super) const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Begins a checkpoint if one is wanted and possible. `settled` says that no speculation is resident. After a failure
    /// the next one waits for a whole interval.
    pub(super) fn begin(&mut self, now: Mono, settled: bool) -> bool {
        let backs_off = self.failures > 0 && now.saturating_sub(self.begun) < self.every;
        if backs_off || !self.wanted || self.pending.is_some() || !settled {
            return false;
        }
        self.wanted = false;
        self.begun = now;
        true
    }

    /// The checkpoint that has begun covers this.
    pub(super) fn pend(&mut self, mark: SnapshotMark) {
        self.pending = Some(mark);
    }

    /// Takes the end of a checkpoint. `None` for a checkpoint of a state that a snapshot has replaced.
    pub(super) fn end(&mut self, end: CheckpointEnd) -> Option<Ended> {
        if !end.epoch.lasts() {
            return None;
        }
        let mark = self.pending.take()?;
        match end.outcome {
            Ok(()) => {
                let recovered = std::mem::take(&mut self.failures) > 0;
                self.covered = self.covered.max(mark.index);
                Some(Ended::Durable { mark, recovered })
            }
            Err(error) => {
                self.failures += 1;
                Some(Ended::Failed { error, failures: self.failures })
            }
        }
    }

    /// A snapshot that covers `index` has replaced the state.
    pub(super) fn replace(&mut self, index: u64) {
        self.covered = index;
        self.pending = None;
    }

    /// Whether commands must be refused: checkpoints fail, and the log behind the last one has grown to its bound.
    pub(super) const fn blocks_commands(&self, log_bytes: u64) -> bool {
        log_bytes > self.log_bytes.saturating_mul(LOG_CHECKPOINTS_MAX) && self.failures > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Mono = 5_000_000;

    fn checkpoints(shard: u32) -> Checkpoints {
        Checkpoints::new(10, 0, ShardId(shard), 4, &ShardConfig::default())
    }

    fn mark(index: u64) -> SnapshotMark {
        SnapshotMark { index, ..SnapshotMark::default() }
    }

    fn ended(checkpoints: &Checkpoints, outcome: Result<(), StoreError>) -> CheckpointEnd {
        CheckpointEnd { epoch: checkpoints.epoch(), outcome }
    }

    fn failure() -> Result<(), StoreError> {
        Err(StoreError { engine: "test", what: "full".to_owned(), corrupt: false })
    }

    #[test]
    fn shards_take_turns_within_the_interval_and_a_heavy_log_is_due_at_once() {
        let due_at = |shard| (0..=EVERY).step_by(100_000).find(|now| checkpoints(shard).is_due(11, 0, *now));
        let times: Vec<Mono> = (1..=4).filter_map(due_at).collect();
        assert_eq!(times, [4_000_000, 3_000_000, 2_000_000, 1_000_000]);
        let log_bytes = ShardConfig::default().checkpoint_log_bytes;
        assert!(checkpoints(1).is_due(11, log_bytes, 0));
        assert!(!checkpoints(1).is_due(10, log_bytes, 2 * EVERY), "everything applied is covered");
    }

    #[test]
    fn a_checkpoint_waits_for_speculation_and_for_the_one_being_written() {
        let mut checkpoints = checkpoints(1);
        assert!(!checkpoints.begin(1, true), "none is wanted");
        checkpoints.want();
        assert!(!checkpoints.begin(1, false), "entries are in flight");
        assert!(checkpoints.begin(1, true));
        checkpoints.pend(mark(12));
        checkpoints.want();
        assert!(!checkpoints.begin(2, true), "one is being written");
        let end = ended(&checkpoints, Ok(()));
        assert!(matches!(checkpoints.end(end), Some(Ended::Durable { recovered: false, .. })));
        assert_eq!(checkpoints.covered(), 12);
        assert!(checkpoints.begin(2, true));
    }

    #[test]
    fn a_failure_waits_a_whole_interval_and_bounds_the_log() {
        let mut checkpoints = checkpoints(1);
        let bound = ShardConfig::default().checkpoint_log_bytes * LOG_CHECKPOINTS_MAX;
        checkpoints.want();
        assert!(checkpoints.begin(1, true));
        checkpoints.pend(mark(12));
        assert!(!checkpoints.blocks_commands(bound + 1), "no checkpoint has failed");
        let end = ended(&checkpoints, failure());
        assert!(matches!(checkpoints.end(end), Some(Ended::Failed { failures: 1, .. })));
        assert!(checkpoints.blocks_commands(bound + 1) && !checkpoints.blocks_commands(bound));
        assert_eq!(checkpoints.covered(), 10);
        checkpoints.want();
        assert!(!checkpoints.begin(EVERY, true));
        assert!(checkpoints.begin(EVERY + 1, true));
        checkpoints.pend(mark(13));
        let end = ended(&checkpoints, Ok(()));
        assert!(matches!(checkpoints.end(end), Some(Ended::Durable { recovered: true, .. })));
        assert!(!checkpoints.blocks_commands(bound + 1));
    }

    #[test]
    fn the_end_of_a_replaced_states_checkpoint_is_ignored() {
        let mut checkpoints = checkpoints(1);
        checkpoints.want();
        assert!(checkpoints.begin(1, true));
        checkpoints.pend(mark(12));
        let stale = ended(&checkpoints, Ok(()));
        drop(checkpoints.fence().pass());
        checkpoints.replace(20);
        assert!(checkpoints.end(stale).is_none());
        assert_eq!(checkpoints.covered(), 20);
    }
}
