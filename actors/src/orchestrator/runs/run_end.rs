//! The stop, the timeout and the end of a run.

use troupe_runtime::text::cut;
use troupe_workflows::status::InstanceStatus;

use super::messages::{Ended, Kind};
use super::outgoing::Outgoing;
use super::run_turn::RunTurn;
use super::turn::{STARTS_A_TURN, WORDS_CHARS_MAX};
use crate::stored::NamedFields;

impl RunTurn<'_, '_> {
    /// Stops all steps. The end counts as failed if `kill` is set.
    pub(super) fn stop(&mut self, why: &str, kill: bool) {
        if self.turn.live.head.stopping.is_some() {
            return;
        }
        self.turn.live.head.stopping = Some((cut(why, WORDS_CHARS_MAX), kill));
        self.turn.line(format!("it is stopped: {why}"));
        self.stop_steps(why, kill);
        let unfinished = self.turn.live.steps().any(|(_, step)| step.is_unfinished());
        if matches!(self.turn.begun.kind.0, Kind::Instance { .. }) && !unfinished {
            let status = if kill { InstanceStatus::Failed } else { InstanceStatus::Stopped };
            self.end(status, why);
        }
    }

    fn stop_steps(&mut self, why: &str, kill: bool) {
        for at in self.turn.steps_where(|_, step| step.is_unfinished()) {
            self.turn.attempt(at).stop(why, kill);
        }
    }

    /// Acts on each due step, and on the deadline of the instance.
    pub(super) fn look_at_clock(&mut self) {
        let now = self.turn.now;
        let due = self.turn.steps_where(|_, step| step.next_due().is_some_and(|due| due <= now));
        for at in due.into_iter().take(STARTS_A_TURN) {
            self.turn.attempt(at).look_at_clock();
        }
        if self.turn.live.head.until.is_some_and(|until| until <= now) {
            let why = "the instance took too long";
            self.turn.live.head.stopping.get_or_insert_with(|| (why.to_owned(), false));
            self.stop_steps(why, false);
            self.end(InstanceStatus::TimedOut, why);
        }
    }

    /// Ends a loop's run after the end of all iterations.
    pub(super) fn end_loop_if_done(&mut self) {
        let live = &self.turn.live;
        let is_instance = matches!(self.turn.begun.kind.0, Kind::Instance { .. });
        if is_instance || live.head.status.is_terminal() || !live.iterations.is_empty() {
            return;
        }
        let counts = live.head.counts;
        let first = live.failures.first().map_or_else(String::new, |(_, why)| why.clone());
        let status = match &live.head.stopping {
            Some((_, true)) => InstanceStatus::Failed,
            Some((_, false)) => InstanceStatus::Stopped,
            None if counts.failed > 0 => InstanceStatus::Failed,
            None if counts.stopped > 0 => InstanceStatus::Stopped,
            None => InstanceStatus::Succeeded,
        };
        let why = live.head.stopping.clone().map_or(first, |(why, _)| why);
        self.end(status, &why);
    }

    /// Ends the run and reports the end to its parent.
    pub(super) fn end(&mut self, status: InstanceStatus, why: &str) {
        let now = self.turn.now;
        let head = &mut self.turn.live.head;
        if head.status.is_terminal() {
            return;
        }
        let status = match &head.stopping {
            Some((_, true)) if status != InstanceStatus::Succeeded => InstanceStatus::Failed,
            _ => status,
        };
        let stopped = head.stopping.as_ref().map(|(why, _)| why.as_str());
        let why = stopped.filter(|words| !words.is_empty()).unwrap_or(why);
        let why = if status == InstanceStatus::Succeeded { String::new() } else { cut(why, WORDS_CHARS_MAX) };
        (head.status, head.ended, head.why, head.more) = (status, Some(now), why.clone(), false);
        head.until = None;
        let line = format!("run {} ends: {status} {why}", head.run);
        self.turn.line(line.trim_end());
        if let Some(parent) = &self.turn.begun.parent {
            let head = &self.turn.live.head;
            let ended = Ended {
                id: parent.id.clone(),
                run: head.run,
                status: NamedFields(status),
                counts: head.counts,
                why,
                values: NamedFields(head.values.clone()),
            };
            self.turn.send(Outgoing::Ended(parent.to.clone(), Box::new(ended)));
        }
    }
}
