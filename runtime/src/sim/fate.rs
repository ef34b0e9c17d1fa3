//! Faults that are armed on a simulated node and end its process.

use protobuf::Message as _;
use raft::eraftpb::{Message, MessageType};

/// Armed faults of one node.
#[derive(Default)]
pub(super) struct Fate {
    /// Until the first time, the node crashes after it grants a vote; it stays down for the second.
    pub(super) vote_trap: Option<(u64, u64)>,
    /// The vote trap fired: how long the node stays down, and the candidate that got the vote.
    pub(super) sprung: Option<(u64, u16)>,
    /// The node crashes with the next failure of its log and stays down for this time.
    pub(super) fragile: Option<u64>,
    /// The node crashes after the current event and stays down for this time.
    pub(super) dying: Option<u64>,
}

impl Fate {
    /// The log failed: the node crashes if it was armed for that.
    pub(super) fn log_failed(&mut self) {
        self.dying = self.fragile.take();
    }

    /// Fires the vote trap if the message grants a vote to node `to`.
    pub(super) fn sent(&mut self, now: u64, to: u16, message: &[u8]) {
        let Some((until, down)) = self.vote_trap.filter(|(until, _)| now <= *until) else { return };
        let granted = Message::parse_from_bytes(message).is_ok_and(|message| {
            message.get_msg_type() == MessageType::MsgRequestVoteResponse && !message.reject
        });
        if granted && until > 0 {
            self.vote_trap = None;
            self.sprung = Some((down, to));
        }
    }
}
