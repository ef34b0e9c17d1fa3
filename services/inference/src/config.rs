//! The `serving` section of `cluster.toml`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use troupe_runtime::config::{Problem, Section};

/// Longest batching delay; a longer one makes recommendations too slow for interactive use.
const MAX_DELAY_LIMIT: Duration = Duration::from_secs(1);

/// How models are run on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServingConfig {
    /// The ONNX Runtime library. Unset: the environment's `ORT_DYLIB_PATH`, then
    /// `.deps/onnxruntime/libonnxruntime.so` in the working directory or one above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library: Option<PathBuf>,
    /// Replicas of each model version, 1 to 256: the batches that run at once.
    pub replicas: NonZeroUsize,
    /// Most requests in one batch, 1 to 4096.
    pub max_batch: NonZeroUsize,
    /// How long a free replica waits for a batch to fill, at most 1 s. Zero takes the queued requests at once; under load
    /// batches fill without a delay.
    #[serde(with = "humantime_serde")]
    pub max_delay: Duration,
    /// Queue bound of each model version; a request beyond it is answered `BUSY`.
    pub queue_max: NonZeroUsize,
    /// Threads within one run of a model, 1 to 256.
    pub intra_threads: NonZeroUsize,
    /// Time limit for loading, checking or warming a model version.
    #[serde(with = "humantime_serde")]
    pub load_timeout: Duration,
}

impl Default for ServingConfig {
    fn default() -> Self {
        let count = |n| NonZeroUsize::new(n).unwrap_or(NonZeroUsize::MIN);
        Self {
            library: None,
            replicas: count(2),
            max_batch: count(32),
            max_delay: Duration::ZERO,
            queue_max: count(1024),
            intra_threads: count(1),
            load_timeout: Duration::from_secs(30),
        }
    }
}

impl Section for ServingConfig {
    fn validate(&self, path: &str, problems: &mut Vec<Problem>) {
        let mut check = |key: &str, wrong: bool, what: &str| {
            if wrong {
                problems.push(Problem::new(format!("{path}.{key}"), what));
            }
        };
        check("replicas", self.replicas.get() > 256, "must be 1 to 256");
        check("max_batch", self.max_batch.get() > 4096, "must be 1 to 4096");
        check("max_batch", self.max_batch > self.queue_max, "must not be above queue_max, or no batch fills");
        check("max_delay", self.max_delay > MAX_DELAY_LIMIT, "must be at most 1s");
        check("queue_max", self.queue_max.get() > 1 << 20, "must be 1 to 1048576");
        check("intra_threads", self.intra_threads.get() > 256, "must be 1 to 256");
        check("load_timeout", self.load_timeout.is_zero(), "must be above 0s");
        let empty = self.library.as_ref().is_some_and(|library| library.as_os_str().is_empty());
        check("library", empty, "must name a file; leave it out to search for the library");
    }
}
