//! URL targeting, variations forced by a query, and redirects that keep the query.

use regex::Regex;
use url::{Position, Url};

use super::condition::Parser;
use super::condition::bounded_regex;
use super::wire::UrlTarget;

/// Stands for `*` in a URL, since `*` is not a valid host.
const WILD: &str = "_____";
/// Most bytes of a page's URL; a longer one matches no target.
const URL_BYTES_MAX: usize = 16 << 10;

/// The pages of one experiment.
#[derive(Debug, Clone)]
pub(super) struct Targets(Vec<(bool, Target)>);

#[derive(Debug, Clone)]
enum Target {
    Regex(Regex),
    Simple { host: Glob, path: Glob, fragment: Option<Glob>, query: Vec<(String, Glob)> },
    Never,
}

/// A case-insensitive wildcard pattern: the parts between the wildcards.
#[derive(Debug, Clone)]
struct Glob(Vec<String>);

impl Targets {
    pub(super) fn new(targets: &[UrlTarget], parser: &mut Parser<'_>) -> Targets {
        let each = |(i, target): (usize, &UrlTarget)| {
            let compiled = parser.at(format!("[{i}]"), |parser| Target::new(target, parser));
            (target.include != Some(false), compiled)
        };
        Targets(targets.iter().enumerate().map(each).collect())
    }

    /// Whether a page is targeted: an including target matches, or there are only excluding targets and they do not match.
    pub(super) fn match_page(&self, page: &str) -> bool {
        if self.0.is_empty() || page.len() > URL_BYTES_MAX {
            return false;
        }
        let Some(page) = parsed(page, "https://_") else { return false };
        let mut included = self.0.iter().all(|(include, _)| !include);
        for (include, target) in &self.0 {
            if target.matches(&page) {
                if !include {
                    return false;
                }
                included = true;
            }
        }
        included
    }
}

impl Target {
    fn new(target: &UrlTarget, parser: &mut Parser<'_>) -> Target {
        let built = match target.kind.as_str() {
            "regex" => bounded_regex(&target.pattern, false).map(Target::Regex),
            "simple" => Target::simple(&target.pattern).ok_or_else(|| "no URL".to_owned()),
            other => Err(format!("a target of the unknown type {other}")),
        };
        built.unwrap_or_else(|why| {
            parser.problem(why, "use the type simple with a URL or regex with a regular expression");
            Target::Never
        })
    }

    fn simple(pattern: &str) -> Option<Target> {
        // A host without a protocol has a dot before any of `:/?`.
        let head = pattern.split([':', '/', '?']).next().unwrap_or_default();
        let pattern = if head.contains('.') { format!("https://{pattern}") } else { pattern.to_owned() };
        let expected = parsed(&pattern.replace('*', WILD), "https://_____")?;
        let query = expected.query_pairs().map(|(key, value)| (key.into_owned(), Glob::new(&value)));
        Some(Target::Simple {
            host: Glob::new(&host(&expected)),
            path: Glob::new(unslashed(expected.path())),
            fragment: expected.fragment().filter(|fragment| !fragment.is_empty()).map(Glob::new),
            query: query.collect(),
        })
    }

    fn matches(&self, page: &Url) -> bool {
        match self {
            Target::Never => false,
            Target::Regex(regex) => {
                regex.is_match(page.as_str()) || regex.is_match(&page[Position::BeforePath..])
            }
            Target::Simple { host: expected, path, fragment, query } => {
                expected.matches(&host(page))
                    && path.matches_path(page.path())
                    && fragment.as_ref().is_none_or(|glob| glob.matches(page.fragment().unwrap_or_default()))
                    && query.iter().all(|(key, glob)| {
                        let value = page.query_pairs().find(|(have, _)| have == key);
                        glob.matches(&value.map(|(_, value)| value).unwrap_or_default())
                    })
            }
        }
    }
}

impl Glob {
    fn new(pattern: &str) -> Glob {
        Glob(pattern.to_lowercase().split(WILD).map(str::to_owned).collect())
    }

    fn matches(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let (Some(first), Some(last)) = (self.0.first(), self.0.last()) else { return false };
        if self.0.len() == 1 {
            return text == *first;
        }
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        // The earliest match of each inner part leaves the most text for the parts that follow.
        for part in &self.0[1..self.0.len() - 1] {
            match rest.find(part.as_str()) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last.as_str())
    }

    /// Paths match with or without a slash at either end.
    fn matches_path(&self, path: &str) -> bool {
        let starts = [Some(path), path.strip_prefix('/')];
        starts
            .into_iter()
            .flatten()
            .any(|path| self.matches(path) || path.strip_suffix('/').is_some_and(|path| self.matches(path)))
    }
}

fn parsed(text: &str, base: &str) -> Option<Url> {
    Url::parse(base).ok()?.join(text).ok()
}

fn host(url: &Url) -> String {
    url[Position::BeforeHost..Position::AfterPort].to_owned()
}

fn unslashed(path: &str) -> &str {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.strip_suffix('/').unwrap_or(path)
}

/// The variation forced by `?key=n` in a page's URL; `None` if `n` is out of range.
#[must_use]
pub fn query_string_override(key: &str, page: &str, variations: usize) -> Option<usize> {
    let page = page.split_once('#').map_or(page, |(page, _)| page);
    let (_, query) = page.split_once('?')?;
    let pair = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == key);
    let (_, number) = pair?;
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| number.parse().ok()).flatten().filter(|n| *n < variations)
}

/// Whether a page's URL, or its path, matches the pattern of an experiment's `url`.
pub(super) fn match_url(page: Option<&str>, pattern: &Regex) -> bool {
    let Some(page) = page.filter(|page| !page.is_empty() && page.len() <= URL_BYTES_MAX) else {
        return false;
    };
    let bare = page.strip_prefix("https://").or_else(|| page.strip_prefix("http://")).unwrap_or(page);
    let path = bare.find('/').map_or(bare, |slash| &bare[slash..]);
    pattern.is_match(page) || pattern.is_match(path)
}

/// The redirect's URL with the parameters that only the page's query has. Unchanged if either URL is invalid.
pub(super) fn merged_query(page: &str, redirect: &str) -> String {
    let (Ok(page), Ok(mut merged)) = (Url::parse(page), Url::parse(redirect)) else {
        return redirect.to_owned();
    };
    for (key, value) in page.query_pairs() {
        if !merged.query_pairs().any(|(have, _)| have == key) {
            merged.query_pairs_mut().append_pair(&key, &value);
        }
    }
    merged.into()
}
