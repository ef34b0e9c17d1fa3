//! What a node keeps on disk, opened.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::watch;
use troupe_runtime::cluster::{Disk, IdentityFile};
use troupe_runtime::observe::{Journal as _, Lifecycle};
use troupe_runtime::shard::{Append, Unread};
use troupe_runtime::storage::{GroupLog, Record, Wal, WalError, open_store};
use troupe_runtime::{NodeId, ShardId, Timestamp};
use troupe_supervision::RingJournal;

use crate::config::Config;

/// The write-ahead log as shards see it, and why nothing can be written to it any more.
struct Log {
    wal: Wal,
    failure: watch::Sender<Option<String>>,
}

impl Log {
    fn failed(failure: &watch::Sender<Option<String>>, error: &WalError) {
        if matches!(error, WalError::Failed(_) | WalError::Io(_)) {
            failure.send_replace(Some(error.to_string()));
        }
    }
}

impl Append for Log {
    fn append(
        &self,
        shard: ShardId,
        records: Vec<Record>,
        done: Box<dyn FnOnce(Result<(), String>) + Send>,
    ) -> Result<(), String> {
        let failure = self.failure.clone();
        let done = Box::new(move |outcome: Result<(), WalError>| {
            done(outcome.map_err(|error| {
                Self::failed(&failure, &error);
                error.to_string()
            }));
        });
        self.wal.append(shard, records, done).map_err(|error| {
            Self::failed(&self.failure, &error);
            error.to_string()
        })
    }

    fn covered(&self, shard: ShardId, index: u64, term: u64) {
        self.wal.covered(shard, index, term);
    }

    fn reread(&self, shard: ShardId) -> Result<GroupLog, Unread> {
        self.wal.reread(shard).map_err(|error| match error {
            WalError::Unreadable(why) => Unread::Lost(why),
            other => Unread::Unavailable(other.to_string()),
        })
    }
}

/// Opens log, store and identity. `failure` is set when the log can take no more.
pub(crate) fn open_disk(
    config: &Config,
    data: &Path,
    journal: &Arc<RingJournal>,
    node: NodeId,
    failure: watch::Sender<Option<String>>,
) -> anyhow::Result<(Wal, Disk)> {
    let (wal, recovered) = Wal::open(&data.join("wal"), &config.wal).context("the write-ahead log")?;
    let tell = |change: &str, reason: String| {
        tracing::warn!(change, reason, "write-ahead log");
        let subject = "wal".to_owned();
        journal.record(Lifecycle { at: Timestamp::wall(), node, subject, change: change.to_owned(), reason });
    };
    if let Some(torn) = &recovered.torn {
        tell("torn_tail_cut", format!("{} after byte {}", torn.segment.display(), torn.offset));
    }
    if let Some(gap) = &recovered.gap {
        tell("unreadable", gap.clone());
    }
    for (shard, why) in &recovered.damaged {
        tell("damaged", format!("shard {shard}: {why}"));
    }
    let store = open_store(&config.store, data)?;
    let disk = Disk {
        log: Arc::new(Log { wal: wal.clone(), failure }),
        store,
        facts: Arc::new(IdentityFile::in_dir(data)),
        recovered: recovered.groups,
        damaged: recovered.damaged,
    };
    Ok((wal, disk))
}
