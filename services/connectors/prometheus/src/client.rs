//! Points from a Prometheus server. Every query ends, with points or with a readable error.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use troupe_statistics::canary::CanaryConfig;

use troupe_statistics::canary::Side;

/// Deadline of one query.
const WITHIN: Duration = Duration::from_secs(10);
/// Most bytes of one answer.
const BYTES_MAX: usize = 8 << 20;

/// A Prometheus server and the deadline of one query.
#[derive(Clone)]
pub struct Prometheus {
    http: reqwest::Client,
    base: String,
    within: Duration,
}

/// The fields of Prometheus's answer that are read: <https://prometheus.io/docs/prometheus/latest/querying/api/>.
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

impl Prometheus {
    /// A client of the server at this address.
    pub fn new(base: String) -> Self {
        Self { http: reqwest::Client::new(), base, within: WITHIN }
    }

    /// Queries the values at the steps of one side.
    pub async fn points(
        &self,
        config: &CanaryConfig,
        query: &Value,
        side: &Side,
    ) -> Result<Vec<Option<f64>>, String> {
        let query = promql(config, query, side)?;
        let seconds = |ms: u64| format!("{}.{:03}", ms / 1_000, ms % 1_000);
        // Prometheus includes both ends: without this the last step would begin at the window's end.
        let end = side.until_ms.saturating_sub(1).max(side.from_ms);
        let asked = self
            .http
            .get(format!("{}/api/v1/query_range", self.base.trim_end_matches('/')))
            .query(&[
                ("query", query),
                ("start", seconds(side.from_ms)),
                ("end", seconds(end)),
                ("step", seconds(side.step_ms)),
            ])
            .timeout(self.within)
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

/// Values at the steps of the window; `None` for a step that Prometheus leaves out.
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
pub fn promql(config: &CanaryConfig, query: &Value, side: &Side) -> Result<String, String> {
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

/// Escapes a label's value.
fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use serde_json::json;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

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

    /// A server on a port of its own that takes each connection to `serve`; it ends with the runtime.
    async fn server<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> String
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        base
    }

    /// A server that answers each request with these bytes and closes.
    async fn answering(bytes: Vec<u8>) -> String {
        let bytes = Arc::new(bytes);
        server(move |mut stream| {
            let bytes = bytes.clone();
            async move {
                let mut asked = [0; 4096];
                let _ = stream.read(&mut asked).await;
                let _ = stream.write_all(&bytes).await;
            }
        })
        .await
    }

    fn http(status: &str, body: &str) -> Vec<u8> {
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
            .into()
    }

    async fn asked(base: String, within: Duration) -> Result<Vec<Option<f64>>, String> {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let prometheus = Prometheus { http, base, within };
        let query = json!({ "metricName": "up" });
        prometheus.points(&CanaryConfig::default(), &query, &side()).await
    }

    #[tokio::test]
    async fn a_prometheus_that_is_dead_ends_its_query_with_words() {
        let gone = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            format!("http://{}", listener.local_addr().unwrap())
        };
        let why = asked(gone, Duration::from_secs(60)).await.unwrap_err();
        assert!(why.starts_with("Prometheus does not answer"), "{why}");
    }

    #[tokio::test]
    async fn a_prometheus_that_hangs_before_or_in_its_answer_ends_when_its_time_is_over() {
        let silent = server(|stream| async move {
            let _held = stream;
            std::future::pending::<()>().await;
        })
        .await;
        let why = asked(silent, Duration::from_millis(200)).await.unwrap_err();
        assert!(why.starts_with("Prometheus does not answer"), "{why}");
        let halting = server(|mut stream| async move {
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"status\":").await;
            std::future::pending::<()>().await;
        })
        .await;
        let why = asked(halting, Duration::from_millis(200)).await.unwrap_err();
        assert!(why.starts_with("Prometheus broke off"), "{why}");
    }

    #[tokio::test]
    async fn an_answer_that_is_none_is_told_as_what_it_is() {
        let matrix = |result: Value| json!({ "status": "success", "data": { "result": result } }).to_string();
        let row = json!({ "metric": {}, "values": [[60.0, "1.5"], [120.0, "2.5"]] });
        let refused = json!({ "status": "error", "error": "bad query" }).to_string();
        let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"status\":".to_vec();
        let large = matrix(json!([{ "values": [[60.0, "1".repeat(BYTES_MAX)]] }]));
        for (answer, expected) in [
            (http("200 OK", &matrix(json!([row]))), Ok(vec![Some(1.5), Some(2.5), None])),
            (http("200 OK", &matrix(json!([]))), Ok(vec![])),
            (http("200 OK", &matrix(json!([row, row]))), Err("the query has 2 results: aggregate it to one")),
            (
                http("200 OK", &matrix(json!([{ "values": [[60.0, 1.5]] }]))),
                Err("Prometheus answered 200 OK with no matrix"),
            ),
            (http("200 OK", "up{} 1"), Err("Prometheus answered 200 OK with no matrix")),
            (http("502 Bad Gateway", "<html>"), Err("Prometheus answered 502 Bad Gateway with no matrix")),
            (http("422 Unprocessable", &refused), Err("Prometheus refused: bad query")),
            (http("200 OK", &large), Err("Prometheus answered more than")),
            (b"no http at all".to_vec(), Err("Prometheus does not answer")),
            (cut, Err("Prometheus broke off")),
        ] {
            let name = String::from_utf8_lossy(&answer[..answer.len().min(120)]).into_owned();
            match (asked(answering(answer).await, Duration::from_secs(60)).await, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{name}"),
                (Err(found), Err(expected)) => assert!(found.starts_with(expected), "{name}: {found}"),
                (found, expected) => panic!("{name}: {found:?} for {expected:?}"),
            }
        }
    }
}
