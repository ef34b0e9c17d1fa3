//! A problem in the words of the clients of one door.

use std::marker::PhantomData;

use axum::response::{IntoResponse, Response};
use troupe_runtime::{AskError, Refused};

use super::body::Reject;
use super::problem::Problem;

/// How the clients of a door are told of a problem.
pub(crate) trait Dialect {
    fn answer(problem: Problem) -> Response;

    /// The JSON that an empty body stands for.
    const EMPTY_BODY: &'static [u8] = b"";
}

/// A problem on its way to the clients of a door.
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
