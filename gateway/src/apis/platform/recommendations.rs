//! What a member may like.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use troupe_actors::delivery::traffic::Role;
use troupe_actors::profiles::content::{Content, ContentView, GetContent};
use troupe_actors::profiles::members::{GetInputs, Inputs, Member, Remember};
use troupe_inference::{Allocation, Ask, Recommended, ServeError, allocate};
use troupe_runtime::time::micros;
use troupe_runtime::transport::AskOne;
use troupe_runtime::{Address, AskError, Entity as _, wire};
use utoipa::ToSchema;

use super::state::PlatformState;
use crate::edge::asks::{command, query};
use crate::edge::call::Call;
use crate::edge::extract::{Path, Query};
use crate::edge::metrics;
use crate::edge::metrics::Fate;
use crate::edge::problem::{Problem, ProblemBody};
use crate::edge::state::GatewayState;

/// Most items in one answer.
const K_MAX: usize = 100;
const K_DEFAULT: usize = 10;

/// A content that the member may like.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Item {
    /// Its id.
    content: String,
    /// Its title; empty where none is known.
    title: String,
    /// The model's score; comparable within one answer only.
    score: f32,
}

/// Where the time of the answer went, in microseconds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Timing {
    /// Waiting for a replica of the model.
    queue_us: u64,
    /// In the model, shared with the batch.
    compute_us: u64,
    /// Reading what the model needs to know of the member.
    features_us: u64,
    /// From the request's head to here.
    total_us: u64,
    /// Requests that shared the model's run.
    batch: u32,
}

/// Recommendations, best first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Recommendations {
    /// The member.
    member: String,
    /// The model that answered.
    model: String,
    /// Its version.
    version: u32,
    /// How it was trained.
    algorithm: String,
    /// The variation of the experiment that the member is in.
    variation: Option<String>,
    /// The experiment that chose the version.
    experiment: Option<String>,
    /// What the version answered as: `production`, `baseline`, `canary` or `experiment`.
    role: &'static str,
    /// The contents.
    items: Vec<Item>,
    /// Where the time went.
    timing: Timing,
}

/// The query string.
#[derive(Debug, Deserialize)]
pub(crate) struct Parameters {
    k: Option<String>,
    experiment: Option<String>,
}

/// The contents that a member may like most.
///
/// The running experiment chooses the model's version for the member, or else the split of the model's traffic; the same
/// member gets the same one. The answer is recorded with the member in the background.
#[utoipa::path(get, path = "/v1/members/{id}/recommendations", tag = "recommendations", operation_id = "recommend",
    params(
        ("id" = String, Path, description = "the member", example = "42"),
        ("k" = Option<u32>, Query, description = "how many, 1 to 100; 10 where absent", minimum = 1, maximum = 100),
        ("experiment" = Option<String>, Query, description = "this experiment rather than the first that runs"),
        ("X-Deadline-Ms" = Option<i64>, Header, description = "milliseconds left; 5000 where absent"),
        ("traceparent" = Option<String>, Header, description = "W3C trace context"),
    ),
    responses(
        (status = 200, description = "best first", body = Recommendations),
        (status = "default", description = "why the recommendation failed", body = ProblemBody,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn recommend(
    State(edge): State<PlatformState>,
    call: Call,
    Path(member): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Recommendations>, Problem> {
    let to =
        Address::parse_parts(Member::KIND, &member).map_err(|error| AskError::BadKey(error.to_string()))?;
    let k = how_many(parameters.k.as_deref())?;
    let allocation =
        allocate(&edge.globals, &member, parameters.experiment.as_deref()).map_err(AskError::Refused)?;
    let asked = Instant::now();
    let inputs = query::<Member, GetInputs>(to.key.clone(), &GetInputs {});
    let inputs = edge.router.ask_raw(inputs, call.left()?).await?;
    let history = wire::decode::<Inputs>(&inputs).map_err(AskError::Fault)?.contents;
    let features_us = micros(asked.elapsed());
    let ask = Ask {
        model: &allocation.model,
        version: allocation.version,
        history: &history,
        exclude_history: true,
        k,
        deadline: Some(Instant::now() + call.left()?),
    };
    let began = Instant::now();
    let recommended = edge.own.recommender.recommend(ask).await;
    let model_took = began.elapsed();
    let recommended = match recommended {
        Ok(recommended) => recommended,
        Err(error) => {
            count(&edge, &allocation, None);
            return Err(no_answer(&edge, &error));
        }
    };
    let titles = titles(&edge, &call, &recommended).await?;
    count(&edge, &allocation, Some((&recommended, model_took, call.started().elapsed())));
    edge.own.record_shown.later(shown(&to, &allocation, &recommended));
    Ok(Json(render(member, allocation, recommended, titles, features_us, &call)))
}

/// The role that answered. A champion that stands in for a version not loaded here counts as production.
fn role(allocation: &Allocation, recommended: &Recommended) -> Role {
    match allocation.version {
        Some(version) if version != recommended.version => Role::Production,
        _ => allocation.role,
    }
}

fn count(edge: &PlatformState, allocation: &Allocation, answer: Option<(&Recommended, Duration, Duration)>) {
    let model = allocation.model.as_str();
    match (answer, allocation.version) {
        (Some((recommended, model_took, took)), _) => {
            let of = (model, recommended.version, role(allocation, recommended));
            edge.own.served.record(of, Some((model_took, took)));
        }
        (None, Some(version)) => edge.own.served.record((model, version, allocation.role), None),
        (None, None) => {}
    }
}

fn how_many(k: Option<&str>) -> Result<usize, Problem> {
    let Some(text) = k else { return Ok(K_DEFAULT) };
    text.parse().ok().filter(|k| (1..=K_MAX).contains(k)).ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "BAD_PARAMETER",
            format!("k must be a whole number, 1 to {K_MAX}"),
        )
        .field("k")
    })
}

/// A missing or loading model may be there soon: its problem is retryable.
fn no_answer(edge: &GatewayState, error: &ServeError) -> Problem {
    let code = match error {
        ServeError::NoModel(_) => "NO_MODEL",
        ServeError::NotReady { .. } => "MODEL_NOT_READY",
        ServeError::Unavailable(_) => "NO_ENGINE",
        other => return Problem::from(AskError::from(other.clone())),
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, error.to_string())
        .retry_after(edge.config.retry_after)
}

/// The items' titles in their order. A title that cannot be read is empty; the recommendation is answered.
async fn titles(
    edge: &PlatformState,
    call: &Call,
    recommended: &Recommended,
) -> Result<Vec<String>, Problem> {
    let now = Instant::now();
    let mut titles: Vec<Option<String>> =
        recommended.items.iter().map(|(content, _)| edge.own.titles.get(content, now)).collect();
    let missing: Vec<usize> =
        (0..titles.len()).filter(|position| titles.get(*position).is_some_and(Option::is_none)).collect();
    metrics::titles(Fate::Kept, titles.len() - missing.len());
    metrics::titles(Fate::Read, missing.len());
    if !missing.is_empty() {
        let contents = || missing.iter().filter_map(|position| Some(&recommended.items.get(*position)?.0));
        let asks = contents()
            .map(|content| query::<Content, GetContent>(Content::address(content).key, &GetContent {}))
            .collect();
        let outcomes = edge.router.ask_many(asks, call.left()?).await;
        for ((position, content), outcome) in missing.iter().zip(contents()).zip(outcomes) {
            match outcome.and_then(|reply| title(&reply)) {
                Ok(title) => {
                    edge.own.titles.keep(content, &title, now);
                    if let Some(slot) = titles.get_mut(*position) {
                        *slot = Some(title);
                    }
                }
                Err(error) => tracing::debug!(key = %content, %error, "could not read a title"),
            }
        }
    }
    Ok(titles.into_iter().map(Option::unwrap_or_default).collect())
}

fn title(reply: &[u8]) -> Result<String, AskError> {
    wire::decode::<ContentView>(reply).map(|content| content.title).map_err(AskError::Fault)
}

/// The command that records with a member what it was shown, and by which variation.
fn shown(member: &Address, allocation: &Allocation, recommended: &Recommended) -> AskOne {
    let remember = Remember {
        model: recommended.model.clone(),
        version: recommended.version,
        items: recommended.items.iter().map(|(content, _)| content.clone()).collect(),
        exposure: allocation.experiment.clone().zip(allocation.variation.clone()),
    };
    command::<Member, Remember>(member.key.clone(), &remember)
}

fn render(
    member: String,
    allocation: Allocation,
    recommended: Recommended,
    titles: Vec<String>,
    features_us: u64,
    call: &Call,
) -> Recommendations {
    let role = role(&allocation, &recommended).label();
    let items = recommended.items.into_iter().zip(titles);
    Recommendations {
        member,
        model: recommended.model,
        version: recommended.version,
        algorithm: recommended.algorithm,
        variation: allocation.variation,
        experiment: allocation.experiment,
        role,
        items: items.map(|((content, score), title)| Item { content, title, score }).collect(),
        timing: Timing {
            queue_us: recommended.timing.queue_us,
            compute_us: recommended.timing.compute_us,
            features_us,
            total_us: micros(call.started().elapsed()),
            batch: recommended.timing.batch,
        },
    }
}
