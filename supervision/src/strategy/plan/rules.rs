//! Which children an ending affects, and when they restart: the rules of Erlang/OTP's `supervisor`, with backoff.

use std::time::Duration;

use troupe_runtime::supervised::Restart;

use crate::strategy::backoff::{mix, pause};
use crate::strategy::intensity::Recent;
use crate::strategy::options::{Options, Strategy};

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It stopped by itself.
    Normal,
    /// It panicked, returned an error or was killed.
    Failed,
    /// Its start failed.
    NotStarted,
}

/// The decision after an ending. Children are numbered in the order of their start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Do nothing: the child has finished.
    Leave,
    /// Stop the children in `stop` now. After the pause, start the children that [`Plan::due`] returns for this
    /// round.
    Restart {
        /// Running children to stop, the last started first.
        stop: Vec<usize>,
        /// Number of the pause. A later decision may move its children to another round; then `due` returns `None`.
        round: u64,
        /// Length of the pause.
        after: Duration,
    },
    /// The restart limit is exceeded: stop all children and fail, so that the parent decides.
    Escalate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Starts when this round is over.
    Waits {
        round: u64,
    },
    Runs {
        since: Duration,
    },
    /// Has finished; restarts only together with its group.
    Rests,
    /// Ended and never restarts.
    Gone,
}

#[derive(Debug, Clone)]
pub(super) struct Child {
    pub(super) restart: Restart,
    pub(super) phase: Phase,
    /// Starts in a row without a healthy run.
    attempts: u32,
}

/// The rules and the state of one supervisor.
#[derive(Debug, Clone)]
pub struct Plan {
    options: Options,
    pub(super) children: Vec<Child>,
    recent: Recent,
    round: u64,
    seed: u64,
}

impl Plan {
    /// The round of the first start.
    pub const FIRST: u64 = 0;

    /// A plan for children that start in this order, all due in [`Self::FIRST`].
    #[must_use]
    pub fn new(options: Options, children: impl IntoIterator<Item = Restart>, seed: u64) -> Self {
        let child = |restart| Child { restart, phase: Phase::Waits { round: Self::FIRST }, attempts: 0 };
        let children = children.into_iter().map(child).collect();
        Self { options, children, recent: Recent::default(), round: Self::FIRST, seed }
    }

    /// The next child to start in a round that is over. Report each with [`Self::started`] or [`Self::ended`] before
    /// the next call: a child that fails to start may hold back those after it.
    #[must_use]
    pub fn due(&self, round: u64) -> Option<usize> {
        self.children.iter().position(|child| child.phase == Phase::Waits { round })
    }

    /// Records that a child runs since `now`, measured from any fixed start.
    pub fn started(&mut self, child: usize, now: Duration) {
        if let Some(child) = self.children.get_mut(child) {
            child.phase = Phase::Runs { since: now };
        }
    }

    /// Decides what follows from the end of a child.
    pub fn ended(&mut self, child: usize, ending: Ending, now: Duration) -> Verdict {
        let Some(one) = self.children.get_mut(child) else { return Verdict::Leave };
        match (one.restart, ending) {
            (Restart::Temporary, _) => {
                one.phase = Phase::Gone;
                return Verdict::Leave;
            }
            (Restart::Transient, Ending::Normal) => {
                one.phase = Phase::Rests;
                return Verdict::Leave;
            }
            (Restart::Permanent, _) | (Restart::Transient, _) => {}
        }
        let healthy = |since| now.saturating_sub(since) >= self.options.healthy_after;
        if matches!(one.phase, Phase::Runs { since } if healthy(since)) {
            one.attempts = 0;
        }
        one.attempts = one.attempts.saturating_add(1);
        let attempts = one.attempts;
        if !self.recent.allow(&self.options, now) {
            return Verdict::Escalate;
        }
        self.round += 1;
        self.seed = mix(self.seed);
        Verdict::Restart {
            stop: self.regroup(child),
            round: self.round,
            after: pause(&self.options, attempts, self.seed),
        }
    }

    /// Whether a child waits for a restart.
    #[must_use]
    pub fn waits(&self, child: usize) -> bool {
        self.children.get(child).is_some_and(|child| matches!(child.phase, Phase::Waits { .. }))
    }

    /// Restarts left within the period.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.recent.left(&self.options)
    }

    /// Moves every affected child to the current round; returns those that still run, last started first.
    fn regroup(&mut self, failed: usize) -> Vec<usize> {
        let concerned = match self.options.strategy {
            Strategy::OneForOne => failed..failed + 1,
            Strategy::OneForAll => 0..self.children.len(),
            Strategy::RestForOne => failed..self.children.len(),
        };
        let round = self.round;
        let mut stop = Vec::new();
        for place in concerned.rev() {
            let child = &mut self.children[place];
            let runs = matches!(child.phase, Phase::Runs { .. });
            if runs && place != failed {
                stop.push(place);
            }
            child.phase = match child.phase {
                Phase::Gone => Phase::Gone,
                // A temporary child that was stopped with its siblings does not restart.
                Phase::Runs { .. } if child.restart == Restart::Temporary => Phase::Gone,
                _ => Phase::Waits { round },
            };
        }
        stop
    }
}
