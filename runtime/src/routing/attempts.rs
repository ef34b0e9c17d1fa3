//! What was tried for the asks of one shard, and what to try next. Pure: the dispatcher and the simulation's clients
//! carry it.

use std::time::Duration;

use crate::address::NodeId;
use crate::entity::Registry;
use crate::error::AskError;
use crate::transport::{AskOne, Outcome};

/// First and longest pause between attempts while a shard has no leader.
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(80);
/// An attempt of something that may be repeated is given up after this, because its node may be frozen.
pub const ATTEMPT_MAX: Duration = Duration::from_millis(1_500);

/// Between why an ask is in doubt and what came after.
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
    /// Nothing tried yet of `count` asks; without a known leader nodes are tried in turn, after the one numbered `turn`.
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

    /// Asks without an answer that stands.
    #[must_use]
    pub fn left(&self) -> &[usize] {
        &self.left
    }

    /// Where to try next: where the last answer pointed, at the leader known, or anywhere, the nodes in turn.
    pub fn target(&mut self, leader: Option<NodeId>, nth: impl Fn(usize) -> NodeId) -> NodeId {
        self.hint.take().or(leader).unwrap_or_else(|| {
            self.turn += 1;
            nth(self.turn)
        })
    }

    /// Where the last answer pointed, if it did.
    #[must_use]
    pub fn hint(&self) -> Option<NodeId> {
        self.hint
    }

    /// Takes the answers of an attempt at `to`, one for each ask left. Returns how long to wait before the next attempt,
    /// if there is to be one: a hint is followed at once, without one the shard is likely electing.
    ///
    /// Once an attempt is in doubt, only a reply ends the doubt: what a later one was told says nothing of the earlier,
    /// which may still be on its way or wait for a majority.
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

/// Why an attempt is in doubt, and what the newest one was told.
fn with_doubt(first: &str, newest: &AskError) -> String {
    let first = first.split(ASKED_AGAIN).next().unwrap_or(first);
    format!("{first}{ASKED_AGAIN}{newest}")
}

/// Errors after which the same ask may be sent again within its deadline.
fn may_ask_again(error: &AskError, may_repeat: impl Fn() -> bool) -> bool {
    match error {
        AskError::NotLeader { .. } | AskError::NotSent(_) => true,
        AskError::Unknown(_) => may_repeat(),
        _ => false,
    }
}

/// Whether sending it twice does no harm: by its key, or by its nature.
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
            // A node that names itself says nothing new.
            pauses.extend(attempts.answered(NodeId(3), vec![not_leader(Some(3))], |_| false));
        }
        assert_eq!(pauses.iter().map(Duration::as_millis).collect::<Vec<_>>(), [5, 10, 20, 40, 80, 80]);
    }

    #[test]
    fn a_doubt_is_ended_by_a_reply_alone() {
        let lost = || vec![Err(AskError::Unknown("the node was lost".into()))];
        let refused = || vec![Err(AskError::Refused(crate::error::Refused::new("POOR", "too poor")))];
        for (later, told) in [
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
            match (attempts.outcomes().pop().unwrap(), told) {
                (Ok(reply), Ok(told)) => assert_eq!(reply, told),
                (Err(AskError::Unknown(why)), Err(told)) => assert!(why.contains(told), "{why}"),
                (outcome, _) => panic!("{later:?}: {outcome:?}"),
            }
        }
        let mut attempts = Attempts::new(1, 0);
        let _ = attempts.answered(NodeId(1), vec![not_leader(None)], |_| true);
        assert_eq!(attempts.outcomes(), [not_leader(None)], "no attempt was in doubt");
    }

    #[test]
    fn only_what_does_no_harm_twice_is_asked_again_after_an_unknown_outcome() {
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
