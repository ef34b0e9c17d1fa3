//! The page's files, compiled into the binary: the console has no external dependency.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

pub(super) struct Asset {
    pub(super) path: &'static str,
    kind: &'static str,
    text: &'static str,
}

macro_rules! assets {
    ($($path:literal $file:literal $kind:literal),* $(,)?) => {
        &[$(Asset { path: $path, kind: $kind, text: include_str!(concat!("page/", $file)) }),*]
    };
}

pub(super) const ASSETS: &[Asset] = assets![
    "/" "index.html" "text/html; charset=utf-8",
    "/icon.svg" "icon.svg" "image/svg+xml",
    "/style.css" "style.css" "text/css; charset=utf-8",
    "/main.js" "main.js" "text/javascript; charset=utf-8",
    "/dom.js" "dom.js" "text/javascript; charset=utf-8",
    "/nodes.js" "nodes.js" "text/javascript; charset=utf-8",
    "/shards.js" "shards.js" "text/javascript; charset=utf-8",
    "/tree.js" "tree.js" "text/javascript; charset=utf-8",
    "/journal.js" "journal.js" "text/javascript; charset=utf-8",
    "/entity.js" "entity.js" "text/javascript; charset=utf-8",
    "/charts.js" "charts.js" "text/javascript; charset=utf-8",
    "/judges.js" "judges.js" "text/javascript; charset=utf-8",
    "/monitor.js" "monitor.js" "text/javascript; charset=utf-8",
    "/outcome.js" "outcome.js" "text/javascript; charset=utf-8",
    "/canary.js" "canary.js" "text/javascript; charset=utf-8",
    "/deployment.js" "deployment.js" "text/javascript; charset=utf-8",
    "/lineage.js" "lineage.js" "text/javascript; charset=utf-8",
    "/run.js" "run.js" "text/javascript; charset=utf-8",
    "/workflow.js" "workflow.js" "text/javascript; charset=utf-8",
];

/// Content security policy: the browser runs and loads only the console's own files, even if an entity's state
/// contains markup.
const POLICY: &str = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

impl Asset {
    pub(super) fn respond(&self) -> Response {
        let head: [(HeaderName, HeaderValue); 4] = [
            (header::CONTENT_TYPE, HeaderValue::from_static(self.kind)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        (head, self.text).into_response()
    }
}
