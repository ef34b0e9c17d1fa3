//! What an actor with little to do need not be woken for.
//!
//! An idle node's processor time goes into waking its shards' actors: a follower that is woken at each beat and by each
//! heartbeat, a leader that is woken at each beat and by each answer to it, are woken two or three times for nothing. At
//! rest a follower hears of the clock with its leader's heartbeat, and a leader of its followers' answers with the next
//! beat. Nothing is decided by that: ticks and messages wait and are all counted with the next turn.

use raft::eraftpb::MessageType;

use super::replica::Replica;

/// How closely a replica follows the clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rest {
    /// Something may be due at any tick.
    #[default]
    None,
    /// It hears of the beats, and of every message.
    Beats,
    /// It follows a leader that is heard of: until a heartbeat is late, heartbeats tell it the time.
    Follows,
    /// It leads and nobody waits: answers to its heartbeats can wait for the next beat.
    Leads,
}

/// Field 1 of a Raft message, its type, as it is written first.
const TYPE_TAG: u8 = 1 << 3;

impl Rest {
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

    /// Whether these messages of a peer may be taken without the actor.
    #[must_use]
    pub fn answers_in_place(self, messages: &[Vec<u8>]) -> bool {
        let beats = |message: &Vec<u8>| message.starts_with(&[TYPE_TAG, MessageType::MsgHeartbeat as u8]);
        self == Self::Follows && messages.iter().all(beats)
    }

    /// Ticks that are counted at most with one turn: the clock of an actor that was held up loses what is more, for it must
    /// not stand for election over heartbeats that lie there unread. One more than a heartbeat takes, because a late one
    /// is noticed by that one.
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
    /// What it need not be woken for until its next turn.
    #[must_use]
    pub fn rest(&self) -> Rest {
        if self.hurried() {
            Rest::None
        } else if self.group.leads() {
            Rest::Leads
        } else if self.group.leader().is_some() {
            Rest::Follows
        } else {
            Rest::Beats
        }
    }

    /// Requests or an election may be due at any tick.
    fn hurried(&self) -> bool {
        !self.waiting.is_empty()
            || !self.open.is_empty()
            || !self.reads.is_empty()
            || self.timer_near
            || self.near.is_asked()
            || self.group.election_near()
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
        for (rest, beat, ticks, wakes) in [
            (Rest::None, false, 1, true),
            (Rest::Beats, false, 3, false),
            (Rest::Beats, true, 4, true),
            (Rest::Follows, true, 4, false),
            (Rest::Follows, false, 5, true),
            (Rest::Leads, true, 4, true),
            (Rest::Leads, false, 9, false),
        ] {
            assert_eq!(rest.wakes_at(beat, ticks, 4), wakes, "{rest:?} {beat} {ticks}");
            assert_eq!(Rest::from_bits(rest.to_bits()), rest);
        }
    }

    #[test]
    fn only_answers_to_heartbeats_can_wait_and_only_for_a_leader_at_rest() {
        let answer = message(MessageType::MsgHeartbeatResponse);
        for kind in [
            MessageType::MsgAppendResponse,
            MessageType::MsgAppend,
            MessageType::MsgRequestPreVote,
            MessageType::MsgTimeoutNow,
            MessageType::MsgHeartbeat,
        ] {
            assert!(Rest::Leads.wakes_for(&[answer.clone(), message(kind)]), "{kind:?}");
        }
        for (rest, wakes) in
            [(Rest::Leads, false), (Rest::Follows, true), (Rest::Beats, true), (Rest::None, true)]
        {
            assert_eq!(rest.wakes_for(std::slice::from_ref(&answer)), wakes, "{rest:?}");
        }
    }

    #[test]
    fn only_heartbeats_are_answered_in_place_and_only_by_a_follower_at_rest() {
        let beat = message(MessageType::MsgHeartbeat);
        for (rest, here) in
            [(Rest::Leads, false), (Rest::Follows, true), (Rest::Beats, false), (Rest::None, false)]
        {
            assert_eq!(rest.answers_in_place(&[beat.clone(), beat.clone()]), here, "{rest:?}");
        }
        for kind in [MessageType::MsgAppend, MessageType::MsgRequestVote, MessageType::MsgTimeoutNow] {
            assert!(!Rest::Follows.answers_in_place(&[beat.clone(), message(kind)]), "{kind:?}");
        }
    }
}
