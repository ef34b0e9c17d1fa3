//! Which part a replica plays in its group: the states of the table in the module's story.

use crate::replication::Mono;

/// The state of a replica's leadership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It does not lead.
    Follows,
    /// It leads and has not yet applied every entry before its term.
    Elected,
    /// It leads and decides.
    Decides,
    /// It leads and has asked a peer to stand for election.
    HandsOver,
}

/// State that lasts as long as one term of leadership.
struct Leading {
    term: u64,
    /// The term's own first entry: it must be applied before anything is decided.
    from: u64,
    ready: bool,
    since: Mono,
    /// A peer was asked to stand for election and may do so at any later time in this term. Voters then ignore the lease
    /// that they promised, so it proves nothing any more.
    handed: bool,
}

/// What the replica sees of its group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// Whether Raft calls this replica the leader.
    pub(super) leads: bool,
    pub(super) term: u64,
    /// Last entry in the log.
    pub(super) last: u64,
    pub(super) applied: u64,
}

/// The leadership of one replica.
#[derive(Default)]
pub(super) struct Leadership(Option<Leading>);

impl Leadership {
    pub(super) const fn phase(&self) -> Phase {
        match &self.0 {
            None => Phase::Follows,
            Some(leading) if !leading.ready => Phase::Elected,
            Some(leading) if leading.handed => Phase::HandsOver,
            Some(_) => Phase::Decides,
        }
    }

    /// Ends the leadership if the group has another leader or term; true if it ended.
    pub(super) fn lose(&mut self, seen: Seen) -> bool {
        let lost = self.0.as_ref().is_some_and(|leading| !seen.leads || leading.term != seen.term);
        if lost {
            self.0 = None;
        }
        lost
    }

    /// Begins the leadership of a new term; true if it began.
    pub(super) fn win(&mut self, seen: Seen, now: Mono) -> bool {
        let won = seen.leads && self.0.is_none();
        if won {
            let from = seen.last;
            let ready = seen.applied >= from;
            self.0 = Some(Leading { term: seen.term, from, ready, since: now, handed: false });
        }
        won
    }

    /// Begins to decide once the term's first entry is applied. Returns that entry.
    pub(super) fn become_ready(&mut self, applied: u64) -> Option<u64> {
        let leading = self.0.as_mut().filter(|leading| !leading.ready && applied >= leading.from)?;
        leading.ready = true;
        Some(leading.from)
    }

    /// A peer was asked to stand for election at `now`.
    pub(super) fn hand_over(&mut self, now: Mono) {
        if let Some(leading) = &mut self.0 {
            leading.since = now;
            leading.handed = true;
        }
    }

    /// Whether the replica leads, ready to decide or not.
    pub(super) fn leads(&self) -> bool {
        self.phase() != Phase::Follows
    }

    /// Whether it leads and has applied everything before its term.
    pub(super) const fn decides(&self) -> bool {
        matches!(self.phase(), Phase::Decides | Phase::HandsOver)
    }

    /// Whether a peer may stand for election without regard to the lease.
    pub(super) fn is_handed(&self) -> bool {
        self.0.as_ref().is_some_and(|leading| leading.handed)
    }

    /// Microseconds since it decides or last handed over; `None` if it does not decide.
    pub(super) fn settled_for(&self, now: Mono) -> Option<Mono> {
        let leading = self.0.as_ref().filter(|leading| leading.ready)?;
        Some(now.saturating_sub(leading.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Seen = Seen { leads: true, term: 3, last: 10, applied: 8 };

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Event {
        Elected,
        FirstEntryApplied,
        Transfer,
        OtherLeader,
        OtherTerm,
    }

    fn happen(leadership: &mut Leadership, event: Event) {
        match event {
            Event::Elected => _ = leadership.win(SEEN, 1),
            Event::FirstEntryApplied => _ = leadership.become_ready(10),
            Event::Transfer => leadership.hand_over(2),
            Event::OtherLeader => _ = leadership.lose(Seen { leads: false, ..SEEN }),
            Event::OtherTerm => _ = leadership.lose(Seen { term: 4, ..SEEN }),
        }
    }

    /// The rows of the table in the module's story.
    const ROWS: [(Phase, Event, Phase); 8] = [
        (Phase::Follows, Event::Elected, Phase::Elected),
        (Phase::Elected, Event::FirstEntryApplied, Phase::Decides),
        (Phase::Elected, Event::OtherLeader, Phase::Follows),
        (Phase::Decides, Event::Transfer, Phase::HandsOver),
        (Phase::Decides, Event::OtherLeader, Phase::Follows),
        (Phase::Decides, Event::OtherTerm, Phase::Follows),
        (Phase::HandsOver, Event::Transfer, Phase::HandsOver),
        (Phase::HandsOver, Event::OtherLeader, Phase::Follows),
    ];

    fn at(phase: Phase) -> Leadership {
        let mut leadership = Leadership::default();
        let path: &[Event] = match phase {
            Phase::Follows => &[],
            Phase::Elected => &[Event::Elected],
            Phase::Decides => &[Event::Elected, Event::FirstEntryApplied],
            Phase::HandsOver => &[Event::Elected, Event::FirstEntryApplied, Event::Transfer],
        };
        path.iter().for_each(|event| happen(&mut leadership, *event));
        assert_eq!(leadership.phase(), phase);
        leadership
    }

    #[test]
    fn each_transition_of_the_table_ends_where_the_table_says() {
        for (from, event, to) in ROWS {
            let mut leadership = at(from);
            happen(&mut leadership, event);
            assert_eq!(leadership.phase(), to, "{from:?} {event:?}");
        }
        for (event, phase) in [(Event::FirstEntryApplied, Phase::Follows), (Event::Transfer, Phase::Follows)]
        {
            let mut leadership = at(phase);
            happen(&mut leadership, event);
            assert_eq!(leadership.phase(), phase, "{event:?} changes nothing here");
        }
    }

    #[test]
    fn the_story_of_the_module_lists_each_transition() {
        let story = include_str!("mod.rs");
        let listed: Vec<Vec<String>> = story
            .lines()
            .filter_map(|line| line.strip_prefix("//! | `"))
            .map(|row| row.split('|').take(3).map(|cell| cell.replace('`', "").trim().to_owned()).collect())
            .collect();
        let driven: Vec<Vec<String>> = ROWS
            .iter()
            .map(|(from, event, to)| vec![format!("{from:?}"), format!("{event:?}"), format!("{to:?}")])
            .collect();
        assert_eq!(listed, driven);
    }

    #[test]
    fn a_replica_that_has_applied_everything_decides_as_soon_as_it_is_elected() {
        let mut leadership = Leadership::default();
        assert!(leadership.win(Seen { applied: 10, ..SEEN }, 1));
        assert!(leadership.decides());
        assert_eq!(leadership.become_ready(10), None, "it was ready before");
        assert_eq!(leadership.settled_for(5), Some(4));
    }
}
