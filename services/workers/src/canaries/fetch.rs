//! Points for a look: from the cluster's own series, or from a Prometheus.

use std::collections::BTreeMap;
use std::time::Duration;

use troupe_actors::canary_analysis::Pair;
use troupe_actors::observability::series::{Range, Series};
use troupe_runtime::routing::ask;
use troupe_runtime::{Address, Entity as _, Router, Timestamp};
use troupe_statistics::canary::{CanaryConfig, Metric, Problem, Side, Sides};

use troupe_prometheus::{Prometheus, promql};

/// Time for one query.
const WITHIN: Duration = Duration::from_secs(10);
/// Time for all points of a look: a source that answers each query late must not hold a place for hours.
const LOOK_WITHIN: Duration = Duration::from_secs(120);

/// Brings points.
#[derive(Clone)]
pub struct Fetch {
    pub router: Router,
    /// None where none was configured.
    pub prometheus: Option<Prometheus>,
}

impl Fetch {
    /// The points of every metric, or why one could not be had.
    pub async fn pairs(
        &self,
        config: &CanaryConfig,
        sides: &BTreeMap<String, Sides>,
    ) -> Result<Vec<Pair>, String> {
        let late = |_| format!("the points did not come within {} s", LOOK_WITHIN.as_secs());
        tokio::time::timeout(LOOK_WITHIN, self.every(config, sides)).await.map_err(late)?
    }

    /// What can never be fetched, so that the canary does not wait: metrics of missing scopes, of sources that are
    /// not known, and with invalid queries.
    pub fn check(&self, config: &CanaryConfig, sides: &BTreeMap<String, Sides>) -> Vec<Problem> {
        let metrics = config.metrics.iter().enumerate();
        metrics
            .filter_map(|(at, metric)| self.unfetchable(config, metric, sides, &format!("metrics[{at}]")))
            .collect()
    }

    fn unfetchable(
        &self,
        config: &CanaryConfig,
        metric: &Metric,
        sides: &BTreeMap<String, Sides>,
        path: &str,
    ) -> Option<Problem> {
        let wrong = |field: &str, why: String| Some(Problem { path: format!("{path}.{field}"), why });
        let name = metric.scope_name.as_deref().unwrap_or("default");
        let Some(sides) = sides.get(name) else {
            let known: Vec<&str> = sides.keys().map(String::as_str).collect();
            return wrong(
                "scopeName",
                format!("the request has no scope {name:?}: it has {}", known.join(", ")),
            );
        };
        for side in [&sides.control, &sides.experiment] {
            match metric.query["type"].as_str() {
                Some("troupe") if Address::parse_parts(Series::KIND, &key(metric, side)).is_err() => {
                    return wrong(
                        "query.series",
                        format!("{:?} cannot name a series: give a shorter name", key(metric, side)),
                    );
                }
                Some("troupe") => {}
                Some("prometheus") if self.prometheus.is_none() => {
                    return wrong(
                        "query.type",
                        "no Prometheus is configured: set gateway.prometheus".to_owned(),
                    );
                }
                Some("prometheus") => {
                    if let Err(why) = promql(config, &metric.query, side) {
                        return wrong("query", why);
                    }
                }
                kind => {
                    let kind = kind.unwrap_or_default();
                    return wrong("query.type", format!("no source {kind:?}: give troupe or prometheus"));
                }
            }
        }
        None
    }

    async fn every(
        &self,
        config: &CanaryConfig,
        sides: &BTreeMap<String, Sides>,
    ) -> Result<Vec<Pair>, String> {
        let mut pairs = Vec::with_capacity(config.metrics.len());
        for metric in &config.metrics {
            let name = metric.scope_name.as_deref().unwrap_or("default");
            let Some(sides) = sides.get(name) else {
                return Err(format!(
                    "metric {:?} wants the scope {name:?}, which the request has not",
                    metric.name
                ));
            };
            let (control, experiment) = futures::try_join!(
                self.side(config, metric, &sides.control),
                self.side(config, metric, &sides.experiment)
            )?;
            let id = format!("{}-{}", config.id.as_deref().unwrap_or("adhoc"), metric.name);
            pairs.push(Pair { name: metric.name.clone(), id, control, experiment, ..Pair::default() });
        }
        Ok(pairs)
    }

    async fn side(
        &self,
        config: &CanaryConfig,
        metric: &Metric,
        side: &Side,
    ) -> Result<Vec<Option<f64>>, String> {
        let failed = |why: String| format!("metric {:?} of {:?}: {why}", metric.name, side.scope);
        match metric.query["type"].as_str() {
            Some("troupe") => self.series(metric, side).await.map_err(failed),
            Some("prometheus") => match &self.prometheus {
                Some(prometheus) => prometheus.points(config, &metric.query, side).await.map_err(failed),
                None => Err(failed("no Prometheus is configured: set gateway.prometheus".to_owned())),
            },
            kind => Err(failed(format!("no source {kind:?}: give a query.type of troupe or prometheus"))),
        }
    }

    async fn series(&self, metric: &Metric, side: &Side) -> Result<Vec<Option<f64>>, String> {
        let key = key(metric, side);
        let range =
            Range { from: Timestamp(side.from_ms), until: Timestamp(side.until_ms), step_ms: side.step_ms };
        ask::<Series, Range>(&self.router, &key, &range, WITHIN).await.map_err(|error| error.to_string())
    }
}

/// The key of a metric's own series.
fn key(metric: &Metric, side: &Side) -> String {
    let name = metric.query["series"].as_str().unwrap_or(&metric.name);
    format!("{name}:{}", side.scope)
}
