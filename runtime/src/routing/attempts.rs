//! The attempts at the asks of one shard, and what to try next. Pure: used by the dispatcher and the simulation's
//! clients.

use std::time::Duration;

use crate::address::NodeId;
use crate::entity::Registry;
use crate::error::AskError;
use crate::transport::{AskOne, Outcome};

/// First and longest pause between attempts while a shard has no leader.
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(80);
/// An attempt of a repeatable ask ends after this time, because its node may be frozen.
pub const ATTEMPT_MAX: Duration = Duration::from_millis(1_500);

/// Separates the first doubt from the newest error.
const ASKED_AGAIN: &str = "; asked again: ";

/// The attempts at one shard's asks.
#[derive(Debug)]
pub struct Attempts {
    outcomes: Vec<Outcome>,
    left: Vec<usize>,
    pause: Duration,
    hint: Option<NodeId>,
    turn: usize,
}

impl Attempts {
    /// No attempt yet at `count` asks. Without a known leader, nodes are tried in turn after the one numbered `turn`.
    #[must_use]
    pub fn new(count: usize, turn: usize) -> Self {
        Self {
            outcomes: vec![Err(AskError::Expired); count],
            left: (0..count).collect(),
            pause: PAUSE_MIN,
            hint: None,
            turn,
        }
    }

    /// Asks without a final answer.
    #[must_use]
    pub fn left(&self) -> &[usize] {
        &self.left
    }

    /// The next node to try: the hint of the last answer, else the known leader, else the next node in turn.
    pub fn target(&mut self, leader: Option<NodeId>, nth: impl Fn(usize) -> NodeId) -> NodeId {
        self.hint.take().or(leader).unwrap_or_else(|| {
            self.turn += 1;
            nth(self.turn)
        })
    }

    /// The hint of the last answer, if it had one.
    #[must_use]
    pub fn hint(&self) -> Option<NodeId> {
        self.hint
    }

    /// Takes the answers of an attempt at `to`, one for each ask left. Returns the pause before the next attempt, if
    /// there is to be one. A hint is followed at once; without a hint the shard is likely electing a leader.
    ///
    /// Once an attempt is in doubt, only a reply ends the doubt. The error of a later attempt does not settle the
    /// earlier one, which may still be in transit or wait for a majority.
    pub fn answered(
        &mut self,
        to: NodeId,
        answers: Vec<Outcome>,
        may_repeat: impl Fn(usize) -> bool,
    ) -> Option<Duration> {
        let mut again = Vec::new();
        for (at, answer) in std::mem::take(&mut self.left).into_iter().zip(answers) {
            if let Err(error) = &answer
                && may_ask_again(error, || may_repeat(at))
            {
                if let AskError::NotLeader { hint: Some(node) } = error
                    && NodeId(*node) != to
                {
                    self.hint = Some(NodeId(*node));
                }
                again.push(at);
            }
            self.outcomes[at] = match (&self.outcomes[at], answer) {
                (Err(AskError::Unknown(first)), Err(error)) if !error.executed() => {
                    Err(AskError::Unknown(with_doubt(first, &error)))
                }
                (_, answer) => answer,
            };
        }
        self.left = again;
        if self.left.is_empty() {
            return None;
        }
        if self.hint.is_some() {
            return Some(Duration::ZERO);
        }
        let pause = self.pause;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Some(pause)
    }

    /// The newest outcome of every ask.
    #[must_use]
    pub fn outcomes(self) -> Vec<Outcome> {
        self.outcomes
    }
}

/// The first doubt, with the newest error.
fn with_doubt(first: &str, newest: &AskError) -> String {
    let first = first.split(ASKED_AGAIN).next().unwrap_or(first);
    format!("{first}{ASKED_AGAIN}{newest}")
}

/// Whether the same ask may be sent again within its deadline.
fn may_ask_again(error: &AskError, may_repeat: impl Fn() -> bool) -> bool {
    match error {
        AskError::NotLeader { .. } | AskError::NotSent(_) => true,
        AskError::Unknown(_) => may_repeat(),
        _ => false,
    }
}

/// Whether the ask may be sent twice: it has an idempotency key, or its verb is repeatable.
#[must_use]
pub fn may_repeat(registry: &Registry, ask: &AskOne) -> bool {
    if ask.key.is_some() {
        return true;
    }
    registry
        .get(&ask.to.kind)
        .and_then(|kind| kind.verbs.get(ask.verb.as_str()))
        .is_some_and(|verb| verb.repeatable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nth(turn: usize) -> NodeId {
        [NodeId(1), NodeId(2), NodeId(3)][turn % 3]
    }

    fn not_leader(hint: Option<u16>) -> Outcome {
        Err(AskError::NotLeader { hint })
    }

    #[test]
    fn a_hint_is_followed_at_once_and_without_one_pauses_grow() {
        let mut attempts = Attempts::new(1, 0);
        let first = attempts.target(None, nth);
        assert_eq!(attempts.answered(first, vec![not_leader(Some(3))], |_| false), Some(Duration::ZERO));
        assert_eq!(attempts.target(Some(NodeId(1)), nth), NodeId(3), "a hint outweighs what was known");
        let mut pauses = Vec::new();
        for _ in 0..6 {
            // A node that names itself gives no new information.
            pauses.extend(attempts.answered(NodeId(3), vec![not_leader(Some(3))], |_| false));
        }
        assert_eq!(pauses.iter().map(Duration::as_millis).collect::<Vec<_>>(), [5, 10, 20, 40, 80, 80]);
    }

    #[test]
    fn only_a_reply_ends_a_doubt() {
        let lost = || vec![Err(AskError::Unknown("the node was lost".into()))];
        let refused = || vec![Err(AskError::Refused(crate::error::Refused::new("POOR", "too poor")))];
        for (later, expected) in [
            (vec![not_leader(None)], Err("the node was lost; asked again: not the leader")),
            (vec![Err(AskError::NotSent("no session".into()))], Err("asked again: not sent: no session")),
            (vec![Err(AskError::Expired)], Err("asked again: deadline passed")),
            (refused(), Err("asked again: refused: ")),
            (vec![Ok(vec![7])], Ok(vec![7])),
        ] {
            let mut attempts = Attempts::new(1, 0);
            let _ = attempts.answered(NodeId(1), lost(), |_| true);
            let _ = attempts.answered(NodeId(2), vec![not_leader(None)], |_| true);
            let _ = attempts.answered(NodeId(3), later.clone(), |_| true);
            match (attempts.outcomes().pop().unwrap(), expected) {
                (Ok(reply), Ok(expected)) => assert_eq!(reply, expected),
                (Err(AskError::Unknown(why)), Err(expected)) => assert!(why.contains(expected), "{why}"),
                (outcome, _) => panic!("{later:?}: {outcome:?}"),
            }
        }
        let mut attempts = Attempts::new(1, 0);
        let _ = attempts.answered(NodeId(1), vec![not_leader(None)], |_| true);
        assert_eq!(attempts.outcomes(), [not_leader(None)], "no attempt was in doubt");
    }

    #[test]
    fn only_repeatable_asks_are_sent_again_after_an_unknown_outcome() {
        let unknown = || Err(AskError::Unknown("lost".into()));
        let mut attempts = Attempts::new(3, 0);
        assert!(
            attempts.answered(NodeId(1), vec![unknown(), unknown(), Ok(vec![7])], |at| at == 0).is_some()
        );
        assert_eq!(attempts.left(), [0]);
        assert_eq!(attempts.answered(NodeId(2), vec![Ok(vec![8])], |_| true), None);
        assert_eq!(attempts.outcomes(), [Ok(vec![8]), unknown(), Ok(vec![7])]);
    }
}
