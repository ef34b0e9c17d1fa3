//! Answers with an entity tag.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use xxhash_rust::xxh3::xxh3_64;

/// A body with its tag, or 304 for a client that has it.
pub(crate) fn tagged(headers: &HeaderMap, body: String, kind: &'static str) -> Response {
    let tag = format!("\"{:016x}\"", xxh3_64(body.as_bytes()));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    // Proxies weaken tags; the text is the same.
    let has = |known: &str| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag);
    let tag_value = HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""));
    if known.is_some_and(has) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag_value)]).into_response();
    }
    let kind = HeaderValue::from_static(kind);
    ([(header::ETAG, tag_value), (header::CONTENT_TYPE, kind)], body).into_response()
}
