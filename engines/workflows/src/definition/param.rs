//! Parameter definitions: a type, and either a value or an expression.

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::tags::tags;
use super::{ParamDefinitions, Tag, read_from_tree, words};
use crate::Ordered;
use crate::bounds::PARAM_DEPTH_MAX;
use crate::tree::{Fields, Report, Tree, at};

words! {
    /// The type of a parameter.
    ParamType {
        String = "STRING",
        Long = "LONG",
        Double = "DOUBLE",
        Boolean = "BOOLEAN",
        StringMap = "STRING_MAP",
        StringArray = "STRING_ARRAY",
        LongArray = "LONG_ARRAY",
        DoubleArray = "DOUBLE_ARRAY",
        BooleanArray = "BOOLEAN_ARRAY",
        /// Parameters by name, each with its own type.
        Map = "MAP",
    }
}

words! {
    /// The permission to change a parameter, from loosest to strictest.
    ParamMode {
        /// At start, at restart and by a step's output; the default.
        Mutable = "MUTABLE",
        /// At start and at restart.
        MutableOnStartRestart = "MUTABLE_ON_START_RESTART",
        /// At start.
        MutableOnStart = "MUTABLE_ON_START",
        /// Never by people; a restart evaluates it again.
        Immutable = "IMMUTABLE",
        /// Never; a restart keeps its first value.
        Constant = "CONSTANT",
    }
}

words! {
    /// The system's rule for a parameter of a schema or of the defaults.
    InternalMode {
        /// A value is required.
        Required = "REQUIRED",
        /// Without a value the parameter is removed.
        Optional = "OPTIONAL",
        /// The system sets a value that may change.
        Provided = "PROVIDED",
        /// Only the system sets it.
        Reserved = "RESERVED",
    }
}

words! {
    /// The layer that last set a parameter.
    ParamSource {
        System = "SYSTEM",
        TemplateSchema = "TEMPLATE_SCHEMA",
        SystemInjected = "SYSTEM_INJECTED",
        SystemDefault = "SYSTEM_DEFAULT",
        Definition = "DEFINITION",
        Signal = "SIGNAL",
        TimeTrigger = "TIME_TRIGGER",
        OutputParameter = "OUTPUT_PARAMETER",
        Launch = "LAUNCH",
        Restart = "RESTART",
        Subworkflow = "SUBWORKFLOW",
        Template = "TEMPLATE",
        Foreach = "FOREACH",
        While = "WHILE",
        WorkflowParameter = "WORKFLOW_PARAMETER",
    }
}

impl ParamSource {
    /// Whether the system set it rather than a person. The system may set parameters of any mode.
    #[must_use]
    pub fn is_system(self) -> bool {
        matches!(self, Self::System | Self::TemplateSchema | Self::SystemInjected | Self::SystemDefault)
    }
}

/// A literal value. Strings, also in arrays and maps, may contain `${params}`.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    String(String),
    Long(i64),
    Double(f64),
    Boolean(bool),
    StringMap(Ordered<String>),
    StringArray(Vec<String>),
    LongArray(Vec<i64>),
    DoubleArray(Vec<f64>),
    BooleanArray(Vec<bool>),
    Map(ParamDefinitions),
}

/// The source of a parameter's value.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamBody {
    Literal(Literal),
    /// An expression of [`crate::expression`].
    Expression(String),
    /// Open: only defaults and schemas have open parameters, which another layer fills.
    Open,
}

/// A parameter's definition. Its name is its key in the map.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamDefinition {
    pub param_type: ParamType,
    pub body: ParamBody,
    /// A condition over `param` that the value must satisfy.
    pub validator: Option<String>,
    /// [`ParamMode::Mutable`] by default.
    pub mode: Option<ParamMode>,
    pub internal_mode: Option<InternalMode>,
    /// The layer that set it; `None` before a merge.
    pub source: Option<ParamSource>,
    pub tags: Vec<Tag>,
    /// Unknown fields; kept and ignored.
    pub meta: Ordered<serde_json::Value>,
}

impl ParamDefinition {
    /// A definition with only a value.
    #[must_use]
    pub fn literal(value: Literal) -> Self {
        Self::of(value.param_type(), ParamBody::Literal(value))
    }

    /// A definition with only an expression.
    #[must_use]
    pub fn expression(param_type: ParamType, expression: impl Into<String>) -> Self {
        Self::of(param_type, ParamBody::Expression(expression.into()))
    }

    pub(crate) fn of(param_type: ParamType, body: ParamBody) -> Self {
        Self {
            param_type,
            body,
            validator: None,
            mode: None,
            internal_mode: None,
            source: None,
            tags: Vec::new(),
            meta: Ordered::new(),
        }
    }

    /// The mode, or Maestro's default.
    #[must_use]
    pub fn mode_or_default(&self) -> ParamMode {
        self.mode.unwrap_or(ParamMode::Mutable)
    }

    /// The literal, if the source is one.
    #[must_use]
    pub fn value(&self) -> Option<&Literal> {
        match &self.body {
            ParamBody::Literal(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn read(tree: &Tree, path: &str, report: &Report) -> Option<Self> {
        Self::read_at(tree, path, report, 0, false)
    }

    /// With `open` a parameter without value and expression is well formed.
    pub(crate) fn read_at(
        tree: &Tree,
        path: &str,
        report: &Report,
        depth: usize,
        open: bool,
    ) -> Option<Self> {
        if depth > PARAM_DEPTH_MAX {
            report.add(
                path,
                format!("maps are nested deeper than {PARAM_DEPTH_MAX} levels"),
                "make them flatter",
            );
            return None;
        }
        let fields = Fields::of(tree, path, report)?;
        let param_type = fields.word("type", ParamType::WORDS);
        let param_type = param_type.or_else(|| guess(&fields, report));
        let expression = fields.text("expression");
        let value = fields.tree("value");
        let internal_mode = fields.word("internal_mode", InternalMode::WORDS);
        let body = match (value, expression) {
            (Some(_), Some(_)) => {
                report.add(path, "has both a value and an expression", "keep one of the two");
                None
            }
            (None, Some(expression)) => Some(ParamBody::Expression(expression)),
            (Some(value), None) => param_type
                .and_then(|sort| Literal::read(sort, value, &fields.at("value"), report, depth))
                .map(ParamBody::Literal),
            (None, None) if open || internal_mode.is_some() => Some(ParamBody::Open),
            (None, None) => {
                report.add(path, "has neither a value nor an expression", "write one of the two");
                None
            }
        };
        let definition = Self {
            param_type: param_type?,
            body: body?,
            validator: fields.text("validator"),
            mode: fields.word("mode", ParamMode::WORDS),
            internal_mode,
            source: fields.word("source", ParamSource::WORDS),
            tags: tags(&fields),
            meta: Ordered::new(),
        };
        // Evaluated fields of a running instance do not belong to the definition.
        fields.tree("name");
        let meta = fields.rest().into_iter().map(|(key, value)| (key.to_owned(), value.to_json())).collect();
        Some(Self { meta, ..definition })
    }
}

/// Without a type the value decides, as in the short notation of Maestro's YAML.
fn guess(fields: &Fields<'_>, report: &Report) -> Option<ParamType> {
    if fields.tree("type").is_some() {
        return None;
    }
    match fields.tree("value") {
        Some(Tree::Text(_)) => Some(ParamType::String),
        Some(Tree::Long(_)) => Some(ParamType::Long),
        Some(Tree::Double(_)) => Some(ParamType::Double),
        Some(Tree::Boolean(_)) => Some(ParamType::Boolean),
        _ => {
            report.add(fields.at("type"), "is missing", "name the type, such as STRING or LONG_ARRAY");
            None
        }
    }
}

impl Literal {
    /// The type of a definition with this value.
    #[must_use]
    pub fn param_type(&self) -> ParamType {
        match self {
            Self::String(_) => ParamType::String,
            Self::Long(_) => ParamType::Long,
            Self::Double(_) => ParamType::Double,
            Self::Boolean(_) => ParamType::Boolean,
            Self::StringMap(_) => ParamType::StringMap,
            Self::StringArray(_) => ParamType::StringArray,
            Self::LongArray(_) => ParamType::LongArray,
            Self::DoubleArray(_) => ParamType::DoubleArray,
            Self::BooleanArray(_) => ParamType::BooleanArray,
            Self::Map(_) => ParamType::Map,
        }
    }

    fn read(sort: ParamType, tree: &Tree, path: &str, report: &Report, depth: usize) -> Option<Self> {
        match sort {
            ParamType::String => string(tree, path, report).map(Self::String),
            ParamType::Long => long(tree, path, report).map(Self::Long),
            ParamType::Double => double(tree, path, report).map(Self::Double),
            ParamType::Boolean => boolean(tree, path, report).map(Self::Boolean),
            ParamType::StringArray => list(tree, path, report, string).map(Self::StringArray),
            ParamType::LongArray => list(tree, path, report, long).map(Self::LongArray),
            ParamType::DoubleArray => list(tree, path, report, double).map(Self::DoubleArray),
            ParamType::BooleanArray => list(tree, path, report, boolean).map(Self::BooleanArray),
            ParamType::StringMap => {
                let Tree::Map(entries) = tree else {
                    return wrong(tree, path, report, "an object of strings");
                };
                let read = entries.iter().map(|(key, value)| {
                    string(value, &at(path, key), report).map(|value| (key.clone(), value))
                });
                read.collect::<Option<_>>().map(Self::StringMap)
            }
            ParamType::Map => {
                let Tree::Map(entries) = tree else {
                    return wrong(tree, path, report, "an object of parameters");
                };
                let read = entries.iter().map(|(key, value)| {
                    ParamDefinition::read_at(value, &at(path, key), report, depth + 1, false)
                        .map(|value| (key.clone(), value))
                });
                read.collect::<Option<_>>().map(Self::Map)
            }
        }
    }
}

fn wrong<T>(tree: &Tree, path: &str, report: &Report, wanted: &str) -> Option<T> {
    report.add(path, format!("{} stands where {wanted} belongs", tree.sort()), format!("write {wanted}"));
    None
}

fn string(tree: &Tree, path: &str, report: &Report) -> Option<String> {
    match tree {
        Tree::Text(text) => Some(text.clone()),
        Tree::Long(value) => Some(value.to_string()),
        Tree::Double(value) => Some(value.to_string()),
        Tree::Boolean(value) => Some(value.to_string()),
        other => wrong(other, path, report, "a string"),
    }
}

fn long(tree: &Tree, path: &str, report: &Report) -> Option<i64> {
    match tree {
        Tree::Long(value) => Some(*value),
        Tree::Text(text) if text.trim().parse::<i64>().is_ok() => text.trim().parse().ok(),
        other => wrong(other, path, report, "a whole number"),
    }
}

fn double(tree: &Tree, path: &str, report: &Report) -> Option<f64> {
    match tree {
        Tree::Double(value) => Some(*value),
        #[expect(clippy::cast_precision_loss, reason = "a double parameter is a double, as in Java")]
        Tree::Long(value) => Some(*value as f64),
        Tree::Text(text) if text.trim().parse::<f64>().is_ok_and(f64::is_finite) => text.trim().parse().ok(),
        other => wrong(other, path, report, "a number"),
    }
}

fn boolean(tree: &Tree, path: &str, report: &Report) -> Option<bool> {
    match tree {
        Tree::Boolean(value) => Some(*value),
        Tree::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Tree::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
        other => wrong(other, path, report, "true or false"),
    }
}

fn list<T>(
    tree: &Tree,
    path: &str,
    report: &Report,
    one: impl Fn(&Tree, &str, &Report) -> Option<T>,
) -> Option<Vec<T>> {
    let Tree::List(values) = tree else { return wrong(tree, path, report, "a list") };
    let read =
        values.iter().enumerate().map(|(index, value)| one(value, &format!("{path}[{index}]"), report));
    read.collect()
}

/// The definitions in a field of an object; empty if absent.
pub(crate) fn params(fields: &Fields<'_>, name: &'static str) -> ParamDefinitions {
    fields
        .entries(name)
        .into_iter()
        .filter_map(|(key, path, tree)| {
            ParamDefinition::read(tree, &path, fields.report).map(|definition| (key.to_owned(), definition))
        })
        .collect()
}

impl Serialize for Literal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::String(value) => value.serialize(serializer),
            Self::Long(value) => value.serialize(serializer),
            Self::Double(value) => value.serialize(serializer),
            Self::Boolean(value) => value.serialize(serializer),
            Self::StringMap(value) => value.serialize(serializer),
            Self::StringArray(value) => value.serialize(serializer),
            Self::LongArray(value) => crate::params::serialize_longs(value, serializer),
            Self::DoubleArray(value) => value.serialize(serializer),
            Self::BooleanArray(value) => value.serialize(serializer),
            Self::Map(value) => value.serialize(serializer),
        }
    }
}

impl ParamDefinition {
    /// Its serialized fields, for views that add more.
    pub(crate) fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match &self.body {
            ParamBody::Literal(value) => map.serialize_entry("value", value)?,
            ParamBody::Expression(expression) => map.serialize_entry("expression", expression)?,
            ParamBody::Open => {}
        }
        map.serialize_entry("type", &self.param_type)?;
        if let Some(validator) = &self.validator {
            map.serialize_entry("validator", validator)?;
        }
        if let Some(mode) = &self.mode {
            map.serialize_entry("mode", mode)?;
        }
        if let Some(mode) = &self.internal_mode {
            map.serialize_entry("internal_mode", mode)?;
        }
        if let Some(source) = &self.source {
            map.serialize_entry("source", source)?;
        }
        if !self.tags.is_empty() {
            map.serialize_entry("tags", &self.tags)?;
        }
        for (key, value) in &self.meta {
            map.serialize_entry(key, value)?;
        }
        Ok(())
    }
}

impl Serialize for ParamDefinition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.entries(&mut map)?;
        map.end()
    }
}

read_from_tree!(ParamDefinition);
