//! Wall-clock time as entities see it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC.
///
/// Entities never read a clock: the leader of a shard stamps each batch. The stamp never goes back within a shard and
/// travels in the entry, so all replicas fold the same state.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Reads the wall clock. For shells only; pure code gets its time as an input.
    #[must_use]
    pub fn wall() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Self(skew::offset_ms().map_or(now, |offset| now.saturating_add_signed(offset)))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Whole microseconds of a duration, at most `u64::MAX`.
#[must_use]
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// The monotonic clock of one process, in microseconds since it was made. Clones read the same clock.
#[derive(Debug, Clone, Copy)]
pub struct Clock(std::time::Instant);

impl Clock {
    /// A clock at zero.
    #[must_use]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// A clock that has already run for this time.
    #[cfg(test)]
    pub(crate) fn started_before(ago: Duration) -> Self {
        Self(std::time::Instant::now() - ago)
    }

    /// Microseconds since the start. The clock runs on while the process is stopped by a signal, so a lease runs out
    /// then.
    #[must_use]
    pub fn mono(&self) -> u64 {
        micros(self.0.elapsed())
    }
}

/// A wall clock that is wrong on purpose, for drills. The environment variable `TROUPE_WALL_OFFSET_FILE` names a file
/// with the offset in milliseconds. Without the variable no file is read and no offset added.
mod skew {
    use std::path::PathBuf;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    const VARIABLE: &str = "TROUPE_WALL_OFFSET_FILE";
    /// Time between two reads of the file.
    const LOOK_EVERY: Duration = Duration::from_millis(20);

    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
    static OFFSET_MS: AtomicI64 = AtomicI64::new(0);

    pub(super) fn offset_ms() -> Option<i64> {
        FILE.get_or_init(|| {
            let file = PathBuf::from(std::env::var_os(VARIABLE)?);
            let watched = file.clone();
            let watching = std::thread::Builder::new().name("troupe-skew".to_owned()).spawn(move || {
                loop {
                    // While the file is being replaced, the last offset stays.
                    let offset =
                        std::fs::read_to_string(&watched).ok().and_then(|text| text.trim().parse().ok());
                    OFFSET_MS.store(
                        offset.unwrap_or_else(|| OFFSET_MS.load(Ordering::Relaxed)),
                        Ordering::Relaxed,
                    );
                    std::thread::sleep(LOOK_EVERY);
                }
            });
            watching.ok().map(|_| file)
        })
        .as_ref()
        .map(|_| OFFSET_MS.load(Ordering::Relaxed))
    }
}
