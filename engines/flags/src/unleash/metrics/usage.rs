//! Usage of features by application, folded from client reports.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::wire::{Counts, MetricsPost, Registration};
use crate::unleash::error::{At, Refused};
use crate::unleash::{TEXT_BYTES_MAX, date};

const HOUR_MS: u64 = 3_600_000;
const NANOS_PER_MS: i128 = 1_000_000;

/// Limits of posts and of the kept state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageLimits {
    /// Features in one post; a larger post is refused.
    pub toggles_per_post: usize,
    /// Variants of a feature, in one post and in total.
    pub variants: usize,
    /// Features with their own counts; evaluations of further features share one count.
    pub features: usize,
    /// Applications. A further one is refused, unless one was not seen for `forget_ms`.
    pub applications: usize,
    /// Latest processes kept per application.
    pub instances: usize,
    /// Strategies in a registration.
    pub strategies: usize,
    /// Retention of the hourly counts per feature, in hours.
    pub hours: usize,
    /// Milliseconds of silence after which an application may be replaced.
    pub forget_ms: u64,
}

impl Default for UsageLimits {
    fn default() -> Self {
        Self {
            toggles_per_post: 2_000,
            variants: 100,
            features: 5_000,
            applications: 1_000,
            instances: 100,
            strategies: 100,
            hours: 48,
            forget_ms: 7 * 24 * HOUR_MS,
        }
    }
}

/// An accepted metrics post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The application.
    pub app: String,
    /// The process id within the application.
    pub instance: String,
    /// The hour since 1970 in which the bucket closed, or the hour of arrival if the client's clock is wrong.
    pub hour: u64,
    /// When it arrived, milliseconds since 1970.
    pub at_ms: u64,
    /// By feature.
    pub counts: BTreeMap<String, Counts>,
}

/// An accepted registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The application.
    pub app: String,
    /// The process id within the application.
    pub instance: String,
    /// The client's name and version.
    pub sdk: String,
    /// The strategies that it supports.
    pub strategies: Vec<String>,
    /// How often it sends metrics, in its own unit.
    pub interval: u64,
    /// When it arrived, milliseconds since 1970.
    pub at_ms: u64,
}

/// A client application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// The client's name and version, as last registered; empty before.
    pub sdk: String,
    /// The strategies that it knows, as last registered.
    pub strategies: Vec<String>,
    /// How often it sends metrics, in its own unit; 0 before it registers.
    pub interval: u64,
    /// When each process was last heard of, milliseconds since 1970.
    pub instances: BTreeMap<String, u64>,
    /// When it was first heard of, milliseconds since 1970.
    pub first_seen_ms: u64,
    /// When it was last heard of, milliseconds since 1970.
    pub last_seen_ms: u64,
}

/// How a feature is used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureUsage {
    /// Since the beginning.
    pub total: Counts,
    /// Counts of variants beyond the limit.
    pub other_variants: u64,
    /// The latest hours that had any, in order.
    pub hours: VecDeque<Hour>,
    /// Last evaluation, milliseconds since 1970.
    pub last_seen_ms: u64,
}

/// One hour of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hour {
    /// Hours since 1970.
    pub hour: u64,
    /// How often it was on.
    pub yes: u64,
    /// How often it was off.
    pub no: u64,
}

/// Usage of features by application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    limits: UsageLimits,
    applications: BTreeMap<String, Application>,
    features: BTreeMap<String, FeatureUsage>,
    overflow: u64,
}

impl Usage {
    /// Empty usage.
    #[must_use]
    pub fn new(limits: UsageLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Applications by name.
    #[must_use]
    pub fn applications(&self) -> &BTreeMap<String, Application> {
        &self.applications
    }

    /// Features by name, unknown features that clients evaluate included.
    #[must_use]
    pub fn features(&self) -> &BTreeMap<String, FeatureUsage> {
        &self.features
    }

    /// Evaluations of features beyond the limit.
    #[must_use]
    pub fn overflow(&self) -> u64 {
        self.overflow
    }

    /// Validates a post that arrived at `now_ms`, milliseconds since 1970. `None` if it has no counts.
    ///
    /// # Errors
    /// The post is over a limit, has an invalid time, or is of one application too many.
    pub fn counted(&self, post: &MetricsPost, now_ms: u64) -> Result<Option<Counted>, Refused> {
        let root = At::root("");
        self.sender(&post.app_name, &post.instance_id, now_ms, &root)?;
        let Some(bucket) = &post.bucket else { return Ok(None) };
        let at = root.field("bucket");
        let start = time(&bucket.start, &at.field("start"))?;
        let stop = time(&bucket.stop, &at.field("stop"))?;
        if stop < start {
            return Err(at.field("stop").refuse_text(&bucket.stop, "send a time that is not before start"));
        }
        at.field("toggles").at_most(bucket.toggles.len(), self.limits.toggles_per_post)?;
        for (name, counts) in &bucket.toggles {
            let at = at.field("toggles");
            let short = name.char_indices().nth(80).map_or(name.as_str(), |(end, _)| &name[..end]);
            let at = at.field(short);
            at.at_most(name.len(), TEXT_BYTES_MAX)?;
            at.field("variants").at_most(counts.variants.len(), self.limits.variants)?;
            let long = counts.variants.keys().map(String::len).max().unwrap_or(0);
            at.field("variants").at_most(long, TEXT_BYTES_MAX)?;
        }
        if bucket.toggles.is_empty() {
            return Ok(None);
        }
        let now_hour = now_ms / HOUR_MS;
        let oldest = now_hour.saturating_sub(self.limits.hours as u64);
        let hour = u64::try_from(stop).map_or(0, |stop| stop / HOUR_MS);
        let hour = if (oldest..=now_hour + 1).contains(&hour) { hour } else { now_hour };
        Ok(Some(Counted {
            app: post.app_name.clone(),
            instance: post.instance_id.clone(),
            hour,
            at_ms: now_ms,
            counts: bucket.toggles.clone(),
        }))
    }

    /// Validates a registration that arrived at `now_ms`, milliseconds since 1970.
    ///
    /// # Errors
    /// The registration is over a limit or of one application too many.
    pub fn joined(&self, registration: &Registration, now_ms: u64) -> Result<Joined, Refused> {
        let root = At::root("");
        self.sender(&registration.app_name, &registration.instance_id, now_ms, &root)?;
        root.field("sdkVersion").at_most(registration.sdk_version.len(), TEXT_BYTES_MAX)?;
        root.field("strategies").at_most(registration.strategies.len(), self.limits.strategies)?;
        for (i, strategy) in registration.strategies.iter().enumerate() {
            root.item("strategies", i).at_most(strategy.len(), TEXT_BYTES_MAX)?;
        }
        Ok(Joined {
            app: registration.app_name.clone(),
            instance: registration.instance_id.clone(),
            sdk: registration.sdk_version.clone(),
            strategies: registration.strategies.clone(),
            interval: registration.interval,
            at_ms: now_ms,
        })
    }

    /// Folds an accepted post.
    pub fn count(&mut self, counted: &Counted) {
        self.seen(&counted.app, &counted.instance, counted.at_ms);
        for (name, counts) in &counted.counts {
            if !self.features.contains_key(name) && self.features.len() >= self.limits.features {
                self.overflow = self.overflow.saturating_add(counts.yes).saturating_add(counts.no);
                continue;
            }
            let feature = self.features.entry(name.clone()).or_default();
            feature.fold(counts, counted.hour, &self.limits);
            feature.last_seen_ms = feature.last_seen_ms.max(counted.at_ms);
        }
    }

    /// Folds a registration that was taken.
    pub fn join(&mut self, joined: &Joined) {
        if let Some(application) = self.seen(&joined.app, &joined.instance, joined.at_ms) {
            application.sdk.clone_from(&joined.sdk);
            application.strategies.clone_from(&joined.strategies);
            application.interval = joined.interval;
        }
    }

    fn sender(&self, app: &str, instance: &str, now_ms: u64, root: &At<'_>) -> Result<(), Refused> {
        let at = root.field("appName");
        if app.is_empty() {
            return Err(at.refuse("empty", "name the application"));
        }
        at.at_most(app.len(), TEXT_BYTES_MAX)?;
        root.field("instanceId").at_most(instance.len(), TEXT_BYTES_MAX)?;
        let full = self.applications.len() >= self.limits.applications;
        if full && !self.applications.contains_key(app) && self.forgettable(now_ms).is_none() {
            let most = self.limits.applications;
            let fix = format!("{most} applications are kept; use one of their names, or raise the limit");
            return Err(at.refuse_text(app, fix));
        }
        Ok(())
    }

    /// The application with the longest silence, if it is at least `forget_ms`.
    fn forgettable(&self, now_ms: u64) -> Option<&String> {
        let (name, silent) =
            self.applications.iter().min_by_key(|(_, application)| application.last_seen_ms)?;
        (silent.last_seen_ms.saturating_add(self.limits.forget_ms) <= now_ms).then_some(name)
    }

    /// `None` if the state is full. A post accepted against this state always fits.
    fn seen(&mut self, app: &str, instance: &str, at_ms: u64) -> Option<&mut Application> {
        if !self.applications.contains_key(app) && self.applications.len() >= self.limits.applications {
            let silent = self.forgettable(at_ms)?.clone();
            self.applications.remove(&silent);
        }
        let application = self
            .applications
            .entry(app.to_owned())
            .or_insert_with(|| Application { first_seen_ms: at_ms, ..Application::default() });
        application.last_seen_ms = application.last_seen_ms.max(at_ms);
        application.instances.insert(instance.to_owned(), at_ms);
        if application.instances.len() > self.limits.instances {
            let oldest = application.instances.iter().min_by_key(|(_, seen)| **seen);
            let oldest = oldest.map(|(name, _)| name.clone()).unwrap_or_default();
            application.instances.remove(&oldest);
        }
        Some(application)
    }
}

impl FeatureUsage {
    fn fold(&mut self, counts: &Counts, hour: u64, limits: &UsageLimits) {
        self.total.yes = self.total.yes.saturating_add(counts.yes);
        self.total.no = self.total.no.saturating_add(counts.no);
        for (name, count) in &counts.variants {
            let known = self.total.variants.contains_key(name) || self.total.variants.len() < limits.variants;
            let sum = if known {
                self.total.variants.entry(name.clone()).or_default()
            } else {
                &mut self.other_variants
            };
            *sum = sum.saturating_add(*count);
        }
        let place = self.hours.partition_point(|kept| kept.hour < hour);
        match self.hours.get_mut(place).filter(|kept| kept.hour == hour) {
            Some(kept) => {
                kept.yes = kept.yes.saturating_add(counts.yes);
                kept.no = kept.no.saturating_add(counts.no);
            }
            None => self.hours.insert(place, Hour { hour, yes: counts.yes, no: counts.no }),
        }
        while self.hours.len() > limits.hours {
            self.hours.pop_front();
        }
    }
}

/// Milliseconds since 1970.
fn time(text: &str, at: &At<'_>) -> Result<i128, Refused> {
    date::relaxed(text)
        .map(|nanos| nanos.div_euclid(NANOS_PER_MS))
        .ok_or_else(|| at.refuse_text(text, "send a time such as 2026-01-29T13:00:00Z"))
}
