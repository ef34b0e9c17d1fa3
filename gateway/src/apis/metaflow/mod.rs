//! The door for Metaflow's clients: its metadata service, under `/metaflow`.
//!
//! `METAFLOW_SERVICE_URL=http://HOST:PORT/metaflow` and the real client runs its flows and reads them back. A client ends
//! its run on any status but 503, on which it tries again, and 409, on which it looks: so what may succeed later is
//! answered with 503 here, whatever it is elsewhere.

pub(crate) mod artifacts;
mod filter;
pub(crate) mod flows;
pub(crate) mod metadata;
pub(crate) mod pickle;
mod routes;
mod rows;
pub(crate) mod runs;
pub(crate) mod service;
pub(crate) mod steps;
pub(crate) mod tasks;
pub(crate) mod values;

pub(crate) use routes::routes;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use troupe_actors::metadata::flows::Made;
use utoipa::IntoParams;

use crate::edge::dialect;
use crate::edge::dialect::Dialect;
use crate::edge::problem::Problem;

/// How Metaflow's clients are told of a problem.
#[derive(Debug)]
pub(crate) struct Words;

/// A problem as Metaflow's clients take it.
pub(crate) type Trouble = dialect::Trouble<Words>;

impl Dialect for Words {
    /// Clients leave the body out where every field is optional.
    const EMPTY_BODY: &'static [u8] = b"{}";

    fn answer(mut problem: Problem) -> Response {
        if problem.0.retryable {
            problem.0.status = StatusCode::SERVICE_UNAVAILABLE.as_u16();
        }
        problem.into_response()
    }
}

fn not_found(code: &str, field: &str, why: impl Into<String>) -> Trouble {
    Trouble::from(Problem::new(StatusCode::NOT_FOUND, code, why).field(field))
}

fn exists(field: &str, why: impl Into<String>) -> Trouble {
    Trouble::from(Problem::new(StatusCode::CONFLICT, "EXISTS", why).field(field))
}

/// What a client says of itself with anything that it makes; what else is in the body is left alone, for other versions
/// of it say more.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Maker {
    user_name: Option<String>,
    tags: Option<Vec<String>>,
    system_tags: Option<Vec<String>>,
}

impl Maker {
    fn made(self) -> Made {
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
struct Id(Value);

impl Id {
    fn text(self, field: &str) -> Result<String, Trouble> {
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

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfFlow {
    /// The flow's name.
    flow: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfRun {
    /// The flow's name.
    flow: String,
    /// The run's number, or the name that its client gave it.
    run: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfStep {
    /// The flow's name.
    flow: String,
    /// The run's number, or the name that its client gave it.
    run: String,
    /// The step's name.
    step: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfTask {
    /// The flow's name.
    flow: String,
    /// The run's number, or the name that its client gave it.
    run: String,
    /// The step's name.
    step: String,
    /// The task's number, or the name that its client gave it.
    task: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfAttempt {
    /// The flow's name.
    flow: String,
    /// The run's number, or the name that its client gave it.
    run: String,
    /// The step's name.
    step: String,
    /// The task's number, or the name that its client gave it.
    task: String,
    /// The attempt, from 0.
    attempt: u32,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfArtifact {
    /// The flow's name.
    flow: String,
    /// The run's number, or the name that its client gave it.
    run: String,
    /// The step's name.
    step: String,
    /// The task's number, or the name that its client gave it.
    task: String,
    /// The artifact's name.
    name: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfArtifactAttempt {
    /// The flow's name.
    flow: String,
    /// The run's number, or the name that its client gave it.
    run: String,
    /// The step's name.
    step: String,
    /// The task's number, or the name that its client gave it.
    task: String,
    /// The artifact's name.
    name: String,
    /// The attempt, from 0.
    attempt: u32,
}

/// How many of a list a client had made.
#[derive(Debug, Serialize)]
struct MetadataCreated {
    metadata_created: u64,
}

/// How many of a list a client had made.
#[derive(Debug, Serialize)]
struct ArtifactsCreated {
    artifacts_created: u64,
}
