//! Bounded staleness over HTTP: `X-Max-Age-Ms` of a request, and `X-Age-Ms` of its answer.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode};

use super::problem::Problem;

/// The age that the caller tolerates; `None` without the header, which asks for the newest state.
///
/// # Errors
/// 400 `BAD_HEADER` for anything but a whole number of milliseconds.
pub(crate) fn age_max(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let Some(value) = headers.get("x-max-age-ms") else { return Ok(None) };
    let ms = value.to_str().ok().and_then(|text| text.trim().parse::<u64>().ok());
    ms.map(|ms| Some(Duration::from_millis(ms)))
        .ok_or_else(|| bad("X-Max-Age-Ms must be milliseconds, a whole number"))
}

/// Headers that name the age of an answer. The age is rounded up, so no answer is older than it says.
pub(crate) fn age(age: Duration) -> HeaderMap {
    let ms = u64::try_from(age.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
    HeaderMap::from_iter([(axum::http::HeaderName::from_static("x-age-ms"), HeaderValue::from(ms))])
}

/// 400 `BAD_HEADER`.
pub(crate) fn bad(why: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "BAD_HEADER", why.to_owned()).field("X-Max-Age-Ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_whole_milliseconds_and_is_rounded_up() {
        let asked = |text: &'static str| {
            age_max(&HeaderMap::from_iter([(
                axum::http::HeaderName::from_static("x-max-age-ms"),
                HeaderValue::from_static(text),
            )]))
        };
        assert_eq!(age_max(&HeaderMap::new()).unwrap(), None);
        assert_eq!(asked(" 250 ").unwrap(), Some(Duration::from_millis(250)));
        for bad in ["", "-1", "1.5", "soon"] {
            assert!(asked(bad).is_err(), "{bad:?}");
        }
        for (micros, ms) in [(0, "0"), (1, "1"), (1_000, "1"), (1_001, "2")] {
            assert_eq!(age(Duration::from_micros(micros))["x-age-ms"], ms);
        }
    }
}
