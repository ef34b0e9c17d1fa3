//! Every refusal's code, its kind and the HTTP status of that kind.

use std::fmt::Write as _;

pub(super) fn page() -> String {
    let mut page = String::from(
        "# Refusals\n\n\
         A refusal is an answer that says no: `application/problem+json` with `code`, `detail`, the `field` at fault, \
         `retryable`, and `outcome`. One kind has one status.\n\n\
         | code | kind | status | meaning |\n| --- | --- | --- | --- |\n",
    );
    for refusal in troupe_actors::refusals::CODES {
        let _ = writeln!(
            page,
            "| `{}` | {:?} | {} | {} |",
            refusal.code,
            refusal.kind,
            refusal.kind.status(),
            refusal.meaning
        );
    }
    page
}
