//! Quiescence: the events for which an idle shard's actor is not woken.
//!
//! An idle node spends its processor time on waking its shards' actors. Without quiescence a follower is woken at each
//! beat and by each heartbeat, and a leader at each beat and by each answer to it: two or three times without need. A
//! quiescent follower counts its ticks with its leader's next heartbeat, and a quiescent leader takes its followers'
//! answers with the next beat. Decisions are not affected: ticks and messages wait, and all of them are counted with
//! the next turn.

use raft::eraftpb::MessageType;

use super::replica::Replica;

/// How closely a replica follows the clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Quiescence {
    /// Something may be due at any tick.
    #[default]
    None,
    /// It is woken by beats and by every message.
    Beats,
    /// It follows a known leader: until a heartbeat is late, its ticks are counted with the heartbeats.
    Follows,
    /// It leads and no request waits: answers to its heartbeats wait for the next beat.
    Leads,
}

/// Tag of field 1 of an encoded Raft message, the message type. It is written first.
const TYPE_TAG: u8 = 1 << 3;

impl Quiescence {
    /// Whether the actor is woken by a tick, the `ticks`-th since its last turn.
    #[must_use]
    pub fn wakes_at(self, beat: bool, ticks: u32, heartbeat_ticks: u16) -> bool {
        match self {
            Self::None => true,
            Self::Beats | Self::Leads => beat,
            Self::Follows => ticks > u32::from(heartbeat_ticks),
        }
    }

    /// Whether the actor is woken by these messages of a peer.
    #[must_use]
    pub fn wakes_for(self, messages: &[Vec<u8>]) -> bool {
        let answers =
            |message: &Vec<u8>| message.starts_with(&[TYPE_TAG, MessageType::MsgHeartbeatResponse as u8]);
        self != Self::Leads || !messages.iter().all(answers)
    }

    /// Whether these messages of a peer may be handled without the actor.
    #[must_use]
    pub fn answers_inline(self, messages: &[Vec<u8>]) -> bool {
        let beats = |message: &Vec<u8>| message.starts_with(&[TYPE_TAG, MessageType::MsgHeartbeat as u8]);
        self == Self::Follows && messages.iter().all(beats)
    }

    /// Ticks that one turn counts at most. An actor that was held up loses the ticks beyond: it must not stand for
    /// election while heartbeats lie unread in its mailbox. One more than a heartbeat takes, because that one reveals a
    /// late heartbeat.
    #[must_use]
    pub fn ticks_max(heartbeat_ticks: u16) -> u32 {
        u32::from(heartbeat_ticks) + 1
    }

    pub(super) const fn to_bits(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Beats => 1,
            Self::Follows => 2,
            Self::Leads => 3,
        }
    }

    pub(super) const fn from_bits(bits: u8) -> Self {
        match bits {
            1 => Self::Beats,
            2 => Self::Follows,
            3 => Self::Leads,
            _ => Self::None,
        }
    }
}

impl Replica {
    /// The events for which it is not woken until its next turn.
    #[must_use]
    pub fn quiescence(&self) -> Quiescence {
        if self.is_busy() {
            Quiescence::None
        } else if self.machine.group.leads() {
            Quiescence::Leads
        } else if self.machine.group.leader().is_some() {
            Quiescence::Follows
        } else {
            Quiescence::Beats
        }
    }

    /// Whether a request, a timer or an election may be due at any tick.
    fn is_busy(&self) -> bool {
        !self.asks.is_idle()
            || !self.lead.reads.is_empty()
            || self.lead.firing.is_near()
            || self.follower_reads.is_asked()
            || self.machine.group.election_near()
    }
}

#[cfg(test)]
mod tests {
    use protobuf::Message as _;
    use raft::eraftpb::Message;

    use super::*;

    fn message(kind: MessageType) -> Vec<u8> {
        Message { msg_type: kind, to: 3, from: 1, term: 7, commit: 9, ..Default::default() }
            .write_to_bytes()
            .unwrap()
    }

    #[test]
    fn a_follower_wakes_when_a_heartbeat_is_late_and_a_leader_at_the_beat() {
        for (quiescence, beat, ticks, wakes) in [
            (Quiescence::None, false, 1, true),
            (Quiescence::Beats, false, 3, false),
            (Quiescence::Beats, true, 4, true),
            (Quiescence::Follows, true, 4, false),
            (Quiescence::Follows, false, 5, true),
            (Quiescence::Leads, true, 4, true),
            (Quiescence::Leads, false, 9, false),
        ] {
            assert_eq!(quiescence.wakes_at(beat, ticks, 4), wakes, "{quiescence:?} {beat} {ticks}");
            assert_eq!(Quiescence::from_bits(quiescence.to_bits()), quiescence);
        }
    }

    #[test]
    fn only_answers_to_heartbeats_wait_and_only_for_a_quiescent_leader() {
        let answer = message(MessageType::MsgHeartbeatResponse);
        for kind in [
            MessageType::MsgAppendResponse,
            MessageType::MsgAppend,
            MessageType::MsgRequestPreVote,
            MessageType::MsgTimeoutNow,
            MessageType::MsgHeartbeat,
        ] {
            assert!(Quiescence::Leads.wakes_for(&[answer.clone(), message(kind)]), "{kind:?}");
        }
        for (quiescence, wakes) in [
            (Quiescence::Leads, false),
            (Quiescence::Follows, true),
            (Quiescence::Beats, true),
            (Quiescence::None, true),
        ] {
            assert_eq!(quiescence.wakes_for(std::slice::from_ref(&answer)), wakes, "{quiescence:?}");
        }
    }

    #[test]
    fn only_heartbeats_are_answered_inline_and_only_by_a_quiescent_follower() {
        let beat = message(MessageType::MsgHeartbeat);
        for (quiescence, here) in [
            (Quiescence::Leads, false),
            (Quiescence::Follows, true),
            (Quiescence::Beats, false),
            (Quiescence::None, false),
        ] {
            assert_eq!(quiescence.answers_inline(&[beat.clone(), beat.clone()]), here, "{quiescence:?}");
        }
        for kind in [MessageType::MsgAppend, MessageType::MsgRequestVote, MessageType::MsgTimeoutNow] {
            assert!(!Quiescence::Follows.answers_inline(&[beat.clone(), message(kind)]), "{kind:?}");
        }
    }
}
