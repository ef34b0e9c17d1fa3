#![no_main]

use troupe_runtime::config::Section;
use troupe_runtime::replication::RaftConfig;
use troupe_runtime::shard::ShardConfig;
use troupe_runtime::storage::{StoreConfig, WalConfig};
use troupe_runtime::transport::TransportConfig;

/// A table that can be read is checked without a panic, and every problem of it names a key.
fn table<T: Section + serde::de::DeserializeOwned>(text: &str) {
    let Ok(section) = toml::from_str::<T>(text) else { return };
    let mut problems = Vec::new();
    section.validate("table", &mut problems);
    assert!(problems.iter().all(|problem| problem.to_string().starts_with("table.")), "{problems:?}");
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    table::<RaftConfig>(text);
    table::<ShardConfig>(text);
    table::<StoreConfig>(text);
    table::<WalConfig>(text);
    table::<TransportConfig>(text);
});
