//! The generated description's head.

use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};

/// The description before any route is added.
pub(crate) fn preface() -> OpenApi {
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Troupe")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "The public edge of a Troupe cluster. Every node answers for all of it. Errors are \
                     `application/problem+json` with a stable `code`, `retryable`, and `outcome`, which says whether \
                     the call may have happened.",
                ))
                .build(),
        )
        .build()
}

/// The description as JSON.
///
/// # Panics
/// Never: the description is plain data.
pub(crate) fn render(api: &OpenApi) -> String {
    api.to_json().expect("the description is plain data")
}
