//! Starts an edge on a free port and speaks to it.

use std::sync::Arc;

use futures::future::BoxFuture;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use troupe_gateway::{Gateway, GatewayConfig, MetadataConfig, Readiness, Ready, Recommend};
use troupe_inference::{Ask, Recommended, ServeError};
use troupe_runtime::Router;
use troupe_runtime::entity::Globals;
use troupe_workers::canaries::Fetch;

/// A running edge; it stops when dropped.
pub(crate) struct Edge {
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
    pub(crate) serving: JoinHandle<std::io::Result<()>>,
    pub(crate) stop: Option<oneshot::Sender<()>>,
}

pub(crate) struct Always(pub Ready);

impl Readiness for Always {
    fn ready(&self) -> Ready {
        self.0.clone()
    }
}

/// A node on which nothing is published.
pub(crate) struct NoModel;

impl Recommend for NoModel {
    fn recommend<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Recommended, ServeError>> {
        Box::pin(std::future::ready(Err(ServeError::NoModel(ask.model.to_owned()))))
    }
}

pub(crate) const READY: Ready =
    Ready { shards: 8, shards_led: 8, model_loaded: false, features_declared: true, draining: false };

pub(crate) fn gateway((router, globals): (Router, Arc<Globals>)) -> Gateway {
    Gateway {
        fetch: Fetch { router: router.clone(), prometheus: None },
        router,
        globals,
        recommender: Arc::new(NoModel),
        ready: Arc::new(Always(READY)),
        metrics: PrometheusBuilder::new().build_recorder().handle(),
        config: GatewayConfig::default(),
        metadata: MetadataConfig::default(),
        values_dir: None,
    }
}

/// An answer: status, content type, header values by name, and the body as JSON (or as a JSON string).
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Asserts that this is a problem with this status and code, and gives its body.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> &Value {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.body);
        assert_eq!(self.content_type, "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert_eq!(
            self.body["type"],
            format!("urn:troupe:problem:{}", code.to_lowercase().replace('_', "-"))
        );
        for field in ["title", "detail", "outcome"] {
            assert!(self.body[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {}", self.body);
        }
        assert!(self.body["retryable"].is_boolean());
        &self.body
    }
}

impl Edge {
    pub(crate) async fn start(gateway: Gateway) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(gateway.serve(listener, async move {
            let _ = stopped.await;
        }));
        Self { base, http: reqwest::Client::new(), serving, stop: Some(stop) }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(format!("{}{path}", self.base))).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.send(self.http.post(format!("{}{path}", self.base)).body(body)).await
    }

    pub(crate) async fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let mut request = self.http.post(format!("{}{path}", self.base)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let content_type =
            headers.get("content-type").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        // A stream of events has no end.
        let streams = content_type.starts_with("text/event-stream");
        let text = if streams { String::new() } else { response.text().await.unwrap() };
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, content_type, headers, body }
    }
}
