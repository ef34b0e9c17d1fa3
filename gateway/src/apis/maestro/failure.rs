//! Problems in Maestro's format: `status` as a word and `message`, beside the fields of every problem of the edge.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use troupe_runtime::{AskError, Refused};
use troupe_workflows::tree::Problems;

use crate::edge::body::Reject;
use crate::edge::problem::Problem;

/// A problem on its way to a client of Maestro. Boxed, so that results stay small.
#[derive(Debug)]
pub(crate) struct Failure(Box<(Problem, Vec<Value>)>);

impl Failure {
    /// What is asked for is not there.
    pub(super) fn missing(field: &str, why: String) -> Self {
        Self::from(AskError::Refused(Refused::field("NOT_FOUND", field, why)))
    }

    /// The request cannot be what was meant.
    pub(super) fn wrong(field: &str, why: impl Into<String>) -> Self {
        Self::from(AskError::Refused(Refused::field("BAD_REQUEST", field, why.into())))
    }

    /// The same, by the name that the client has for a field: entities have their own.
    pub(super) fn called(mut self, names: &[(&str, &str)]) -> Self {
        let problem = &mut self.0.0.0;
        let own = problem.field.as_deref().and_then(|field| names.iter().find(|(own, _)| *own == field));
        if let Some((own, written)) = own.copied() {
            if let Some(rest) = problem.detail.strip_prefix(own).filter(|rest| rest.starts_with(' ')) {
                problem.detail = format!("{written}{rest}");
            }
            problem.field = Some(written.to_owned());
        }
        self
    }
}

impl Reject for Failure {}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(Box::new((problem, Vec::new())))
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        Self::from(Problem::from(error))
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        let refused = Refused::new("BAD_DEFINITION", problems.to_string());
        let path = |path: &str| if path.is_empty() { "body".to_owned() } else { path.to_owned() };
        let field = problems.0.first().map(|problem| path(&problem.path));
        let problem = Problem::from(AskError::Refused(Refused { field, ..refused }));
        let each = problems.0.iter().map(|problem| {
            let mut each = json!(problem);
            each["path"] = json!(path(&problem.path));
            each
        });
        Self(Box::new((problem, each.collect())))
    }
}

/// Maestro's word for a status.
fn word(status: StatusCode) -> String {
    match status {
        StatusCode::UNPROCESSABLE_ENTITY => "BAD_REQUEST".to_owned(),
        _ => status.canonical_reason().unwrap_or("ERROR").to_ascii_uppercase().replace([' ', '-'], "_"),
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (problem, each) = *self.0;
        let status = StatusCode::from_u16(problem.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut body = serde_json::to_value(&problem.0).unwrap_or_default();
        body["status"] = json!(word(status));
        body["message"] = body["detail"].clone();
        if !each.is_empty() {
            let lines = each.iter().map(|one| {
                let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
                json!(format!("{}: {}; {}", text("path"), text("what"), text("fix")))
            });
            body["errors"] = lines.collect();
            body["problems"] = Value::Array(each);
        }
        // The headers, `Retry-After` among them, are those of any problem.
        let mut response = problem.into_response();
        let bytes = serde_json::to_vec(&body).unwrap_or_default();
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *response.body_mut() = bytes.into();
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_workflow_does_not_have_is_not_found() {
        for (code, status) in
            [("NO_INSTANCE", 404), ("NO_VERSION", 404), ("NO_STEP", 404), ("NO_RUN", 404), ("BAD_ID", 422)]
        {
            let refused = AskError::Refused(Refused::field(code, "field", "why"));
            assert_eq!(Failure::from(refused).into_response().status(), status, "{code}");
        }
    }

    #[test]
    fn a_field_is_called_what_the_client_calls_it() {
        let refused = Refused::field("BAD_KEY", "key", "key must be 1 to 256 bytes");
        let failure =
            Failure::from(AskError::Refused(refused)).called(&[("id", "request_id"), ("key", "name")]);
        let problem = &failure.0.0.0;
        assert_eq!(problem.field.as_deref(), Some("name"));
        assert_eq!(problem.detail, "name must be 1 to 256 bytes");
    }

    #[test]
    fn a_status_is_said_in_maestros_word() {
        for (status, said) in
            [(404, "NOT_FOUND"), (409, "CONFLICT"), (422, "BAD_REQUEST"), (503, "SERVICE_UNAVAILABLE")]
        {
            assert_eq!(word(StatusCode::from_u16(status).unwrap()), said);
        }
    }
}
