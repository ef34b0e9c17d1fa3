//! The retry policy as written; [`crate::retries`] computes its numbers.

use serde::Serialize;

use super::{Quantity, read_from_tree, words};
use crate::tree::{Fields, Report, Tree};

words! {
    /// The growth of the delay between attempts.
    BackoffKind {
        Exponential = "EXPONENTIAL_BACKOFF",
        Fixed = "FIXED_BACKOFF",
    }
}

/// The delay between attempts. A fixed backoff has no exponents and no limits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Backoff {
    #[serde(rename = "type")]
    pub kind: BackoffKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_retry_backoff_in_secs: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_retry_exponent: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_retry_limit_in_secs: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform_retry_backoff_in_secs: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform_retry_exponent: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform_retry_limit_in_secs: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_retry_backoff_in_secs: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_retry_exponent: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_retry_limit_in_secs: Option<Quantity>,
}

/// A step's retry policy; absent fields have Maestro's defaults.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct RetryPolicy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_retry_limit: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform_retry_limit: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_retry_limit: Option<Quantity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
}

fn quantity(fields: &Fields<'_>, name: &'static str) -> Option<Quantity> {
    fields.tree(name).and_then(|tree| Quantity::read(tree, &fields.at(name), fields.report))
}

impl Backoff {
    fn read(tree: &Tree, path: &str, report: &Report) -> Option<Self> {
        let fields = Fields::of(tree, path, report)?;
        let kind = fields.word("type", BackoffKind::WORDS);
        if kind.is_none() && fields.tree("type").is_none() {
            report.add(fields.at("type"), "is missing", "use EXPONENTIAL_BACKOFF or FIXED_BACKOFF");
        }
        let grows = kind != Some(BackoffKind::Fixed);
        let only = |name| if grows { quantity(&fields, name) } else { None };
        let read = Self {
            kind: kind.unwrap_or(BackoffKind::Exponential),
            error_retry_backoff_in_secs: quantity(&fields, "error_retry_backoff_in_secs"),
            error_retry_exponent: only("error_retry_exponent"),
            error_retry_limit_in_secs: only("error_retry_limit_in_secs"),
            platform_retry_backoff_in_secs: quantity(&fields, "platform_retry_backoff_in_secs"),
            platform_retry_exponent: only("platform_retry_exponent"),
            platform_retry_limit_in_secs: only("platform_retry_limit_in_secs"),
            timeout_retry_backoff_in_secs: quantity(&fields, "timeout_retry_backoff_in_secs"),
            timeout_retry_exponent: only("timeout_retry_exponent"),
            timeout_retry_limit_in_secs: only("timeout_retry_limit_in_secs"),
        };
        fields.finish();
        kind.map(|_| read)
    }
}

impl RetryPolicy {
    pub(crate) fn read(tree: &Tree, path: &str, report: &Report) -> Option<Self> {
        let fields = Fields::of(tree, path, report)?;
        let read = Self {
            error_retry_limit: quantity(&fields, "error_retry_limit"),
            platform_retry_limit: quantity(&fields, "platform_retry_limit"),
            timeout_retry_limit: quantity(&fields, "timeout_retry_limit"),
            backoff: fields
                .tree("backoff")
                .and_then(|tree| Backoff::read(tree, &fields.at("backoff"), report)),
        };
        fields.finish();
        Some(read)
    }

    /// All numbers with their field names, for checks and for filling in parameters.
    #[must_use]
    pub fn quantities(&self) -> Vec<(&'static str, &Quantity)> {
        let mut all = vec![
            ("error_retry_limit", &self.error_retry_limit),
            ("platform_retry_limit", &self.platform_retry_limit),
            ("timeout_retry_limit", &self.timeout_retry_limit),
        ];
        if let Some(backoff) = &self.backoff {
            all.extend([
                ("backoff.error_retry_backoff_in_secs", &backoff.error_retry_backoff_in_secs),
                ("backoff.error_retry_exponent", &backoff.error_retry_exponent),
                ("backoff.error_retry_limit_in_secs", &backoff.error_retry_limit_in_secs),
                ("backoff.platform_retry_backoff_in_secs", &backoff.platform_retry_backoff_in_secs),
                ("backoff.platform_retry_exponent", &backoff.platform_retry_exponent),
                ("backoff.platform_retry_limit_in_secs", &backoff.platform_retry_limit_in_secs),
                ("backoff.timeout_retry_backoff_in_secs", &backoff.timeout_retry_backoff_in_secs),
                ("backoff.timeout_retry_exponent", &backoff.timeout_retry_exponent),
                ("backoff.timeout_retry_limit_in_secs", &backoff.timeout_retry_limit_in_secs),
            ]);
        }
        all.into_iter().filter_map(|(name, value)| value.as_ref().map(|value| (name, value))).collect()
    }
}

read_from_tree!(Backoff, RetryPolicy);
