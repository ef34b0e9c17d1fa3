//! The media type of a body. All bodies are JSON or YAML; another `Content-Type` is refused before the body is parsed.

use axum::http::{HeaderMap, StatusCode, header};
use troupe_runtime::text::cut;

use crate::edge::problem::Problem;

/// Types that can hold JSON. The last three are defaults of `curl` and of several HTTP libraries.
const TAKEN: [&str; 8] = [
    "application/json",
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "text/plain",
];

/// Types that can hold YAML, which all of JSON is as well.
const YAML: [&str; 4] = ["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"];

/// Refuses bodies of another media type, compressed bodies, and other encodings than UTF-8. A missing header means JSON.
///
/// # Errors
/// `UNSUPPORTED_MEDIA_TYPE`.
pub(crate) fn check(headers: &HeaderMap) -> Result<(), Problem> {
    check_for(headers, &[])
}

/// The same where a body may be YAML.
///
/// # Errors
/// `UNSUPPORTED_MEDIA_TYPE`.
pub(crate) fn check_yaml(headers: &HeaderMap) -> Result<(), Problem> {
    check_for(headers, &YAML)
}

fn check_for(headers: &HeaderMap, more: &[&str]) -> Result<(), Problem> {
    let refuse = |field: &str, detail: String| {
        Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", detail).field(field))
    };
    if let Some(coding) = headers.get(header::CONTENT_ENCODING)
        && !coding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return refuse("Content-Encoding", "bodies are taken as they are: send it uncompressed".to_owned());
    }
    let Some(named) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let named = String::from_utf8_lossy(named.as_bytes()).to_ascii_lowercase();
    let mut parts = named.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let json = TAKEN.contains(&essence)
        || more.contains(&essence)
        || essence.starts_with("application/") && essence.ends_with("+json");
    if !json {
        let named = cut(essence, 64);
        let detail =
            format!("{named:?} is not taken: send application/json, or application/x-ndjson to /v1/events");
        return refuse("Content-Type", detail);
    }
    let charset =
        parts.find_map(|part| part.strip_prefix("charset=")).map(|charset| charset.trim_matches('"'));
    match charset {
        None | Some("utf-8" | "utf8" | "us-ascii") => Ok(()),
        Some(_) => refuse("Content-Type", "JSON is read as UTF-8: send it in that".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_body_that_says_it_is_no_plain_json_is_refused() {
        for (name, value, taken) in [
            ("content-type", "application/json", true),
            ("content-type", "application/json; charset=UTF-8", true),
            ("content-type", "Application/X-NDJSON", true),
            ("content-type", "application/vnd.troupe+json", true),
            ("content-type", "application/x-www-form-urlencoded", true),
            ("content-type", "application/json; charset=utf-16", false),
            ("content-type", "text/xml", false),
            ("content-type", "multipart/form-data; boundary=x", false),
            ("content-type", "application/protobuf", false),
            ("content-encoding", "identity", true),
            ("content-encoding", "gzip", false),
        ] {
            let mut headers = HeaderMap::new();
            assert_eq!(check(&headers), Ok(()));
            headers.insert(name, value.parse().unwrap());
            let checked = check(&headers);
            assert_eq!(checked.is_ok(), taken, "{name}: {value}");
            assert!(check_yaml(&headers).is_ok() == taken, "what is taken for JSON is taken for YAML");
            if let Err(problem) = checked {
                assert_eq!(problem.0.status, 415);
                assert_eq!(problem.0.field.unwrap().to_ascii_lowercase(), name);
            }
        }
    }

    #[test]
    fn yaml_is_taken_where_it_is_asked_for_and_nowhere_else() {
        for named in YAML {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", named.parse().unwrap());
            assert!(check_yaml(&headers).is_ok() && check(&headers).is_err(), "{named}");
        }
    }
}
