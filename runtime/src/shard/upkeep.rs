//! What a replica does by the clock alone.

use std::collections::VecDeque;
use std::time::Duration;

use super::replica::{Replica, seconds_of};
use crate::error::AskError;
use crate::replication::Mono;

/// A transfer of leadership that has not happened by then is tried again.
const HANDED_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Time between two looks for idle entities, in microseconds.
const PASSIVATE_EVERY: Mono = 1_000_000;

impl Replica {
    /// Answers asks whose deadline has passed before they were decided.
    pub(super) fn expire(&mut self, now: Mono) {
        if self.waiting.iter().all(|waiting| waiting.deadline > now) {
            return;
        }
        let (late, kept): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|waiting| waiting.deadline <= now);
        self.waiting = kept;
        for waiting in late {
            self.complete(waiting.token, waiting.slot, Err(AskError::Expired));
        }
    }

    /// Whether it is time to look for idle entities again.
    pub(super) const fn passivates(&self, now: Mono) -> bool {
        now.saturating_sub(self.passivated_at) > PASSIVATE_EVERY
    }

    pub(super) fn passivate(&mut self, now: Mono) {
        let seconds = seconds_of(now);
        let idle = u32::try_from(self.config.passivate_after.as_secs()).unwrap_or(u32::MAX);
        let budget = self.config.resident_bytes_max / (u64::from(self.shards) + 1);
        self.cells.passivate(self.checkpoint, seconds.saturating_sub(idle), budget);
    }

    /// Gives leadership to the shard's preferred node: back to one that was down once some time has passed, so that it
    /// leads its share again; to one that was named by hand as soon as it can take it.
    pub(super) fn hand_to_preferred(&mut self, now: Mono) {
        let after = if self.wishes.by_hand { HANDED_AGAIN_AFTER } else { self.config.rebalance_after };
        let after = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        let Some(leading) = &self.leading else { return };
        if !leading.ready || now.saturating_sub(leading.since) < after || !self.group.may_propose() {
            return;
        }
        let preferred = self.wishes.leader.or_else(|| self.group.preferred());
        if preferred == Some(self.group.id().node()) {
            return;
        }
        if let Some(to) = self.group.successor(&|node| Some(node) == preferred) {
            let reason = format!("to node {}, which is preferred for this shard", to.node());
            self.note("handing_over", reason);
            self.transfer(to);
        }
    }
}
