//! Appends what was counted to the cluster's series.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use troupe_actors::delivery::traffic::{Role, Traffic};
use troupe_actors::observability::series::{Append, Series};
use troupe_runtime::entity::Globals;
use troupe_runtime::transport::AskOne;
use troupe_runtime::{Address, Command, Router, Timestamp, wire};

use super::counts::{Served, Window};

/// Between points of a model with a traffic split.
const CLOSE: Duration = Duration::from_secs(1);
/// Between points of a model without a traffic split.
const FAR: Duration = Duration::from_secs(10);
/// Time for the series to take their points; what they do not take then is lost.
const WITHIN: Duration = Duration::from_secs(5);

/// The background work; it ends with this handle.
pub(crate) struct Writer(JoinHandle<()>);

impl Writer {
    pub(crate) fn start(served: Arc<Served>, router: Router, globals: Arc<Globals>) -> Self {
        Self(tokio::spawn(work(served, router, globals)))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn work(served: Arc<Served>, router: Router, globals: Arc<Globals>) {
    let mut ticks = tokio::time::interval(CLOSE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut near, mut far) = ((Timestamp::wall(), Instant::now()), (Timestamp::wall(), Instant::now()));
    loop {
        ticks.tick().await;
        let now = (Timestamp::wall(), Instant::now());
        let split =
            |model: &str| globals.get::<Traffic>(model).is_some_and(|traffic| traffic.split().is_some());
        let mut asks = appends(&served.take(split), near.0, now.1 - near.1);
        near = now;
        if now.1 - far.1 >= FAR {
            asks.extend(appends(&served.take(|model| !split(model)), far.0, now.1 - far.1));
            far = now;
        }
        if asks.is_empty() {
            continue;
        }
        let failed: Vec<_> =
            router.ask_many(asks, WITHIN).await.into_iter().filter_map(Result::err).collect();
        if let Some(error) = failed.first() {
            tracing::warn!(failed = failed.len(), %error, "series did not take how versions answer");
        }
    }
}

/// The points of a window; its time is its begin, so that none falls behind the moment that a split changed.
fn appends(windows: &[Window], from: Timestamp, lasted: Duration) -> Vec<AskOne> {
    // If two versions answered in one role, only the newer is reported.
    let mut newest: HashMap<(&str, Role), &Window> = HashMap::new();
    for window in windows.iter().filter(|window| window.role != Role::Experiment) {
        let held = newest.entry((window.model.as_str(), window.role)).or_insert(window);
        if held.version < window.version {
            *held = window;
        }
    }
    let mut asks = Vec::new();
    for ((model, role), window) in newest {
        let requests = window.requests as f64;
        let seconds = lasted.as_secs_f64().max(0.001);
        for (name, value) in [
            ("requests", Some(requests / seconds)),
            ("errors", Some(window.errors as f64 / requests)),
            ("latency_ms", window.mean_ms),
            ("latency_p50_ms", window.p50_ms),
            ("latency_p99_ms", window.p99_ms),
            ("total_ms", window.total_ms),
        ] {
            let Some(value) = value else { continue };
            let key = format!("{name}:{model}-{}", role.label());
            // A model is served even if its name does not make a key.
            let Ok(to) = Address::parse_parts(<Series as troupe_runtime::Entity>::KIND, &key) else {
                continue;
            };
            let body = wire::encode(&Append { points: vec![(from, value)] });
            asks.push(AskOne { to, verb: Append::VERB.to_owned(), body, key: None });
        }
    }
    asks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_its_series_and_what_is_not_known_has_no_point() {
        let window = |version, role, errors| Window {
            model: "recommend".into(),
            version,
            role,
            requests: 10,
            errors,
            mean_ms: (errors < 10).then_some(2.0),
            total_ms: None,
            p50_ms: None,
            p99_ms: None,
        };
        let windows =
            [window(3, Role::Canary, 10), window(2, Role::Canary, 0), window(2, Role::Experiment, 0)];
        let asks = appends(&windows, Timestamp(5), Duration::from_secs(2));
        let points: Vec<(String, f64)> = asks
            .iter()
            .map(|ask| (ask.to.key.clone(), wire::decode::<Append>(&ask.body).unwrap().points[0].1))
            .collect();
        let expected = [("requests:recommend-canary", 5.0), ("errors:recommend-canary", 1.0)];
        assert_eq!(points, expected.map(|(key, value)| (key.to_owned(), value)));
    }
}
