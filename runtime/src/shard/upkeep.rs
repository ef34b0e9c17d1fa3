//! What a replica does by the clock alone.

use std::collections::VecDeque;

use super::replica::{Replica, seconds_of};
use crate::error::AskError;
use crate::replication::Mono;

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

    pub(super) fn passivate(&mut self, now: Mono) {
        let seconds = seconds_of(now);
        let idle = u32::try_from(self.config.passivate_after.as_secs()).unwrap_or(u32::MAX);
        let budget = self.config.resident_bytes_max / (u64::from(self.shards) + 1);
        self.cells.passivate(self.checkpoint, seconds.saturating_sub(idle), budget);
    }

    /// Gives leadership back to the shard's preferred node once it has caught up and some time has passed, so that a
    /// node that was down leads its share again.
    pub(super) fn hand_back_if_unpreferred(&mut self, now: Mono) {
        let after = u64::try_from(self.config.rebalance_after.as_micros()).unwrap_or(u64::MAX);
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
        if let Some(leading) = &mut self.leading {
            leading.since = now;
        }
    }
}
