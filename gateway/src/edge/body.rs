//! The JSON body of a request, read within the call's deadline and the gateway's size limit.

use std::marker::PhantomData;

use axum::extract::{FromRef, FromRequest, FromRequestParts as _, Request};
use axum::response::IntoResponse;
use serde::de::DeserializeOwned;

use super::call::Call;
use super::json;
use super::problem::Problem;
use super::state::GatewayState;

/// The call and its body as `T`. A body that cannot be read is answered in the format of `E`.
///
/// Checked in this order: the call's headers, media type, announced size, read size, deadline, JSON syntax, and the shape
/// of `T` with the path of the field that does not fit.
#[derive(Debug)]
pub(crate) struct Body<T, E = Problem> {
    pub(crate) call: Call,
    pub(crate) json: T,
    format: PhantomData<fn() -> E>,
}

/// The error format of an API.
pub(crate) trait Reject: From<Problem> + IntoResponse {
    /// The JSON that an empty body stands for. By default none, so that an empty body is `BAD_JSON`.
    const EMPTY_BODY: &'static [u8] = b"";
}

impl Reject for Problem {}

impl<T, S, E> FromRequest<S> for Body<T, E>
where
    T: DeserializeOwned,
    S: Send + Sync,
    E: Reject,
    GatewayState: FromRef<S>,
{
    type Rejection = E;

    async fn from_request(request: Request, state: &S) -> Result<Self, E> {
        let (mut parts, body) = request.into_parts();
        let call = Call::from_request_parts(&mut parts, state).await?;
        let bytes_max = GatewayState::from_ref(state).config.body_bytes_max;
        let bytes = call.body(&parts.headers, body, bytes_max).await?;
        let json = json::read(if bytes.is_empty() { E::EMPTY_BODY } else { &bytes })?;
        Ok(Self { call, json, format: PhantomData })
    }
}
