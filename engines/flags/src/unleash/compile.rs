//! Compiles a payload, or refuses its first invalid field.

use std::collections::BTreeMap;

use super::constraint::Constraint;
use super::error::{At, Refused};
use super::payload::{self, Feature, Features};
use super::strategy::{Rule, Strategy};
use super::toggles::{Toggle, Toggles};
use super::variant::Variants;
use super::{
    CONSTRAINTS_MAX, DEPENDENCIES_MAX, FEATURES_MAX, PATTERNS_MAX, SEGMENTS_MAX, STRATEGIES_MAX,
    TEXT_BYTES_MAX, VALUES_MAX, VALUES_TOTAL_MAX,
};

/// The used share of the payload limits.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    values: usize,
    patterns: usize,
}

impl Budget {
    pub(crate) fn text(&self, text: &str, at: &At<'_>) -> Result<(), Refused> {
        if text.len() <= TEXT_BYTES_MAX {
            return Ok(());
        }
        Err(at.refuse(format_args!("{} bytes", text.len()), format!("{TEXT_BYTES_MAX} at most")))
    }

    /// Text that UnleashClient's engine can parse back from its rule. A backslash at the end would escape the closing
    /// quote and turn the whole feature off.
    fn quotable(&self, text: &str, at: &At<'_>) -> Result<(), Refused> {
        self.text(text, at)?;
        if text.ends_with('\\') {
            return Err(at.refuse_text(text, "do not end it with a backslash, which clients cannot parse"));
        }
        Ok(())
    }

    /// Text that is written into a rule unescaped.
    pub(crate) fn name(&self, text: &str, at: &At<'_>) -> Result<(), Refused> {
        self.quotable(text, at)?;
        if text.contains('"') {
            return Err(at.refuse_text(text, "leave out the quotes, which clients cannot parse"));
        }
        Ok(())
    }

    pub(crate) fn values(&mut self, values: &[String], at: &At<'_>) -> Result<(), Refused> {
        at.at_most(values.len(), VALUES_MAX)?;
        self.values += values.len();
        if self.values > VALUES_TOTAL_MAX {
            return Err(at.refuse("one list too many", format!("{VALUES_TOTAL_MAX} values in all at most")));
        }
        values.iter().try_for_each(|value| self.quotable(value, at))
    }

    pub(crate) fn pattern(&mut self, pattern: &str, at: &At<'_>) -> Result<(), Refused> {
        self.patterns += 1;
        if self.patterns > PATTERNS_MAX {
            return Err(at.refuse("one too many", format!("{PATTERNS_MAX} regular expressions at most")));
        }
        self.quotable(pattern, at)
    }
}

/// The segments by id, while features are compiled.
struct Segments {
    compiled: Vec<Vec<Constraint>>,
    by_id: BTreeMap<i64, usize>,
}

impl Toggles {
    /// Compiles these features.
    ///
    /// # Errors
    /// The first field that is over a limit or that clients could not parse; see [`Refused`]. An unknown operator is not an
    /// error: it turns its feature off, as in clients ([`Toggles::held_off`]).
    pub fn compile(features: &Features) -> Result<Self, Refused> {
        let mut budget = Budget::default();
        let root = At::root("");
        let segments = segments(features, &root, &mut budget)?;
        root.field("features").at_most(features.features.len(), FEATURES_MAX)?;
        let mut toggles = BTreeMap::new();
        for (i, feature) in features.features.iter().enumerate() {
            let at = root.item("features", i);
            budget.text(&feature.name, &at.field("name"))?;
            let toggle = toggle(feature, &segments, &at, &mut budget)?;
            if toggles.insert(feature.name.clone(), toggle).is_some() {
                return Err(at.field("name").refuse_text(&feature.name, "give every feature its own name"));
            }
        }
        Ok(Self { toggles, segments: segments.compiled })
    }
}

fn segments(features: &Features, root: &At<'_>, budget: &mut Budget) -> Result<Segments, Refused> {
    root.field("segments").at_most(features.segments.len(), SEGMENTS_MAX)?;
    let mut segments = Segments { compiled: Vec::new(), by_id: BTreeMap::new() };
    for (i, segment) in features.segments.iter().enumerate() {
        let at = root.item("segments", i);
        if segments.by_id.insert(segment.id, i).is_some() {
            return Err(at.field("id").refuse(segment.id, "give every segment its own id"));
        }
        segments.compiled.push(constraints(&segment.constraints, &at, budget)?);
    }
    Ok(segments)
}

pub(crate) fn constraints(
    own: &[payload::Constraint],
    at: &At<'_>,
    budget: &mut Budget,
) -> Result<Vec<Constraint>, Refused> {
    at.field("constraints").at_most(own.len(), CONSTRAINTS_MAX)?;
    let compiled = own
        .iter()
        .enumerate()
        .map(|(i, constraint)| Constraint::compile(constraint, &at.item("constraints", i), budget));
    compiled.collect()
}

fn toggle(
    feature: &Feature,
    segments: &Segments,
    at: &At<'_>,
    budget: &mut Budget,
) -> Result<Toggle, Refused> {
    at.field("strategies").at_most(feature.strategies.len(), STRATEGIES_MAX)?;
    at.field("dependencies").at_most(feature.dependencies.len(), DEPENDENCIES_MAX)?;
    let mut strategies = Vec::new();
    let mut held_off = None;
    for (i, own) in feature.strategies.iter().enumerate() {
        let at = at.item("strategies", i);
        let compiled = strategy(own, &feature.name, segments, &at, budget)?;
        let of_segments = compiled.segments.iter().flat_map(|place| &segments.compiled[*place]);
        if compiled.constraints.iter().chain(of_segments).any(Constraint::is_unknown) {
            held_off.get_or_insert_with(|| at.path());
        }
        strategies.push(compiled);
    }
    for (i, parent) in feature.dependencies.iter().enumerate() {
        let at = at.item("dependencies", i);
        budget.text(&parent.feature, &at.field("feature"))?;
        at.field("variants").at_most(parent.variants.len(), super::VARIANTS_MAX)?;
    }
    let variants = Variants::compile(&feature.variants, None, at, budget)?;
    Ok(Toggle {
        enabled: feature.enabled,
        strategies,
        variants,
        dependencies: feature.dependencies.clone(),
        held_off,
    })
}

fn strategy(
    own: &payload::Strategy,
    feature: &str,
    segments: &Segments,
    at: &At<'_>,
    budget: &mut Budget,
) -> Result<Strategy, Refused> {
    at.field("segments").at_most(own.segments.len(), CONSTRAINTS_MAX)?;
    let place = |(i, id): (usize, &i64)| {
        let known = segments.by_id.get(id).copied();
        known.ok_or_else(|| at.item("segments", i).refuse(id, "name a segment of this payload"))
    };
    let named = own.segments.iter().enumerate().map(place).collect::<Result<_, _>>()?;
    let sticks = own.parameters.get("stickiness").map_or("default", String::as_str);
    let group = own.parameters.get("groupId").map_or(feature, String::as_str);
    budget.text(group, &at.field("parameters").field("groupId"))?;
    Ok(Strategy {
        rule: Rule::compile(own, at, budget)?,
        constraints: constraints(&own.constraints, at, budget)?,
        segments: named,
        variants: Variants::compile(&own.variants, Some(sticks), at, budget)?
            .map(Variants::without_overrides),
        group: group.to_owned(),
    })
}
