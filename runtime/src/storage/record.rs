//! Records of the write-ahead log, and the state that a group's records fold to.

use bincode::{Decode, Encode};

use crate::address::ShardId;

/// A Raft entry as the log stores it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LogEntry {
    /// Position in the group's log, from one.
    pub index: u64,
    /// Term of the leader that proposed it.
    pub term: u64,
    /// raft-rs's entry type: 0 normal, 1 and 2 changes of membership.
    pub kind: u8,
    /// The payload.
    pub data: Vec<u8>,
}

/// A replica's vote, which it must remember so that it never votes twice in a term.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub struct Vote {
    /// The term.
    pub term: u64,
    /// The replica voted for; zero if none.
    pub voted_for: u64,
    /// The highest index known to be committed.
    pub committed: u64,
}

/// One record of one group.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Record {
    /// An entry; it replaces any entry of the same or a higher index.
    Entry(LogEntry),
    /// A vote; replaces older ones.
    Vote(Vote),
    /// A checkpoint covers the entries up to `index`, which has `term`; they need not be kept.
    Cut {
        /// Last index covered.
        index: u64,
        /// Its term.
        term: u64,
    },
    /// A snapshot at `index` replaced the log: every entry before this record is void.
    Reset {
        /// The snapshot's index.
        index: u64,
        /// Its term.
        term: u64,
    },
    /// The id of this node's replica from here on.
    Replica {
        /// The replica id.
        id: u64,
    },
    /// State of the group when earlier segments are deleted: replaces everything but the entries.
    Base {
        /// The replica's id.
        replica: Option<u64>,
        /// Its vote.
        vote: Vote,
        /// Index and term of the last entry covered.
        cut: (u64, u64),
    },
    /// This node's replica was removed from its group; earlier records are void.
    Gone,
}

impl Record {
    /// Whether the record voids all earlier records of the group.
    #[must_use]
    pub const fn voids_earlier(&self) -> bool {
        matches!(self, Self::Reset { .. } | Self::Replica { .. } | Self::Gone)
    }
}

/// The state that a group's records fold to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupLog {
    /// The replica's id, if it has one.
    pub replica: Option<u64>,
    /// Its vote.
    pub vote: Vote,
    /// Index and term of the entry before the first one kept.
    pub cut: (u64, u64),
    /// Entries after the cut, without a gap.
    pub entries: Vec<LogEntry>,
}

impl GroupLog {
    /// Whether the log begins after the checkpoint that it needs.
    #[must_use]
    pub const fn is_without(&self, checkpoint: u64) -> bool {
        // A log that begins at the founding of its group needs no checkpoint.
        self.cut.0 > 1 && checkpoint < self.cut.0
    }

    /// Index of the last entry, or of the cut without entries.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.entries.last().map_or(self.cut.0, |entry| entry.index)
    }

    /// Folds one record.
    ///
    /// # Errors
    /// A gap: the entry does not follow the log, so the log is damaged.
    pub fn fold(&mut self, shard: ShardId, record: Record) -> Result<(), String> {
        match record {
            Record::Entry(entry) => return self.fold_entry(shard, entry),
            Record::Vote(vote) => self.vote = vote,
            Record::Cut { index, term } if index > self.cut.0 => {
                self.entries.retain(|entry| entry.index > index);
                self.cut = (index, term);
            }
            Record::Cut { .. } => {}
            Record::Reset { index, term } => {
                self.entries.clear();
                self.cut = (index, term);
            }
            Record::Base { replica, vote, cut } => {
                self.replica = replica;
                self.vote = vote;
                if cut.0 > self.cut.0 {
                    self.entries.retain(|entry| entry.index > cut.0);
                    self.cut = cut;
                }
            }
            Record::Replica { id } => *self = Self { replica: Some(id), ..Self::default() },
            Record::Gone => *self = Self::default(),
        }
        Ok(())
    }

    fn fold_entry(&mut self, shard: ShardId, entry: LogEntry) -> Result<(), String> {
        if entry.index <= self.cut.0 {
            return Ok(());
        }
        let at = usize::try_from(entry.index - self.cut.0 - 1).map_err(|error| error.to_string())?;
        if at > self.entries.len() {
            let next = self.cut.0 + self.entries.len() as u64 + 1;
            return Err(format!(
                "shard {shard}: entry {} does not follow, expected at most {next}",
                entry.index
            ));
        }
        self.entries.truncate(at);
        self.entries.push(entry);
        Ok(())
    }
}
