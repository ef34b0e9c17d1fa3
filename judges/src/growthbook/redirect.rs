//! URLs: at which an experiment runs, and where it sends to.

use super::condition::compiled;
use super::payload::UrlPattern;

struct Parts<'a> {
    host: &'a str,
    path: &'a str,
    query: &'a str,
    fragment: &'a str,
}

fn parts(url: &str) -> Parts<'_> {
    let (rest, fragment) = url.split_once('#').unwrap_or((url, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, path) = match rest.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or((rest, ""), |at| rest.split_at(at)),
        None => ("", rest),
    };
    Parts { host, path, query, fragment }
}

fn wildcard(actual: &str, pattern: &str, is_path: bool) -> bool {
    let trimmed = |text: &str| if is_path { text.trim_matches('/').to_owned() } else { text.to_owned() };
    let pattern = regex::escape(&trimmed(pattern)).replace("\\*", ".*");
    compiled(&format!("^{pattern}$"), true).is_some_and(|pattern| pattern.is_match(&trimmed(actual)))
}

/// Whether a URL is at a pattern.
pub(super) fn matches(url: &str, pattern: &UrlPattern) -> bool {
    if pattern.kind == "regex" {
        let Some(regex) = compiled(&pattern.pattern, false) else { return false };
        let path = url.split_once("://").map_or(url, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
        return regex.is_match(url) || regex.is_match(path);
    }
    let (actual, expected) = (parts(url), parts(&pattern.pattern));
    if !expected.host.is_empty() && !wildcard(actual.host, expected.host, false) {
        return false;
    }
    let query = |text: &str| -> Vec<(String, String)> {
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), value.to_owned())
        };
        text.split('&').filter(|pair| !pair.is_empty()).map(pair).collect()
    };
    let has = query(actual.query);
    let queries = query(expected.query)
        .iter()
        .all(|(name, value)| has.iter().any(|(has, actual)| has == name && wildcard(actual, value, false)));
    let fragment = expected.fragment.is_empty() || wildcard(actual.fragment, expected.fragment, false);
    queries && fragment && wildcard(actual.path, expected.path, true)
}

/// Where a redirect leads when the query of the page that it leaves is kept: what the target says itself goes first.
#[must_use]
pub fn merge_query(from: &str, to: &str) -> String {
    let source = parts(from).query;
    let (base, fragment) = to.split_once('#').map_or((to, None), |(base, fragment)| (base, Some(fragment)));
    let own = base.split_once('?').map_or("", |(_, query)| query);
    let named = |name: &str| own.split('&').any(|pair| pair.split('=').next() == Some(name));
    let kept: Vec<&str> = source
        .split('&')
        .filter(|pair| !pair.is_empty() && !named(pair.split('=').next().unwrap_or_default()))
        .collect();
    let mut merged = base.to_owned();
    if !kept.is_empty() {
        merged.push(if base.contains('?') { '&' } else { '?' });
        merged.push_str(&kept.join("&"));
    }
    if let Some(fragment) = fragment {
        merged.push('#');
        merged.push_str(fragment);
    }
    merged
}
