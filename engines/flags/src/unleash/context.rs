//! The context of an evaluation.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::hash::draw;

/// Number of identifiers for random stickiness, as in yggdrasil's `random[10000]`.
const RANDOM_IDENTIFIERS: u64 = 9_999;

/// The context of an evaluation: user, session and environment. A missing field is looked up among the properties. JSON
/// only, as in the frontend API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Context {
    /// The user.
    pub user_id: Option<String>,
    /// The session.
    pub session_id: Option<String>,
    /// The address of the client.
    pub remote_address: Option<String>,
    /// The environment of the application.
    pub environment: Option<String>,
    /// The application.
    pub app_name: Option<String>,
    /// The time, as RFC 3339. Real clients put their clock here; without it no constraint on the time holds.
    pub current_time: Option<String>,
    /// Custom properties. Numbers and booleans are converted to strings; nulls count as missing.
    #[serde(deserialize_with = "properties")]
    pub properties: BTreeMap<String, String>,
    /// The name of the machine, for `applicationHostname`.
    pub hostname: Option<String>,
    /// A random number of the caller, new for every evaluation, used without stickiness.
    pub draw: u64,
}

/// A field of the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    UserId,
    SessionId,
    RemoteAddress,
    Environment,
    AppName,
    CurrentTime,
    Property(String),
}

impl Field {
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "userId" => Self::UserId,
            "sessionId" => Self::SessionId,
            "remoteAddress" => Self::RemoteAddress,
            "environment" => Self::Environment,
            "appName" => Self::AppName,
            "currentTime" => Self::CurrentTime,
            _ => Self::Property(name.to_owned()),
        }
    }

    pub(crate) fn of<'a>(&self, context: &'a Context) -> Option<&'a str> {
        let (own, name) = match self {
            Self::UserId => (&context.user_id, "userId"),
            Self::SessionId => (&context.session_id, "sessionId"),
            Self::RemoteAddress => (&context.remote_address, "remoteAddress"),
            Self::Environment => (&context.environment, "environment"),
            Self::AppName => (&context.app_name, "appName"),
            Self::CurrentTime => (&context.current_time, "currentTime"),
            Self::Property(name) => (&None, name.as_str()),
        };
        own.as_deref().or_else(|| context.properties.get(name).map(String::as_str))
    }
}

/// The stickiness: the input of a rollout's hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stickiness {
    /// The user, else the session, else the random number.
    Default,
    /// The random number.
    Random,
    /// One field; a context without it is excluded.
    Field(Field),
}

impl Stickiness {
    pub(crate) fn named(name: Option<&str>) -> Self {
        match name {
            None | Some("default") => Self::Default,
            Some("random") => Self::Random,
            Some(name) => Self::Field(Field::named(name)),
        }
    }

    /// The sticky value, if any.
    pub(crate) fn sticks<'a>(&self, context: &'a Context) -> Option<&'a str> {
        match self {
            Self::Default => Field::UserId.of(context).or_else(|| Field::SessionId.of(context)),
            Self::Random => None,
            Self::Field(field) => field.of(context),
        }
    }

    /// The identifier that a rollout hashes.
    pub(crate) fn identifier(&self, context: &Context) -> Option<String> {
        match (self.sticks(context), self) {
            (Some(identifier), _) => Some(identifier.to_owned()),
            (None, Self::Field(_)) => None,
            (None, _) => Some((draw(context.draw, 1) % RANDOM_IDENTIFIERS + 1).to_string()),
        }
    }
}

fn properties<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let all = Option::<BTreeMap<String, serde_json::Value>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(all
        .into_iter()
        .filter_map(|(name, value)| match value {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some((name, text)),
            other => Some((name, other.to_string())),
        })
        .collect())
}
