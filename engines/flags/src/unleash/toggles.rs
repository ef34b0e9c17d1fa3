//! Evaluation of compiled features.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::constraint::Constraint;
use super::context::Context;
use super::payload::{Dependency, Payload, VariantDefinition};
use super::strategy::Strategy;
use super::variant::Variants;

/// The name of the variant that means no variant.
const DISABLED: &str = "disabled";

/// The compiled features of an environment, built by [`Toggles::compile`].
#[derive(Debug, Clone, Default)]
pub struct Toggles {
    pub(crate) toggles: BTreeMap<String, Toggle>,
    pub(crate) segments: Vec<Vec<Constraint>>,
}

/// One compiled feature.
#[derive(Debug, Clone)]
pub(crate) struct Toggle {
    pub(crate) enabled: bool,
    pub(crate) strategies: Vec<Strategy>,
    pub(crate) variants: Option<Variants>,
    pub(crate) dependencies: Vec<Dependency>,
    /// The strategy that clients cannot parse; they turn the feature off.
    pub(crate) held_off: Option<String>,
}

/// The variant of a feature for a context. JSON only, as in the frontend API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Variant {
    /// The variant's name; `disabled` without a variant.
    pub name: String,
    /// Its payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
    /// Whether the context has a variant.
    pub enabled: bool,
    /// Whether the feature is on.
    pub feature_enabled: bool,
}

impl Toggles {
    /// Whether the feature is on for the context; an unknown feature is off.
    #[must_use]
    pub fn is_enabled(&self, name: &str, context: &Context) -> bool {
        self.toggles.get(name).is_some_and(|toggle| self.is_on(toggle, name, context))
    }

    /// The feature's variant for the context.
    #[must_use]
    pub fn variant(&self, name: &str, context: &Context) -> Variant {
        let on = self.toggles.get(name).filter(|toggle| self.is_on(toggle, name, context));
        let chosen = on.and_then(|toggle| self.choose(toggle, name, name, context));
        Variant {
            name: chosen.map_or_else(|| DISABLED.to_owned(), |variant| variant.name.clone()),
            payload: chosen.and_then(|variant| variant.payload.clone()),
            enabled: chosen.is_some(),
            feature_enabled: on.is_some(),
        }
    }

    /// The names of all features, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.toggles.keys().map(String::as_str)
    }

    /// Features that are off for every context because a strategy has an unknown operator, with the paths of these
    /// strategies.
    pub fn held_off(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.toggles.iter().map(|(name, toggle)| (name.as_str(), toggle.held_off.as_deref()));
        pairs.filter_map(|(name, path)| path.map(|path| (name, path)))
    }

    /// `asked` is the evaluated feature. A rollout without a group hashes this name even within a parent, as in yggdrasil
    /// since 0.17.
    fn is_on(&self, toggle: &Toggle, asked: &str, context: &Context) -> bool {
        toggle.enabled
            && toggle.held_off.is_none()
            && toggle.dependencies.iter().all(|parent| self.is_satisfied(parent, asked, context))
            && (toggle.strategies.is_empty()
                || toggle.strategies.iter().any(|strategy| self.holds(strategy, asked, context)))
    }

    fn is_satisfied(&self, parent: &Dependency, asked: &str, context: &Context) -> bool {
        let Some(toggle) = self.toggles.get(&parent.feature) else { return false };
        if !toggle.dependencies.is_empty() {
            return false;
        }
        let chosen = self.choose(toggle, &parent.feature, asked, context);
        let shows = parent.variants.is_empty()
            || chosen.is_none_or(|variant| parent.variants.contains(&variant.name));
        shows && self.is_on(toggle, asked, context) == parent.enabled.unwrap_or(true)
    }

    fn holds(&self, strategy: &Strategy, asked: &str, context: &Context) -> bool {
        let of_segments = strategy.segments.iter().flat_map(|place| &self.segments[*place]);
        strategy.rule.holds(context, asked)
            && strategy.constraints.iter().chain(of_segments).all(|constraint| constraint.holds(context))
    }

    /// The variants of the first strategy that holds, else those of the feature itself.
    fn choose<'a>(
        &'a self,
        toggle: &'a Toggle,
        name: &str,
        asked: &str,
        context: &Context,
    ) -> Option<&'a VariantDefinition> {
        let readable = toggle.held_off.is_none();
        let first =
            toggle.strategies.iter().find(|strategy| readable && self.holds(strategy, asked, context));
        match first.and_then(|strategy| strategy.variants.as_ref().map(|variants| (strategy, variants))) {
            Some((strategy, variants)) => variants.choose(&strategy.group, context),
            None => toggle.variants.as_ref().and_then(|variants| variants.choose(name, context)),
        }
    }
}
