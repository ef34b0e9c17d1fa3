//! Compiled activation strategies.

use std::collections::HashSet;
use std::net::IpAddr;

use super::compile::Budget;
use super::constraint::Constraint;
use super::context::{Context, Field, Stickiness};
use super::error::{At, Refused};
use super::hash::{draw, normalized_hash};
use super::network::Network;
use super::payload;
use super::variant::Variants;

/// A compiled strategy.
#[derive(Debug, Clone)]
pub(crate) struct Strategy {
    pub(crate) rule: Rule,
    pub(crate) constraints: Vec<Constraint>,
    /// Indices of the compiled segments.
    pub(crate) segments: Vec<usize>,
    pub(crate) variants: Option<Variants>,
    /// The hash group of the variants.
    pub(crate) group: String,
}

#[derive(Debug, Clone)]
pub(crate) enum Rule {
    Always,
    Never,
    Users(HashSet<String>),
    Rollout { percent: u32, stickiness: Stickiness, group: Option<String> },
    Chance { percent: u32 },
    Addresses(Vec<Network>),
    Hosts(HashSet<String>),
}

impl Rule {
    pub(crate) fn compile(
        own: &payload::Strategy,
        at: &At<'_>,
        budget: &mut Budget,
    ) -> Result<Self, Refused> {
        let all = at.field("parameters");
        let parameters = Parameters { own, at: &all };
        match own.name.as_str() {
            "default" => Ok(Self::Always),
            "userWithId" => {
                Ok(parameters.list("userIds", budget)?.map_or(Self::Never, |ids| Self::Users(set(ids))))
            }
            "gradualRolloutUserId" => parameters.rollout(Field::UserId, budget),
            "gradualRolloutSessionId" => parameters.rollout(Field::SessionId, budget),
            "gradualRolloutRandom" => {
                Ok(parameters.percent("percentage")?.map_or(Self::Never, |percent| Self::Chance { percent }))
            }
            "flexibleRollout" => {
                let stickiness = Stickiness::named(parameters.name("stickiness", budget)?);
                let group = parameters.name("groupId", budget)?.map(str::to_owned);
                Ok(parameters.percent("rollout")?.map_or(Self::Never, |percent| Self::Rollout {
                    percent,
                    stickiness,
                    group,
                }))
            }
            "remoteAddress" => {
                let ranges = parameters.list("IPs", budget)?.unwrap_or_default();
                Ok(Self::Addresses(ranges.iter().filter_map(|range| Network::parse(range)).collect()))
            }
            "applicationHostname" => {
                let hosts = parameters.list("hostNames", budget)?.unwrap_or_default();
                Ok(Self::Hosts(hosts.iter().map(|host| host.to_lowercase()).collect()))
            }
            // A custom strategy of the application.
            _ => Ok(Self::Never),
        }
    }

    /// `feature` is the name that a rollout without a group hashes.
    pub(crate) fn holds(&self, context: &Context, feature: &str) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Users(ids) => Field::UserId.of(context).is_some_and(|id| ids.contains(id)),
            Self::Rollout { percent, stickiness, group } => {
                let group = group.as_deref().unwrap_or(feature);
                stickiness
                    .identifier(context)
                    .is_some_and(|identifier| normalized_hash(group, &identifier, 100, 0) <= *percent)
            }
            Self::Chance { percent } => draw(context.draw, 2) % 100 < u64::from(*percent),
            Self::Addresses(ranges) => Field::RemoteAddress
                .of(context)
                .and_then(|address| address.parse::<IpAddr>().ok())
                .is_some_and(|address| ranges.iter().any(|range| range.contains(address))),
            Self::Hosts(hosts) => {
                context.hostname.as_ref().is_some_and(|host| hosts.contains(&host.to_lowercase()))
            }
        }
    }
}

struct Parameters<'a> {
    own: &'a payload::Strategy,
    at: &'a At<'a>,
}

impl<'a> Parameters<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.own.parameters.get(name).map(String::as_str)
    }

    fn name(&self, name: &str, budget: &mut Budget) -> Result<Option<&'a str>, Refused> {
        self.get(name).map(|text| budget.name(text, &self.at.field(name)).map(|()| text)).transpose()
    }

    fn list(&self, name: &str, budget: &mut Budget) -> Result<Option<Vec<String>>, Refused> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let values: Vec<String> = text.split(',').map(|value| value.trim().to_owned()).collect();
        budget.values(&values, &self.at.field(name))?;
        Ok(Some(values))
    }

    /// A whole percentage; `None` if missing, which clients treat as 0.
    fn percent(&self, name: &str) -> Result<Option<u32>, Refused> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.parse() {
            Ok(percent @ 0..=100) => Ok(Some(percent)),
            _ => Err(self.at.field(name).refuse_text(text, "give a whole percentage from 0 to 100")),
        }
    }

    fn rollout(&self, field: Field, budget: &mut Budget) -> Result<Rule, Refused> {
        let group = self.name("groupId", budget)?.map(str::to_owned);
        Ok(match (self.percent("percentage")?, group) {
            (Some(percent), group @ Some(_)) => {
                Rule::Rollout { percent, stickiness: Stickiness::Field(field), group }
            }
            _ => Rule::Never,
        })
    }
}

fn set(values: Vec<String>) -> HashSet<String> {
    values.into_iter().collect()
}
