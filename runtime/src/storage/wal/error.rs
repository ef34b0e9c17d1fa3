//! Errors of the write-ahead log.

use std::path::Path;

/// An error of the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalError {
    /// The queue is full: the disk is too slow.
    #[error("the write-ahead log's queue is full")]
    Full,
    /// An earlier write failed, or the log is closed; it accepts no more records.
    #[error("the write-ahead log has stopped: {0}")]
    Failed(String),
    /// The disk returned an error.
    #[error("{0}")]
    Io(String),
    /// A file in the directory is not a segment of this format.
    #[error("{0}")]
    Unreadable(String),
}

impl WalError {
    pub(super) fn io(path: &Path, error: &std::io::Error) -> Self {
        Self::Io(format!("{}: {error}", path.display()))
    }
}
