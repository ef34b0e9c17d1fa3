//! `[transport]` in `cluster.toml`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{Problem, Section};

/// Timing and bounds of the mesh between nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransportConfig {
    /// Time between heartbeats to a peer.
    #[serde(with = "humantime_serde")]
    pub heartbeat_every: Duration,
    /// Silence after which a peer is declared down and its session ended.
    #[serde(with = "humantime_serde")]
    pub peer_silent_max: Duration,
    /// First pause before a peer is dialled again.
    #[serde(with = "humantime_serde")]
    pub redial_min: Duration,
    /// Longest pause.
    #[serde(with = "humantime_serde")]
    pub redial_max: Duration,
    /// Bytes after which a frame accepts no further envelope.
    pub frame_bytes_max: u32,
    /// Envelopes queued for a peer in each lane; one more is refused.
    pub lane_envelopes_max: u32,
    /// Backpressure: bytes in flight to a peer that it has not consumed; at the bound nothing more is sent.
    pub credit_bytes: u32,
    /// Timeout of a connection's authentication.
    #[serde(with = "humantime_serde")]
    pub handshake_timeout: Duration,
    /// Connections that authenticate at once; one more is closed.
    pub handshakes_max: u16,
    /// The same bound for one address.
    pub handshakes_per_address_max: u16,
    /// Dial addresses of nodes, by name, that differ from their listen addresses: behind a tunnel or a proxy.
    pub dial: BTreeMap<String, SocketAddr>,
}

impl Default for TransportConfig {
    fn default() -> Self {
        Self {
            heartbeat_every: Duration::from_millis(200),
            peer_silent_max: Duration::from_secs(3),
            redial_min: Duration::from_millis(50),
            redial_max: Duration::from_secs(1),
            frame_bytes_max: 512 << 10,
            lane_envelopes_max: 16_384,
            credit_bytes: 8 << 20,
            handshake_timeout: Duration::from_secs(3),
            handshakes_max: 32,
            handshakes_per_address_max: 16,
            dial: BTreeMap::new(),
        }
    }
}

impl Section for TransportConfig {
    fn validate(&self, path: &str, problems: &mut Vec<Problem>) {
        let mut bad = |key: &str, what: &str| problems.push(Problem::new(format!("{path}.{key}"), what));
        if self.heartbeat_every < Duration::from_millis(10) {
            bad("heartbeat_every", "must be at least 10 ms");
        }
        if self.peer_silent_max < 3 * self.heartbeat_every {
            bad("peer_silent_max", "must be at least 3 heartbeat_every");
        }
        if self.redial_min < Duration::from_millis(10) || self.redial_min > self.redial_max {
            bad("redial_min", "must be at least 10 ms and at most redial_max");
        }
        if !((16 << 10)..=(4 << 20)).contains(&self.frame_bytes_max) {
            bad("frame_bytes_max", "must be 16384 to 4194304");
        }
        if self.lane_envelopes_max < 64 {
            bad("lane_envelopes_max", "must be at least 64");
        }
        if self.credit_bytes < 2 * self.frame_bytes_max {
            bad("credit_bytes", "must be at least 2 frame_bytes_max");
        }
        if self.handshake_timeout < Duration::from_millis(100) {
            bad("handshake_timeout", "must be at least 100 ms");
        }
        if self.handshakes_max == 0 {
            bad("handshakes_max", "must be at least 1");
        }
        if self.handshakes_per_address_max == 0 {
            bad("handshakes_per_address_max", "must be at least 1");
        }
    }
}
