//! The edge's metrics, each described once. Label values come from enums alone.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

const REQUESTS: &str = "troupe_gateway_requests_total";
const REQUEST_SECONDS: &str = "troupe_gateway_request_seconds";
const IN_FLIGHT: &str = "troupe_gateway_requests_in_flight";
const SHED: &str = "troupe_gateway_requests_shed_total";
const BOUND: &str = "troupe_gateway_requests_in_flight_bound";
const EVENTS: &str = "troupe_gateway_events_total";
const REMEMBERED: &str = "troupe_gateway_remembered_total";
const TITLES: &str = "troupe_gateway_titles_total";

/// Tells the recorder what each metric means. Call once, after the recorder is installed.
pub fn describe() {
    describe_counter!(REQUESTS, Unit::Count, "requests answered, by route and class of status");
    describe_histogram!(REQUEST_SECONDS, Unit::Seconds, "time from a request's head to its answer, by route");
    describe_gauge!(IN_FLIGHT, Unit::Count, "requests in work");
    describe_gauge!(
        BOUND,
        Unit::Count,
        "requests that may be in work at the moment, by how late the node's tasks are"
    );
    describe_counter!(SHED, Unit::Count, "requests refused because too many were in work");
    describe_counter!(EVENTS, Unit::Count, "lines of /v1/events, by what became of them");
    describe_counter!(REMEMBERED, Unit::Count, "recommendations recorded with their members, by outcome");
    describe_counter!(TITLES, Unit::Count, "titles needed, by where they came from");
}

/// What the paths of Kayenta's API begin with.
const CANARIES: [&str; 4] = ["/canary", "/standalone_canary_analysis", "/judges", "/metricsServices"];

/// What the paths of Spinnaker's API begin with.
const DEPLOYMENTS: [&str; 2] = ["/pipelines", "/applications"];

/// What the paths of Maestro's API begin with.
const WORKFLOWS: [&str; 3] = ["/api/v3/workflows", "/api/v3/signals", "/api/v3/tag-permits"];

/// The routes of the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Index,
    Health,
    Ready,
    Metrics,
    OpenApi,
    Events,
    Recommendations,
    Lookup,
    Actors,
    Flags,
    Subscriptions,
    ClientReports,
    Canaries,
    Deployments,
    Metaflow,
    Mlflow,
    Lineage,
    Workflows,
    None,
}

impl Route {
    /// The route of a matched path; requests that matched none share one value.
    pub(crate) fn of(path: Option<&str>) -> Self {
        match path {
            Some("/") => Self::Index,
            Some("/healthz") => Self::Health,
            Some("/readyz") => Self::Ready,
            Some("/metrics") => Self::Metrics,
            Some("/openapi.json") => Self::OpenApi,
            Some("/v1/events") => Self::Events,
            Some("/v1/members/{id}/recommendations") => Self::Recommendations,
            Some("/v1/features:lookup") => Self::Lookup,
            Some("/v1/actors/{kind}/{key}/{verb}") => Self::Actors,
            Some("/api/client/features" | "/api/features/{clientKey}" | "/api/eval/{clientKey}") => {
                Self::Flags
            }
            Some("/sub/{clientKey}") => Self::Subscriptions,
            Some("/api/client/register" | "/api/client/metrics") => Self::ClientReports,
            Some(path) if CANARIES.iter().any(|prefix| path.starts_with(prefix)) => Self::Canaries,
            Some(path) if DEPLOYMENTS.iter().any(|prefix| path.starts_with(prefix)) => Self::Deployments,
            Some(path) if path.starts_with("/metaflow/") => Self::Metaflow,
            Some(path) if path.starts_with("/api/2.0/mlflow") => Self::Mlflow,
            Some(path) if path.starts_with("/v1/lineage") => Self::Lineage,
            Some(path) if WORKFLOWS.iter().any(|prefix| path.starts_with(prefix)) => Self::Workflows,
            _ => Self::None,
        }
    }

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Health => "healthz",
            Self::Ready => "readyz",
            Self::Metrics => "metrics",
            Self::OpenApi => "openapi",
            Self::Events => "events",
            Self::Recommendations => "recommendations",
            Self::Lookup => "features_lookup",
            Self::Actors => "actors",
            Self::Flags => "flags",
            Self::Subscriptions => "subscriptions",
            Self::ClientReports => "client_reports",
            Self::Canaries => "canaries",
            Self::Deployments => "deployments",
            Self::Metaflow => "metaflow",
            Self::Mlflow => "mlflow",
            Self::Lineage => "lineage",
            Self::Workflows => "workflows",
            Self::None => "none",
        }
    }

    /// Whether the request counts against the limit of requests in work. What operators look at does not, so that it
    /// answers while the edge is drowning.
    pub(crate) const fn limited(self) -> bool {
        !matches!(self, Self::Index | Self::Health | Self::Ready | Self::Metrics | Self::OpenApi)
    }
}

/// What became of lines, titles or recommendations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Accepted,
    Duplicate,
    Rejected,
    Failed,
    Dropped,
    Kept,
    Read,
}

impl Fate {
    const fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
            Self::Kept => "kept",
            Self::Read => "read",
        }
    }
}

const fn class(status: u16) -> &'static str {
    match status {
        0..400 => "ok",
        429 | 503 => "overloaded",
        400..500 => "client_error",
        504 => "deadline",
        _ => "server_error",
    }
}

pub(crate) fn request(route: Route, status: u16, took: Duration) {
    counter!(REQUESTS, "route" => route.label(), "class" => class(status)).increment(1);
    histogram!(REQUEST_SECONDS, "route" => route.label()).record(took.as_secs_f64());
}

pub(crate) fn entered() {
    gauge!(IN_FLIGHT).increment(1.0);
}

pub(crate) fn left() {
    gauge!(IN_FLIGHT).decrement(1.0);
}

pub(crate) fn bound(requests: f64) {
    gauge!(BOUND).set(requests);
}

pub(crate) fn shed() {
    counter!(SHED).increment(1);
}

pub(crate) fn events(fate: Fate, lines: usize) {
    if lines > 0 {
        counter!(EVENTS, "outcome" => fate.label()).increment(lines as u64);
    }
}

pub(crate) fn remembered(fate: Fate, count: usize) {
    if count > 0 {
        counter!(REMEMBERED, "outcome" => fate.label()).increment(count as u64);
    }
}

pub(crate) fn titles(fate: Fate, count: usize) {
    if count > 0 {
        counter!(TITLES, "outcome" => fate.label()).increment(count as u64);
    }
}
