//! The base record of each group at the start of a segment.

use crate::storage::{GroupLog, Record, Vote};

/// State of a group besides its entries.
#[derive(Default)]
pub(super) struct Facts {
    replica: Option<u64>,
    vote: Vote,
    pub(super) cut: (u64, u64),
    /// Index and term up to which a durable checkpoint covers the group. Not part of the log.
    pub(super) covered: (u64, u64),
}

impl Facts {
    pub(super) const fn of(log: &GroupLog) -> Self {
        Self { replica: log.replica, vote: log.vote, cut: log.cut, covered: (0, 0) }
    }

    pub(super) fn fold(&mut self, record: &Record) {
        match record {
            Record::Entry(_) => {}
            Record::Vote(vote) => self.vote = *vote,
            Record::Cut { index, term } => {
                if *index > self.cut.0 {
                    self.cut = (*index, *term);
                }
            }
            Record::Reset { index, term } => (self.cut, self.covered) = ((*index, *term), (0, 0)),
            Record::Replica { id } => *self = Self { replica: Some(*id), ..Self::default() },
            Record::Gone => *self = Self::default(),
            Record::Base { replica, vote, cut } => {
                *self = Self { replica: *replica, vote: *vote, cut: *cut, covered: (0, 0) };
            }
        }
    }

    pub(super) const fn base(&self) -> Record {
        Record::Base { replica: self.replica, vote: self.vote, cut: self.cut }
    }
}
