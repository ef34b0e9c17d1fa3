//! Points for a look: from the cluster's own series, or from a Prometheus.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use troupe_actors::canaries::Pair;
use troupe_actors::series::{Range, Series};
use troupe_judges::canary::{CanaryConfig, Metric};
use troupe_runtime::{Router, Timestamp};

use super::request::{Side, Sides};

/// Time for one query.
const WITHIN: Duration = Duration::from_secs(10);
/// Bytes of one answer.
const BYTES_MAX: usize = 8 << 20;

/// Brings points.
#[derive(Clone)]
pub(crate) struct Fetch {
    pub(crate) router: Router,
    pub(crate) http: reqwest::Client,
    /// Where the Prometheus is; none where none was configured.
    pub(crate) prometheus: Option<String>,
}

/// The part of Prometheus's answer that is looked at: <https://prometheus.io/docs/prometheus/latest/querying/api/>.
#[derive(Debug, Deserialize)]
struct Answered {
    status: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    data: Matrix,
}

#[derive(Debug, Default, Deserialize)]
struct Matrix {
    #[serde(default)]
    result: Vec<Row>,
}

#[derive(Debug, Default, Deserialize)]
struct Row {
    #[serde(default)]
    values: Vec<(f64, String)>,
}

impl Fetch {
    /// The points of every metric, or why one could not be had.
    pub(crate) async fn pairs(
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
            Some("prometheus") => self.prometheus(config, metric, side).await.map_err(failed),
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

    async fn prometheus(
        &self,
        config: &CanaryConfig,
        metric: &Metric,
        side: &Side,
    ) -> Result<Vec<Option<f64>>, String> {
        let Some(base) = &self.prometheus else {
            return Err("no Prometheus is configured: set gateway.prometheus".to_owned());
        };
        let query = promql(config, &metric.query, side)?;
        let seconds = |ms: u64| format!("{}.{:03}", ms / 1_000, ms % 1_000);
        // Prometheus takes both ends in: the last step would begin where the window ends.
        let end = side.until_ms.saturating_sub(1).max(side.from_ms);
        let asked = self
            .http
            .get(format!("{}/api/v1/query_range", base.trim_end_matches('/')))
            .query(&[
                ("query", query),
                ("start", seconds(side.from_ms)),
                ("end", seconds(end)),
                ("step", seconds(side.step_ms)),
            ])
            .timeout(WITHIN)
            .send();
        let answer =
            asked.await.map_err(|error| format!("Prometheus does not answer: {}", error.without_url()))?;
        let status = answer.status();
        let bytes = bounded(answer).await?;
        let answered: Answered = serde_json::from_slice(&bytes)
            .map_err(|_| format!("Prometheus answered {status} with no matrix"))?;
        if answered.status != "success" {
            return Err(format!(
                "Prometheus refused: {}",
                answered.error.chars().take(200).collect::<String>()
            ));
        }
        match answered.data.result.as_slice() {
            [] => Ok(Vec::new()),
            [row] => Ok(on_steps(row, side)),
            rows => Err(format!("the query has {} results: aggregate it to one, as avg(...)", rows.len())),
        }
    }
}

async fn bounded(mut answer: reqwest::Response) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() <= BYTES_MAX => bytes.extend_from_slice(&chunk),
            Ok(Some(_)) => {
                return Err(format!("Prometheus answered more than {BYTES_MAX} bytes: use a longer step"));
            }
            Ok(None) => return Ok(bytes),
            Err(error) => return Err(format!("Prometheus broke off: {}", error.without_url())),
        }
    }
}

/// Values at the steps of the window; steps that Prometheus leaves out have none.
fn on_steps(row: &Row, side: &Side) -> Vec<Option<f64>> {
    let steps = (side.until_ms - side.from_ms).div_ceil(side.step_ms);
    let mut values = vec![None; usize::try_from(steps).unwrap_or(0)];
    for (at, value) in &row.values {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times of this century")]
        let since = ((at * 1_000.0).round() as u64).saturating_sub(side.from_ms);
        let place = usize::try_from(since / side.step_ms).unwrap_or(usize::MAX);
        if let Some(slot) = values.get_mut(place) {
            *slot = value.parse::<f64>().ok().filter(|value| value.is_finite());
        }
    }
    values
}

/// The query as Kayenta builds it: an inline template with its prefix, a template by name, or a metric with its labels.
fn promql(config: &CanaryConfig, query: &Value, side: &Side) -> Result<String, String> {
    let text = |name: &str| query[name].as_str().filter(|text| !text.is_empty());
    let template = match (text("customInlineTemplate"), text("customFilterTemplate")) {
        (Some(inline), _) => inline.strip_prefix("PromQL:").unwrap_or(inline).to_owned(),
        (None, Some(name)) => match config.templates.get(name) {
            Some(template) => template.strip_prefix("PromQL:").unwrap_or(template).to_owned(),
            None => return Err(format!("no template {name:?} in the config")),
        },
        (None, None) => {
            let Some(metric) = text("metricName") else {
                return Err("give a query.metricName or a query.customInlineTemplate".to_owned());
            };
            let labels: Vec<&str> =
                query["labelBindings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let scoped = labels.iter().any(|label| label.contains("${scope}"));
            let scope = if scoped { None } else { Some("scope=\"${scope}\"") };
            let labels: Vec<&str> = labels.into_iter().chain(scope).collect();
            format!("avg({metric}{{{}}})", labels.join(","))
        }
    };
    let mut written =
        template.replace("${scope}", &quoted(&side.scope)).replace("${location}", &quoted(&side.location));
    for (name, value) in &side.params {
        written = written.replace(&format!("${{{name}}}"), &quoted(value));
    }
    match written.find("${") {
        Some(at) => {
            let name: String = written[at..].chars().take(40).collect();
            Err(format!("nothing is bound to {name}: give it in extendedScopeParams"))
        }
        None => Ok(written),
    }
}

/// What stands inside the quotes of a label.
fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn side() -> Side {
        let params = BTreeMap::from([("zone".to_owned(), "eu".to_owned())]);
        let (scope, location) = ("movies-\"v2\"".to_owned(), String::new());
        Side { scope, location, from_ms: 60_000, until_ms: 240_000, step_ms: 60_000, params }
    }

    #[test]
    fn queries_are_built_as_kayenta_builds_them() {
        let config: CanaryConfig =
            serde_json::from_value(json!({ "templates": { "t": "PromQL:sum(x{app=\"${scope}\"})" } }))
                .unwrap();
        let scope = "movies-\\\"v2\\\"";
        for (query, expected) in [
            (json!({ "metricName": "up" }), Ok(format!("avg(up{{scope=\"{scope}\"}})"))),
            (
                json!({ "metricName": "up", "labelBindings": ["job=\"${scope}\"", "z=\"${zone}\""] }),
                Ok(format!("avg(up{{job=\"{scope}\",z=\"eu\"}})")),
            ),
            (json!({ "customInlineTemplate": "PromQL:rate(y[1m])" }), Ok("rate(y[1m])".to_owned())),
            (json!({ "customFilterTemplate": "t" }), Ok(format!("sum(x{{app=\"{scope}\"}})"))),
            (json!({ "customFilterTemplate": "u" }), Err("no template \"u\" in the config")),
            (json!({ "customInlineTemplate": "a${b}" }), Err("nothing is bound to ${b}")),
            (json!({}), Err("give a query.metricName")),
        ] {
            match (promql(&config, &query, &side()), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(found), Err(expected)) => assert!(found.starts_with(expected), "{found}"),
                (found, expected) => panic!("{query}: {found:?} for {expected:?}"),
            }
        }
    }

    #[test]
    fn values_fall_on_their_steps_and_what_is_left_out_has_none() {
        let values = vec![(60.0, "1.5".to_owned()), (180.0, "NaN".to_owned()), (900.0, "7".to_owned())];
        assert_eq!(on_steps(&Row { values }, &side()), [Some(1.5), None, None]);
    }
}
