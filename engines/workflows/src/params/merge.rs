//! Merging a layer of parameters over another, by the rules of their modes.

use super::{ParamError, Parameter, Parameters, Value};
use crate::definition::{
    InternalMode, Literal, ParamBody, ParamDefinition, ParamDefinitions, ParamMode, ParamSource, ParamType,
};

/// The source of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    pub source: ParamSource,
    /// A parent workflow, foreach or while passes its parameters down; unlike a person it may loosen modes.
    pub upstream: bool,
    /// The run is a restart, which has stricter rules.
    pub restart: bool,
}

impl Merge {
    /// A merge of a new run, by a person or the system.
    #[must_use]
    pub fn by(source: ParamSource) -> Self {
        Self { source, upstream: false, restart: false }
    }

    fn allows(self, mode: ParamMode) -> bool {
        let start = mode < ParamMode::Immutable;
        let restart = mode < ParamMode::MutableOnStart;
        match self.source {
            ParamSource::OutputParameter => mode == ParamMode::Mutable,
            ParamSource::Restart => restart,
            _ => start && (!self.restart || restart),
        }
    }
}

/// Merges a layer into the earlier ones.
///
/// # Errors
/// If a mode forbids the change, or a type does not fit the earlier one.
pub fn merge(into: &mut ParamDefinitions, layer: &ParamDefinitions, by: Merge) -> Result<(), ParamError> {
    for (name, param) in layer {
        let merged = one(name, into.get(name), param, by, None)?;
        into.insert(name.clone(), merged);
    }
    Ok(())
}

fn one(
    name: &str,
    before: Option<&ParamDefinition>,
    param: &ParamDefinition,
    by: Merge,
    above: Option<ParamMode>,
) -> Result<ParamDefinition, ParamError> {
    let (mode, internal_mode) = modes(before, param, by, above);
    let param_type = before.map_or(param.param_type, |before| before.param_type);
    let mut tags = before.map_or_else(Vec::new, |before| before.tags.clone());
    for tag in &param.tags {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    let validator = param.validator.clone().or_else(|| before.and_then(|before| before.validator.clone()));
    let merged = ParamDefinition {
        param_type,
        body: body(name, before, param, by, above)?,
        validator,
        mode: Some(mode),
        internal_mode: param.internal_mode,
        source: None,
        tags,
        meta: param.meta.clone(),
    };
    let changed = before.is_some_and(|before| !same(before, &merged));
    let handed_down = by.upstream && param.source.is_some_and(|source| source != ParamSource::Definition);
    if !by.source.is_system() && changed && !handed_down {
        let refused = || ParamError::Mode {
            name: name.to_owned(),
            mode: internal_mode.map_or_else(|| mode.word(), InternalMode::word),
            by: by.source.word(),
        };
        let loosened = before.and_then(|before| before.mode).is_some_and(|before| mode < before);
        if !by.allows(mode) || loosened || internal_mode == Some(InternalMode::Reserved) {
            return Err(refused());
        }
    }
    let source = match before {
        Some(before) if !changed && (by.source.is_system() || by.upstream) => before.source,
        None if by.source.is_system() => param.source,
        _ => None,
    };
    Ok(ParamDefinition { internal_mode, source: Some(source.unwrap_or(by.source)), ..merged })
}

/// Whether two definitions are equal apart from their source.
fn same(a: &ParamDefinition, b: &ParamDefinition) -> bool {
    a.body == b.body
        && a.validator == b.validator
        && a.tags == b.tags
        && a.mode_or_default() == b.mode_or_default()
        && a.param_type == b.param_type
}

fn modes(
    before: Option<&ParamDefinition>,
    param: &ParamDefinition,
    by: Merge,
    above: Option<ParamMode>,
) -> (ParamMode, Option<InternalMode>) {
    let internal = before.and_then(|before| before.internal_mode).or(param.internal_mode);
    let mut mode = param.mode.or_else(|| before.and_then(|before| before.mode)).unwrap_or(ParamMode::Mutable);
    if internal == Some(InternalMode::Reserved) {
        mode = ParamMode::Constant;
    }
    if by.upstream
        && let Some(stricter) = before.and_then(|before| before.mode)
    {
        mode = mode.max(stricter);
    }
    (above.map_or(mode, |above| mode.max(above)), internal)
}

fn body(
    name: &str,
    before: Option<&ParamDefinition>,
    param: &ParamDefinition,
    by: Merge,
    above: Option<ParamMode>,
) -> Result<ParamBody, ParamError> {
    let ParamBody::Literal(literal) = &param.body else { return Ok(param.body.clone()) };
    let changed = |before: &ParamDefinition, wanted: ParamType| ParamError::TypeChanged {
        name: name.to_owned(),
        before: before.param_type.word(),
        after: wanted.word(),
    };
    match (literal, before) {
        (Literal::Map(entries), _) => {
            let mut merged = match before.map(|before| (&before.body, before)) {
                None | Some((ParamBody::Open, _)) => ParamDefinitions::new(),
                Some((ParamBody::Literal(Literal::Map(entries)), _)) => entries.clone(),
                Some((_, before)) => return Err(changed(before, ParamType::Map)),
            };
            let own = before.unwrap_or(param).mode;
            let above = own.max(above);
            for (key, value) in entries {
                let path = format!("{name}.{key}");
                let value = one(&path, merged.get(key), value, by, above)?;
                merged.insert(key.clone(), value);
            }
            Ok(ParamBody::Literal(Literal::Map(merged)))
        }
        (Literal::StringMap(entries), Some(before)) if before.param_type == ParamType::StringMap => {
            let mut merged = match &before.body {
                ParamBody::Literal(Literal::StringMap(entries)) => entries.clone(),
                _ => crate::Ordered::new(),
            };
            merged.extend(entries.iter().map(|(key, value)| (key.clone(), value.clone())));
            Ok(ParamBody::Literal(Literal::StringMap(merged)))
        }
        (literal, Some(before)) if before.param_type != param.param_type => {
            // A text with parameters may still become a value of the type.
            if let Literal::String(text) = literal
                && text.contains('$')
            {
                return Err(changed(before, param.param_type));
            }
            let value = Value::from_literal(literal).and_then(|value| value.as_type(before.param_type));
            let literal = value.and_then(Value::into_literal);
            literal.map(ParamBody::Literal).ok_or_else(|| changed(before, param.param_type))
        }
        (literal, _) => Ok(ParamBody::Literal(literal.clone())),
    }
}

impl Value {
    /// The value of a literal; `None` if it contains parameters.
    #[must_use]
    pub fn from_literal(literal: &Literal) -> Option<Self> {
        Some(match literal {
            Literal::String(value) => Self::String(value.clone()),
            Literal::Long(value) => Self::Long(*value),
            Literal::Double(value) => Self::Double(*value),
            Literal::Boolean(value) => Self::Boolean(*value),
            Literal::StringArray(values) => Self::StringArray(values.clone()),
            Literal::LongArray(values) => Self::LongArray(values.clone()),
            Literal::DoubleArray(values) => Self::DoubleArray(values.clone()),
            Literal::BooleanArray(values) => Self::BooleanArray(values.clone()),
            Literal::StringMap(entries) => {
                Self::Map(entries.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect())
            }
            Literal::Map(entries) => {
                let values = entries.iter().map(|(key, param)| {
                    param.value().and_then(Self::from_literal).map(|value| (key.clone(), value))
                });
                Self::Map(values.collect::<Option<_>>()?)
            }
        })
    }
}

/// Merges the output of a step's work, which is already evaluated, into the step's parameters.
///
/// # Errors
/// If the step does not define the parameter, its mode is not `MUTABLE`, or the type does not fit.
pub fn merge_outputs(into: &mut Parameters, outputs: &Parameters, now_ms: i64) -> Result<(), ParamError> {
    for (name, output) in outputs {
        let Some(before) = into.get(name) else {
            return Err(ParamError::UndefinedOutput { name: name.clone() });
        };
        let value = output
            .evaluated
            .clone()
            .or_else(|| output.definition.value().and_then(Value::from_literal))
            .ok_or_else(|| ParamError::Missing { name: name.clone() })?;
        let mode = before.definition.mode_or_default();
        if mode != ParamMode::Mutable || before.definition.internal_mode == Some(InternalMode::Reserved) {
            let by = ParamSource::OutputParameter.word();
            return Err(ParamError::Mode { name: name.clone(), mode: mode.word(), by });
        }
        let wanted = before.definition.param_type;
        let found = value.sort();
        let value = value.as_type(wanted).ok_or(ParamError::Type {
            name: name.clone(),
            found,
            wanted: wanted.word(),
        })?;
        let value = match (&before.evaluated, value) {
            (Some(Value::Map(old)), Value::Map(new)) => {
                let mut merged = old.clone();
                merged.extend(new);
                Value::Map(merged)
            }
            (_, value) => value,
        };
        let literal = value.clone().into_literal();
        let definition = ParamDefinition {
            body: literal.map_or(ParamBody::Open, ParamBody::Literal),
            source: Some(ParamSource::OutputParameter),
            ..before.definition.clone()
        };
        let at = output.evaluated_time.unwrap_or(now_ms);
        into.insert(name.clone(), Parameter::evaluated(definition, value, at));
    }
    Ok(())
}
