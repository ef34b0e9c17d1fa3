//! Calls to a node, and what it says.

use std::time::Duration;

use serde_json::Value;

/// A client without retries.
pub(crate) struct Http(reqwest::Client);

/// An answer: its body as JSON, or as a JSON string otherwise.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Value,
}

impl Http {
    pub(crate) fn new() -> Self {
        Self(reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap())
    }

    pub(crate) async fn get(&self, url: &str) -> Said {
        Said::of(self.0.get(url).send().await.unwrap_or_else(|error| panic!("{url}: {error:?}"))).await
    }

    pub(crate) async fn post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Said {
        let mut request = self.0.post(url).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Said::of(request.send().await.unwrap_or_else(|error| panic!("{url}: {error:?}"))).await
    }
}

impl Said {
    async fn of(answer: reqwest::Response) -> Self {
        let status = answer.status().as_u16();
        let content_type = answer.headers().get("content-type");
        let content_type = content_type.map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
        let text = answer.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self { status, content_type, body }
    }
}
