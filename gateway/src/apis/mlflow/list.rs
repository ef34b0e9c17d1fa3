//! Lists: how many rows a page has, which of them are wanted, and where the next page begins.

use serde_json::Value;

use super::{Trouble, Whole, bad};

/// Rows of one page: as many as are asked for, within bounds.
pub(super) fn limit(request: Option<&Whole>, usual: i64, most: i64) -> Result<usize, Trouble> {
    let limit = request.map_or(Ok(usual), |limit| limit.read("max_results"))?.clamp(1, most);
    Ok(usize::try_from(limit).unwrap_or(1))
}

/// Whether what is or is not put aside is in the view that is asked for.
pub(super) fn is_seen(view_type: Option<&str>, deleted: bool) -> bool {
    match view_type {
        Some("ALL") => true,
        Some("DELETED_ONLY") => deleted,
        _ => !deleted,
    }
}

/// What a token says; none on the first page.
pub(super) fn token(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

pub(super) fn no_token() -> Trouble {
    bad("page_token", "page_token must be what next_page_token said")
}

/// A page of rows that are all there, and where the next one begins.
pub(super) fn page(
    rows: Vec<Value>,
    from: Option<&str>,
    limit: usize,
) -> Result<(Vec<Value>, Option<String>), Trouble> {
    let from = token(from).map_or(Ok(0), |from| from.parse::<usize>().map_err(|_| no_token()))?;
    let left = rows.len().saturating_sub(from);
    let next = (left > limit).then(|| (from + limit).to_string());
    Ok((rows.into_iter().skip(from).take(limit).collect(), next))
}
