//! Errors of a message body.

use std::fmt;

/// A body that does not decode as a message of its verb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyError {
    /// Path of the invalid field, `lineage.seed`; `None` if the whole body is invalid, or for bincode.
    pub field: Option<String>,
    /// What is wrong with it.
    pub why: String,
}

impl BodyError {
    /// A body that is invalid as a whole.
    #[must_use]
    pub const fn whole(why: String) -> Self {
        Self { field: None, why }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "{field}: {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

impl std::error::Error for BodyError {}

impl From<serde_path_to_error::Error<serde_json::Error>> for BodyError {
    fn from(error: serde_path_to_error::Error<serde_json::Error>) -> Self {
        let why = error.inner().to_string();
        let path = error.path().to_string();
        // The path does not contain a missing field; serde names it in its text only.
        let missing =
            why.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')).map(|(name, _)| name);
        let field = match (path.as_str(), missing) {
            (".", None) => None,
            (".", Some(missing)) => Some(missing.to_owned()),
            (path, None) => Some(path.to_owned()),
            (path, Some(missing)) => Some(format!("{path}.{missing}")),
        };
        Self { field, why }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(rename = "inner")]
        _inner: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        #[serde(rename = "count")]
        _count: u32,
    }

    #[test]
    fn an_invalid_field_is_named_by_its_path() {
        for (body, field) in [
            (json!(7), None),
            (json!({}), Some("inner")),
            (json!({"inner": 3}), Some("inner")),
            (json!({"inner": [], "colour": 1}), Some("colour")),
            (json!({"inner": [{"count": 1}, {}]}), Some("inner[1].count")),
            (json!({"inner": [{"count": -1}]}), Some("inner[0].count")),
        ] {
            let error = serde_path_to_error::deserialize::<_, Outer>(&body).unwrap_err();
            let error = BodyError::from(error);
            assert_eq!(error.field.as_deref(), field, "{body}: {error}");
        }
    }
}
