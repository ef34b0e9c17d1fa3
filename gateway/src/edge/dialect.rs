//! A problem in the error format of one API.

use std::marker::PhantomData;

use axum::response::{IntoResponse, Response};
use troupe_runtime::{AskError, Refused};

use super::body::Reject;
use super::problem::Problem;

/// The error format of an API.
pub(crate) trait Dialect {
    fn answer(problem: Problem) -> Response;

    /// The JSON that an empty body stands for.
    const EMPTY_BODY: &'static [u8] = b"";
}

/// A problem on its way to the clients of an API.
#[derive(Debug)]
pub(crate) struct Trouble<D>(pub(crate) Problem, PhantomData<fn() -> D>);

impl<D> From<Problem> for Trouble<D> {
    fn from(problem: Problem) -> Self {
        Self(problem, PhantomData)
    }
}

impl<D> From<AskError> for Trouble<D> {
    fn from(error: AskError) -> Self {
        Self::from(Problem::from(error))
    }
}

impl<D> From<Refused> for Trouble<D> {
    fn from(refused: Refused) -> Self {
        Self::from(AskError::Refused(refused))
    }
}

impl<D: Dialect> IntoResponse for Trouble<D> {
    fn into_response(self) -> Response {
        D::answer(self.0)
    }
}

impl<D: Dialect> Reject for Trouble<D> {
    const EMPTY_BODY: &'static [u8] = D::EMPTY_BODY;
}
