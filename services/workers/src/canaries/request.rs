//! What Kayenta's clients ask for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use troupe_statistics::canary::lifetime::Lifetime;
use troupe_statistics::canary::{CanaryConfig, Problem, Side, Sides, Thresholds};

/// Seconds of a step where a request names none.
const STEP_S: u64 = 60;
/// Longest time of one scope, in milliseconds.
const SPAN_MS_MAX: u64 = 8 * 24 * 3_600_000;
/// Most points of one scope.
const POINTS_MAX: u64 = 20_000;
/// Longest step, in seconds.
const STEP_S_MAX: u64 = 24 * 3_600;
/// How far from now an analysis may begin, and its baseline lie in the past, in minutes.
const WEEK_MIN: u64 = 7 * 24 * 60;
const YEAR_MIN: u64 = 366 * 24 * 60;

/// Where the points of one side come from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Scope {
    /// The baseline's or the canary's name at the source.
    pub scope: String,
    pub location: Option<String>,
    /// RFC 3339.
    pub start: String,
    /// RFC 3339.
    pub end: String,
    /// Seconds.
    pub step: Option<u64>,
    pub extended_scope_params: BTreeMap<String, String>,
}

/// Both sides.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ScopePair {
    pub control_scope: Scope,
    pub experiment_scope: Scope,
}

/// A `CanaryExecutionRequest`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecutionRequest {
    pub scopes: BTreeMap<String, ScopePair>,
    pub thresholds: Option<Thresholds>,
    pub metadata: Value,
    #[serde(rename = "siteLocal")]
    pub site_local: Value,
}

/// A `CanaryAdhocExecutionRequest`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdhocRequest {
    pub canary_config: CanaryConfig,
    pub execution_request: ExecutionRequest,
}

/// One scope of a standalone analysis: its times come from the lifetime.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AnalysisScope {
    pub scope_name: Option<String>,
    pub control_scope: String,
    pub control_location: Option<String>,
    pub control_offset_in_minutes: u64,
    pub experiment_scope: String,
    pub experiment_location: Option<String>,
    pub start_time_iso: Option<String>,
    pub end_time_iso: Option<String>,
    pub step: Option<u64>,
    pub extended_scope_params: BTreeMap<String, String>,
}

/// A `CanaryAnalysisExecutionRequest`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AnalysisRequest {
    pub scopes: Vec<AnalysisScope>,
    pub thresholds: Option<Thresholds>,
    pub lifetime_duration_mins: Option<u64>,
    pub begin_after_mins: u64,
    pub lookback_mins: u64,
    pub analysis_interval_mins: Option<u64>,
    pub site_local: Value,
}

/// A `CanaryAnalysisAdhocExecutionRequest`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdhocAnalysisRequest {
    pub canary_config: CanaryConfig,
    pub execution_request: AnalysisRequest,
}

/// Milliseconds since the epoch of a time in RFC 3339.
pub fn millis(text: &str) -> Option<u64> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
}

/// A time in RFC 3339.
pub fn iso(ms: u64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok();
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default()
}

fn problem(path: String, why: impl Into<String>) -> Problem {
    Problem { path, why: why.into() }
}

impl ExecutionRequest {
    /// Both sides of every scope.
    pub fn sides(&self) -> Result<BTreeMap<String, Sides>, Vec<Problem>> {
        let (mut sides, mut problems) = (BTreeMap::new(), Vec::new());
        if self.scopes.is_empty() {
            problems.push(problem("scopes".into(), "give at least one, named `default`"));
        }
        for (name, pair) in &self.scopes {
            let mut side = |which: &str, scope: &Scope| {
                scope.side(&format!("scopes.{name}.{which}")).map_err(|found| problems.extend(found)).ok()
            };
            let both =
                (side("controlScope", &pair.control_scope), side("experimentScope", &pair.experiment_scope));
            if let (Some(control), Some(experiment)) = both {
                sides.insert(name.clone(), Sides { control, experiment });
            }
        }
        if problems.is_empty() { Ok(sides) } else { Err(problems) }
    }
}

impl Scope {
    fn side(&self, path: &str) -> Result<Side, Vec<Problem>> {
        let mut problems = Vec::new();
        if self.scope.is_empty() {
            problems.push(problem(format!("{path}.scope"), "give the name that the source knows it by"));
        }
        let mut time = |field: &str, text: &str| {
            let found = millis(text);
            if found.is_none() {
                let why = format!("{text:?} is not a time: write it as 2024-05-01T12:00:00Z");
                problems.push(problem(format!("{path}.{field}"), why));
            }
            found.unwrap_or(0)
        };
        let (from_ms, until_ms) = (time("start", &self.start), time("end", &self.end));
        let step_ms = self.step.unwrap_or(STEP_S).saturating_mul(1_000);
        if problems.is_empty() {
            problems.extend(span(path, from_ms, until_ms, step_ms));
        }
        let side = Side {
            scope: self.scope.clone(),
            location: self.location.clone().unwrap_or_default(),
            from_ms,
            until_ms,
            step_ms,
            params: self.extended_scope_params.clone(),
        };
        if problems.is_empty() { Ok(side) } else { Err(problems) }
    }
}

fn span(path: &str, from_ms: u64, until_ms: u64, step_ms: u64) -> Option<Problem> {
    if until_ms <= from_ms {
        return Some(problem(format!("{path}.end"), "give an end after the start"));
    }
    if until_ms - from_ms > SPAN_MS_MAX {
        return Some(problem(format!("{path}.end"), "give at most 8 days"));
    }
    steps(path, until_ms - from_ms, step_ms)
}

/// What is wrong with a step over a time.
fn steps(path: &str, span_ms: u64, step_ms: u64) -> Option<Problem> {
    let fits = (1_000..=STEP_S_MAX * 1_000).contains(&step_ms) && span_ms / step_ms <= POINTS_MAX;
    let why = format!("give seconds, 1 to {STEP_S_MAX}, so that there are {POINTS_MAX} points or less");
    (!fits).then(|| problem(format!("{path}.step"), why))
}

impl AnalysisRequest {
    /// The lifetime. Where no duration is given it is what lies between the first scope's times.
    pub fn lifetime(&self, now_ms: u64) -> Result<Lifetime, Vec<Problem>> {
        let (mut problems, times) = self.check_scopes();
        let start = times.0.unwrap_or(now_ms);
        if start > now_ms.saturating_add(WEEK_MIN * 60_000) {
            let why = format!("it lies more than {WEEK_MIN} minutes ahead: begin sooner, or ask later");
            problems.push(problem("scopes[0].startTimeIso".into(), why));
        }
        let between = times.1.and_then(|end| end.checked_sub(start)).map(|ms| ms.div_ceil(60_000));
        let Some(minutes) = self.lifetime_duration_mins.or(between) else {
            problems.push(problem(
                "lifetimeDurationMins".into(),
                "give it, or an endTimeIso after the startTimeIso",
            ));
            return Err(problems);
        };
        let lifetime = Lifetime::of_minutes(
            start,
            minutes,
            self.begin_after_mins,
            self.lookback_mins,
            self.analysis_interval_mins,
        );
        if let Ok(lifetime) = &lifetime {
            let longest = if lifetime.lookback_ms > 0 { lifetime.lookback_ms } else { lifetime.lifetime_ms };
            problems.extend(
                self.scopes
                    .iter()
                    .enumerate()
                    .filter_map(|(at, scope)| steps(&format!("scopes[{at}]"), longest, scope.step_ms())),
            );
        }
        match lifetime {
            Ok(lifetime) if problems.is_empty() => Ok(lifetime),
            Ok(_) => Err(problems),
            Err(more) => {
                problems.extend(more);
                Err(problems)
            }
        }
    }

    /// What is wrong with the scopes, and the times of the first.
    fn check_scopes(&self) -> (Vec<Problem>, (Option<u64>, Option<u64>)) {
        let mut problems = Vec::new();
        if self.scopes.is_empty() {
            problems.push(problem("scopes".into(), "give at least one"));
        }
        let mut times = (None, None);
        for (at, scope) in self.scopes.iter().enumerate() {
            for (field, text) in
                [("controlScope", &scope.control_scope), ("experimentScope", &scope.experiment_scope)]
            {
                if text.is_empty() {
                    let why = "give the name that the source knows it by";
                    problems.push(problem(format!("scopes[{at}].{field}"), why));
                }
            }
            let mut time = |field: &str, text: Option<&String>| {
                let found = text.map(|text| (text, millis(text)));
                if let Some((text, None)) = found {
                    let why = format!("{text:?} is not a time: write it as 2024-05-01T12:00:00Z");
                    problems.push(problem(format!("scopes[{at}].{field}"), why));
                }
                found.and_then(|(_, ms)| ms)
            };
            let found = (
                time("startTimeIso", scope.start_time_iso.as_ref()),
                time("endTimeIso", scope.end_time_iso.as_ref()),
            );
            if at == 0 {
                times = found;
            }
            if self.scopes[..at].iter().any(|other| other.name() == scope.name()) {
                let why = format!("{:?} is there twice: metrics name their scope by it", scope.name());
                problems.push(problem(format!("scopes[{at}].scopeName"), why));
            }
            if scope.control_offset_in_minutes > YEAR_MIN {
                let why = format!("give at most {YEAR_MIN} minutes");
                problems.push(problem(format!("scopes[{at}].controlOffsetInMinutes"), why));
            }
        }
        (problems, times)
    }

    /// Both sides of every scope for a window.
    pub fn sides(&self, from_ms: u64, until_ms: u64) -> BTreeMap<String, Sides> {
        let sides = |scope: &AnalysisScope| {
            let step_ms = scope.step_ms().max(1_000);
            let side = |name: &str, location: &Option<String>, offset_ms: u64| Side {
                scope: name.to_owned(),
                location: location.clone().unwrap_or_default(),
                from_ms: from_ms.saturating_sub(offset_ms),
                until_ms: until_ms.saturating_sub(offset_ms),
                step_ms,
                params: scope.extended_scope_params.clone(),
            };
            let offset_ms = scope.control_offset_in_minutes.saturating_mul(60_000);
            Sides {
                control: side(&scope.control_scope, &scope.control_location, offset_ms),
                experiment: side(&scope.experiment_scope, &scope.experiment_location, 0),
            }
        };
        self.scopes.iter().map(|scope| (scope.name().to_owned(), sides(scope))).collect()
    }
}

impl AnalysisScope {
    fn name(&self) -> &str {
        self.scope_name.as_deref().unwrap_or("default")
    }

    fn step_ms(&self) -> u64 {
        self.step.unwrap_or(STEP_S).saturating_mul(1_000)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_names_every_scope_that_cannot_be_fetched() {
        let request: ExecutionRequest = serde_json::from_value(json!({ "scopes": { "default": {
            "controlScope": { "scope": "", "start": "2024-05-01T12:00:00Z", "end": "noon" },
            "experimentScope": { "scope": "canary", "start": "2024-05-01T12:00:00Z", "end": "2024-05-01T11:00:00Z" },
        }}}))
        .unwrap();
        let paths: Vec<String> =
            request.sides().unwrap_err().into_iter().map(|problem| problem.path).collect();
        let at = |field: &str| format!("scopes.default.{field}");
        assert_eq!(paths, [at("controlScope.scope"), at("controlScope.end"), at("experimentScope.end")]);
    }

    #[test]
    fn an_analysis_lasts_as_long_as_it_says_or_as_its_times_do() {
        let scope = json!({ "controlScope": "a", "experimentScope": "b", "controlOffsetInMinutes": 5,
            "startTimeIso": "2024-05-01T12:00:00Z", "endTimeIso": "2024-05-01T12:30:00Z" });
        let request: AnalysisRequest =
            serde_json::from_value(json!({ "scopes": [scope], "analysisIntervalMins": 10 })).unwrap();
        let lifetime = request.lifetime(millis("2024-05-01T12:10:00Z").unwrap()).unwrap();
        assert_eq!(lifetime.looks(), 3);
        let sides = &request.sides(600_000, 1_200_000)["default"];
        assert_eq!((sides.control.from_ms, sides.experiment.from_ms), (300_000, 600_000));
        let whole = json!({ "controlScope": "a", "experimentScope": "b" });
        for (change, at, field) in [
            (json!({ "step": 0 }), 0, "step"),
            (json!({ "step": u64::MAX }), 0, "step"),
            (json!({ "controlOffsetInMinutes": u64::MAX }), 0, "controlOffsetInMinutes"),
            (json!({ "startTimeIso": "2999-01-01T00:00:00Z" }), 0, "startTimeIso"),
            (json!({}), 1, "scopeName"),
        ] {
            let mut scopes = vec![whole.clone(); at + 1];
            scopes[at].as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let request = json!({ "scopes": scopes, "lifetimeDurationMins": 10_080 });
            let request: AnalysisRequest = serde_json::from_value(request).unwrap();
            let wrong = request.lifetime(0).unwrap_err();
            assert_eq!(wrong[0].path, format!("scopes[{at}].{field}"), "{wrong:?}");
        }
        let seconds = json!({ "scopes": [{ "controlScope": "a", "experimentScope": "b", "step": 1 }], "lifetimeDurationMins": 10_080 });
        let mut seconds: AnalysisRequest = serde_json::from_value(seconds).unwrap();
        assert_eq!(seconds.lifetime(0).unwrap_err()[0].path, "scopes[0].step", "a week of seconds");
        (seconds.lookback_mins, seconds.analysis_interval_mins) = (60, Some(60));
        assert!(seconds.lifetime(0).is_ok(), "an hour of them at a time");
        let none: AnalysisRequest = serde_json::from_value(json!({ "scopes": [] })).unwrap();
        assert_eq!(none.lifetime(0).unwrap_err().len(), 2);
        assert_eq!(iso(millis("2024-05-01T12:00:00Z").unwrap()), "2024-05-01T12:00:00Z");
    }
}
