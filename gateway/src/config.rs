//! The `[gateway]` table of `cluster.toml`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use troupe_runtime::config::{Problem, Section};

/// Bounds of the public edge. Every queue and body behind it is limited by one of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Requests in work at once; the next one is answered 503 `OVERLOADED` with `Retry-After`. Health and metrics are
    /// answered beyond it.
    pub in_flight_max: u32,
    /// How late the node's tasks may get their turn: while all of them get it later, fewer requests are taken, down to
    /// what it can do.
    #[serde(with = "humantime_serde")]
    pub late_max: Duration,
    /// Open connections; more wait unaccepted in the kernel's backlog.
    pub connections_max: u32,
    /// Largest request body in bytes; a larger one is answered 413.
    pub body_bytes_max: usize,
    /// Most events in one call of `/v1/events`.
    pub events_max: usize,
    /// How far ahead of this node's clock an event's time may lie, for senders with fast clocks.
    #[serde(with = "humantime_serde")]
    pub ahead_max: Duration,
    /// Most entities in one feature lookup.
    pub lookup_entities_max: usize,
    /// Most features in one feature lookup.
    pub lookup_features_max: usize,
    /// Time for a call that brings no `X-Deadline-Ms`.
    #[serde(with = "humantime_serde")]
    pub deadline: Duration,
    /// Longest time that `X-Deadline-Ms` may ask for; more is cut to this.
    #[serde(with = "humantime_serde")]
    pub deadline_max: Duration,
    /// `Retry-After` of a request shed for want of room.
    #[serde(with = "humantime_serde")]
    pub retry_after: Duration,
    /// Titles kept in memory, for recommendations.
    pub titles_max: usize,
    /// Age at which a kept title is read again.
    #[serde(with = "humantime_serde")]
    pub titles_age_max: Duration,
    /// Recommendations waiting to be remembered by their members; more are dropped, counted and logged.
    pub remember_queue_max: usize,
    /// Time for requests in work to end after a stop was asked for; those left are cut off.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
    /// The URL of a Prometheus that canary analyses may ask for points; none if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<String>,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            in_flight_max: 512,
            late_max: Duration::from_millis(20),
            connections_max: 2_048,
            body_bytes_max: 8 << 20,
            events_max: 10_000,
            ahead_max: Duration::from_secs(300),
            lookup_entities_max: 1_000,
            lookup_features_max: 200,
            deadline: Duration::from_secs(5),
            deadline_max: Duration::from_secs(60),
            retry_after: Duration::from_secs(1),
            titles_max: 100_000,
            titles_age_max: Duration::from_secs(60),
            remember_queue_max: 10_000,
            drain: Duration::from_secs(5),
            prometheus: None,
        }
    }
}

impl Section for GatewayConfig {
    fn validate(&self, path: &str, problems: &mut Vec<Problem>) {
        let mut need = |sound: bool, key: &str, what: &str| {
            if !sound {
                problems.push(Problem::new(format!("{path}.{key}"), what));
            }
        };
        need((1..=1_000_000).contains(&self.in_flight_max), "in_flight_max", "must be 1 to 1000000");
        need(!self.late_max.is_zero(), "late_max", "must be longer than zero");
        need((1..=1_000_000).contains(&self.connections_max), "connections_max", "must be 1 to 1000000");
        need(
            (1_024..=256 << 20).contains(&self.body_bytes_max),
            "body_bytes_max",
            "must be 1024 bytes to 256 MiB",
        );
        need((1..=10_000).contains(&self.events_max), "events_max", "must be 1 to 10000");
        need((1..=10_000).contains(&self.lookup_entities_max), "lookup_entities_max", "must be 1 to 10000");
        need((1..=1_000).contains(&self.lookup_features_max), "lookup_features_max", "must be 1 to 1000");
        need(!self.deadline.is_zero(), "deadline", "must be longer than zero");
        need(self.deadline_max >= self.deadline, "deadline_max", "must not be shorter than deadline");
        need(self.deadline_max <= Duration::from_secs(3_600), "deadline_max", "must be at most one hour");
        need(!self.retry_after.is_zero(), "retry_after", "must be longer than zero");
        need((1..=10_000_000).contains(&self.titles_max), "titles_max", "must be 1 to 10000000");
        need(
            (1..=1_000_000).contains(&self.remember_queue_max),
            "remember_queue_max",
            "must be 1 to 1000000",
        );
        let url = |url: &String| url.starts_with("http://") || url.starts_with("https://");
        need(
            self.prometheus.as_ref().is_none_or(url),
            "prometheus",
            "must be a URL, as http://127.0.0.1:9090",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_impossible_value_is_reported_with_its_key_and_the_defaults_are_sound() {
        let mut problems = Vec::new();
        GatewayConfig::default().validate("gateway", &mut problems);
        assert_eq!(problems, []);

        let broken = GatewayConfig {
            in_flight_max: 0,
            late_max: Duration::ZERO,
            connections_max: 0,
            body_bytes_max: 1,
            events_max: 10_001,
            lookup_entities_max: 0,
            lookup_features_max: 0,
            deadline: Duration::from_secs(7_200),
            deadline_max: Duration::from_secs(7_199),
            retry_after: Duration::ZERO,
            titles_max: 0,
            remember_queue_max: 0,
            ..GatewayConfig::default()
        };
        broken.validate("gateway", &mut problems);
        let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "gateway.in_flight_max",
                "gateway.late_max",
                "gateway.connections_max",
                "gateway.body_bytes_max",
                "gateway.events_max",
                "gateway.lookup_entities_max",
                "gateway.lookup_features_max",
                "gateway.deadline_max",
                "gateway.deadline_max",
                "gateway.retry_after",
                "gateway.titles_max",
                "gateway.remember_queue_max",
            ]
        );
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        let read = serde_json::from_str::<GatewayConfig>(r#"{"in_flight_maxx": 3}"#);
        assert!(read.is_err_and(|error| error.to_string().contains("in_flight_maxx")));
    }
}
