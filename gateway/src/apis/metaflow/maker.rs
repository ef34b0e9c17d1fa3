//! The fields that every creating request of Metaflow's clients has.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use troupe_actors::metadata::flows::Made;

use super::trouble::Trouble;
use crate::edge::problem::Problem;

/// What a client says of itself with anything that it makes; what else is in the body is left alone, for other versions
/// of it say more.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Maker {
    pub(super) user_name: Option<String>,
    pub(super) tags: Option<Vec<String>>,
    pub(super) system_tags: Option<Vec<String>>,
}

impl Maker {
    pub(super) fn made(self) -> Made {
        Made {
            user: self.user_name,
            tags: self.tags.unwrap_or_default(),
            system_tags: self.system_tags.unwrap_or_default(),
        }
    }
}

/// A number or a name, as clients send either.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Id(Value);

impl Id {
    pub(super) fn text(self, field: &str) -> Result<String, Trouble> {
        match self.0 {
            Value::Number(number) => Ok(number.to_string()),
            Value::String(name) => Ok(name),
            _ => {
                let why = format!("{field} must be a text");
                let problem = Problem::new(StatusCode::BAD_REQUEST, "BAD_BODY", why);
                Err(problem.field(field).into())
            }
        }
    }
}
