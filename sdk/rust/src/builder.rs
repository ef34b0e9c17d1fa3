//! The client builder.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::calls::{Client, Shared};
use crate::endpoints::Endpoints;
use crate::error::Error;
use crate::retry::{Budget, RetryPolicy};

/// Builder of a client; see [`Client::builder`].
#[derive(Debug, Clone)]
pub struct Builder {
    endpoints: Vec<String>,
    within: Duration,
    attempt_within: Duration,
    connect_within: Duration,
    retries: RetryPolicy,
    budget: Budget,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            within: Duration::from_secs(10),
            attempt_within: Duration::from_secs(5),
            connect_within: Duration::from_secs(1),
            retries: RetryPolicy::default(),
            budget: Budget::default(),
        }
    }
}

impl Builder {
    /// Gateways of the cluster, `http://host:port` or `host:port`. The first is used until it fails.
    #[must_use]
    pub fn endpoints<E: Into<String>>(mut self, endpoints: impl IntoIterator<Item = E>) -> Self {
        self.endpoints = endpoints.into_iter().map(Into::into).collect();
        self
    }

    /// Deadline of a call with all its attempts; default 10 s.
    #[must_use]
    pub const fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Time limit of one attempt, after which another endpoint is tried; default 5 s. It protects a call from a hung node.
    #[must_use]
    pub const fn attempt_within(mut self, within: Duration) -> Self {
        self.attempt_within = within;
        self
    }

    /// Connect timeout; default 1 s.
    #[must_use]
    pub const fn connect_within(mut self, within: Duration) -> Self {
        self.connect_within = within;
        self
    }

    /// Retry policy; default two retries, after 0.5 s and 1 s. A failover takes under a second. To hide it from the
    /// caller, set a short first delay and more retries.
    #[must_use]
    pub const fn retries(mut self, retries: RetryPolicy) -> Self {
        self.retries = retries;
        self
    }

    /// Retry budget: most retries of a burst of failures; default 10, refilled by one for every five calls.
    #[must_use]
    pub const fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    /// [`Error::Configuration`].
    pub fn build(self) -> Result<Client, Error> {
        if self.endpoints.is_empty() {
            return Err(Error::Configuration("no endpoint given".into()));
        }
        let bases = self.endpoints.iter().map(|endpoint| base(endpoint)).collect::<Result<Vec<_>, _>>()?;
        if self.within.is_zero() || self.attempt_within.is_zero() {
            return Err(Error::Configuration("within and attempt_within must be longer than zero".into()));
        }
        let http = reqwest::Client::builder()
            .connect_timeout(self.connect_within)
            .tcp_nodelay(true)
            .no_proxy()
            .build()
            .map_err(|error| Error::Configuration(error.to_string()))?;
        Ok(Client(Arc::new(Shared {
            http,
            endpoints: Endpoints::new(bases),
            within: self.within,
            attempt_within: self.attempt_within,
            retries: self.retries,
            budget: Mutex::new(self.budget),
            draws: Mutex::new(SmallRng::from_os_rng()),
        })))
    }
}

fn base(endpoint: &str) -> Result<String, Error> {
    let endpoint = endpoint.trim();
    let with_scheme =
        if endpoint.contains("://") { endpoint.to_owned() } else { format!("http://{endpoint}") };
    let url = reqwest::Url::parse(&with_scheme)
        .map_err(|error| Error::Configuration(format!("endpoint {endpoint:?}: {error}")))?;
    if url.scheme() != "http" || url.host_str().is_none() {
        return Err(Error::Configuration(format!("endpoint {endpoint:?} must be http://host:port")));
    }
    Ok(with_scheme.trim_end_matches('/').to_owned())
}
