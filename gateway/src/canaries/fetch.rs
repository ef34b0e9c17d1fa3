//! Points for a look: from the cluster's own series, or from a Prometheus.

use std::collections::BTreeMap;
use std::time::Duration;

use troupe_actors::canaries::Pair;
use troupe_actors::series::{Range, Series};
use troupe_judges::canary::{CanaryConfig, Metric};
use troupe_runtime::{Router, Timestamp};

use super::prometheus::Prometheus;
use super::request::{Side, Sides};

/// Time for one query.
const WITHIN: Duration = Duration::from_secs(10);
/// Time for all points of a look: a source that answers each query late must not hold a place for hours.
const LOOK_WITHIN: Duration = Duration::from_secs(120);

/// Brings points.
#[derive(Clone)]
pub(crate) struct Fetch {
    pub(crate) router: Router,
    /// None where none was configured.
    pub(crate) prometheus: Option<Prometheus>,
}

impl Fetch {
    /// The points of every metric, or why one could not be had.
    pub(crate) async fn pairs(
        &self,
        config: &CanaryConfig,
        sides: &BTreeMap<String, Sides>,
    ) -> Result<Vec<Pair>, String> {
        let late = |_| format!("the points did not come within {} s", LOOK_WITHIN.as_secs());
        tokio::time::timeout(LOOK_WITHIN, self.every(config, sides)).await.map_err(late)?
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
        let name = metric.query["series"].as_str().unwrap_or(&metric.name);
        let key = format!("{name}:{}", side.scope);
        let range =
            Range { from: Timestamp(side.from_ms), until: Timestamp(side.until_ms), step_ms: side.step_ms };
        super::ask::<Series, Range>(&self.router, &key, &range, WITHIN)
            .await
            .map_err(|error| error.to_string())
    }
}
