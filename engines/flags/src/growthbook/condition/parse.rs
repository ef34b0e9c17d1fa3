//! Compiles conditions from JSON and records every problem with its path.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::super::Refused;
use super::compiled::{Condition, Dialect, Entry};
use super::equal::truthy;
use super::operator::{Check, Operator, Relation};
use super::path::Path;
use super::{Members, Verdict, version};

/// Most nodes of the conditions of a payload, with saved groups expanded at each use.
const NODES_MAX: usize = 1_000_000;
/// Greatest depth of a condition.
const DEPTH_MAX: usize = 96;
/// Most recorded problems.
const PROBLEMS_MAX: usize = 100;
/// Most bytes of a regular expression, and of its compiled form.
const REGEX_BYTES_MAX: usize = 1 << 10;
const REGEX_COMPILED_BYTES_MAX: usize = 1 << 18;
/// The type names of `$type`.
const TYPES: [&str; 7] = ["string", "number", "boolean", "array", "object", "null", "undefined"];

/// Compiles the conditions of one payload.
pub(in crate::growthbook) struct Parser<'g> {
    dialect: Dialect,
    groups: &'g BTreeMap<String, Value>,
    lists: BTreeMap<&'g str, Arc<Members>>,
    /// Saved groups on the path to the parser's position.
    visited: Vec<&'g str>,
    path: Vec<String>,
    nodes_left: usize,
    problems: Vec<Refused>,
    /// An exceeded limit, which fails the compilation in every dialect.
    excess: Option<Refused>,
}

impl<'g> Parser<'g> {
    pub(in crate::growthbook) fn new(dialect: Dialect, groups: &'g BTreeMap<String, Value>) -> Parser<'g> {
        Parser {
            dialect,
            groups,
            lists: BTreeMap::new(),
            visited: Vec::new(),
            path: Vec::new(),
            nodes_left: NODES_MAX,
            problems: Vec::new(),
            excess: None,
        }
    }

    pub(in crate::growthbook) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Runs `job` one level deeper in the payload.
    pub(in crate::growthbook) fn at<T>(
        &mut self,
        step: impl Into<String>,
        work: impl FnOnce(&mut Parser<'g>) -> T,
    ) -> T {
        self.path.push(step.into());
        let out = work(self);
        self.path.pop();
        out
    }

    /// Records a problem at the current path.
    pub(in crate::growthbook) fn problem(&mut self, found: impl Into<String>, fix: impl Into<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            let refused = Refused::new(self.here(), found, fix);
            self.problems.push(refused);
        }
    }

    /// The exceeded limit, if any, and all problems.
    pub(in crate::growthbook) fn finish(self) -> (Option<Refused>, Vec<Refused>) {
        (self.excess, self.problems)
    }

    fn here(&self) -> String {
        let mut out = String::new();
        for step in &self.path {
            if !out.is_empty() && !step.starts_with('[') {
                out.push('.');
            }
            out.push_str(step);
        }
        out
    }

    /// Whether a further node fits the limits; records the excess otherwise.
    fn room(&mut self) -> bool {
        if self.excess.is_some() {
            return false;
        }
        if self.nodes_left == 0 || self.path.len() > DEPTH_MAX {
            let found = "a condition that is too large";
            let fix = format!("use at most {NODES_MAX} nodes, {DEPTH_MAX} deep");
            self.excess = Some(Refused::new(self.here(), found, fix));
            return false;
        }
        self.nodes_left -= 1;
        true
    }

    /// A condition at the current path.
    pub(in crate::growthbook) fn condition(&mut self, json: &Value) -> Condition {
        if !self.room() {
            return fixed(Verdict::Broken);
        }
        let Value::Object(map) = json else {
            self.problem("a condition that is not an object", "write {\"attribute\": …}");
            return fixed(Verdict::Broken);
        };
        let entries = map.iter().map(|(key, value)| self.at(key, |parser| parser.entry(key, value)));
        Condition { entries: entries.collect() }
    }

    fn entry(&mut self, key: &str, value: &Value) -> Entry {
        match key {
            "$and" => self.list(value).map_or(Entry::Fixed(Verdict::Broken), Entry::And),
            "$or" => self.list(value).map_or(Entry::Fixed(Verdict::Broken), Entry::Or),
            "$nor" => self.list(value).map_or(Entry::Fixed(Verdict::Broken), Entry::Nor),
            "$not" => Entry::Not(self.condition(value)),
            "$savedGroup" => self.saved_group(value),
            "$savedGroups" => {
                self.problem("$savedGroups", "write $savedGroup with one id");
                Entry::Fixed(Verdict::Fail)
            }
            path => {
                // Clients read it as an attribute name, and no subject has it.
                if path.starts_with('$') {
                    self.problem(format!("the unknown operator {path}"), "use one of GrowthBook's operators");
                }
                Entry::At(Path::parse(path), self.check(value, false))
            }
        }
    }

    fn list(&mut self, json: &Value) -> Option<Vec<Condition>> {
        let Value::Array(items) = json else {
            self.problem("no list", "write a list of conditions");
            return None;
        };
        let each = |(i, item)| self.at(format!("[{i}]"), |parser| parser.condition(item));
        Some(items.iter().enumerate().map(each).collect())
    }

    /// A reference to a typed saved group. A group that refers to itself fails.
    fn saved_group(&mut self, reference: &Value) -> Entry {
        let found = reference.get("id").and_then(Value::as_str);
        let Some((id, group)) = found.and_then(|id| self.groups.get_key_value(id)) else {
            self.problem("a saved group that is not there", "name one of savedGroups in id");
            return Entry::Fixed(Verdict::Fail);
        };
        if self.visited.contains(&id.as_str()) {
            self.problem(format!("the saved group {id} in itself"), "break the circle");
            return Entry::Fixed(Verdict::Fail);
        }
        match group.get("type").and_then(Value::as_str) {
            Some("list") => {
                let key = reference.get("attributeKey").or_else(|| group.get("attributeKey"));
                match (key.and_then(Value::as_str), group.get("values").and_then(Value::as_array)) {
                    (Some(key), Some(values)) => {
                        let members = self.members_of(id, values);
                        let operator = Operator::In { members, negate: false, fold: false };
                        Entry::At(Path::parse(key), Check::Operators(vec![operator]))
                    }
                    _ => self.broken_group(id),
                }
            }
            Some("condition") => match group.get("condition") {
                Some(condition @ Value::Object(_)) => {
                    self.visited.push(id);
                    let condition = self.condition(condition);
                    self.visited.pop();
                    Entry::Group(condition)
                }
                _ => self.broken_group(id),
            },
            _ if group.is_object() => {
                self.problem(format!("the saved group {id} of an unknown type"), "use list or condition");
                Entry::Fixed(Verdict::Unknown)
            }
            _ => self.broken_group(id),
        }
    }

    fn broken_group(&mut self, id: &str) -> Entry {
        self.problem(format!("the malformed saved group {id}"), "give it type and values or condition");
        Entry::Fixed(Verdict::Fail)
    }

    fn members_of(&mut self, id: &'g str, values: &[Value]) -> Arc<Members> {
        Arc::clone(self.lists.entry(id).or_insert_with(|| Arc::new(Members::new(values, false))))
    }

    /// The check of a value.
    fn check(&mut self, json: &Value, fold: bool) -> Check {
        if !self.room() {
            return Check::Operators(vec![Operator::Fixed(Verdict::Broken)]);
        }
        match json {
            Value::Object(map) if map.keys().all(|key| key.starts_with('$')) => {
                let each =
                    map.iter().map(|(name, value)| self.at(name, |parser| parser.operator(name, value)));
                Check::Operators(each.collect())
            }
            literal => Check::Literal { want: literal.clone(), fold, dialect: self.dialect },
        }
    }

    fn operator(&mut self, name: &str, value: &Value) -> Operator {
        match name {
            "$eq" => Operator::Equal(value.clone()),
            "$ne" => Operator::NotEqual(value.clone()),
            "$lt" => self.order(Relation::Less, value),
            "$lte" => self.order(Relation::LessOrEqual, value),
            "$gt" => self.order(Relation::Greater, value),
            "$gte" => self.order(Relation::GreaterOrEqual, value),
            "$veq" => self.version(Relation::Equal, value),
            "$vne" => self.version(Relation::NotEqual, value),
            "$vlt" => self.version(Relation::Less, value),
            "$vlte" => self.version(Relation::LessOrEqual, value),
            "$vgt" => self.version(Relation::Greater, value),
            "$vgte" => self.version(Relation::GreaterOrEqual, value),
            "$in" => self.members(value, false, false),
            "$nin" => self.members(value, true, false),
            "$ini" => self.members(value, false, true),
            "$nini" => self.members(value, true, true),
            "$inGroup" => self.in_group(value, false),
            "$notInGroup" => self.in_group(value, true),
            "$regex" => self.matches(value, false, false),
            "$regexi" => self.matches(value, false, true),
            "$notRegex" => self.matches(value, true, false),
            "$notRegexi" => self.matches(value, true, true),
            "$exists" => Operator::Exists(truthy(value)),
            "$type" => self.kind(value),
            "$size" => self.size(value),
            "$all" => self.every(value, false),
            "$alli" => self.every(value, true),
            "$not" => Operator::Not(Box::new(self.check(value, false))),
            "$elemMatch" => self.element(value),
            _ => self.unknown(name),
        }
    }

    fn kind(&mut self, want: &Value) -> Operator {
        if !want.as_str().is_some_and(|kind| TYPES.contains(&kind)) {
            self.problem("no type that a value can have", format!("write one of {}", TYPES.join(", ")));
        }
        Operator::Type(want.clone())
    }

    fn size(&mut self, want: &Value) -> Operator {
        if !want.is_number() && !want.is_object() {
            self.problem("no size", "write a number, or operators on one");
        }
        Operator::Size(Box::new(self.check(want, false)))
    }

    fn order(&mut self, relation: Relation, want: &Value) -> Operator {
        if !want.is_string() && !want.is_number() {
            self.problem("neither a number nor a text", "compare with one of them");
        }
        Operator::Order { relation, want: want.clone(), coerce: self.dialect == Dialect::Spec08 }
    }

    fn version(&mut self, relation: Relation, want: &Value) -> Operator {
        if !want.is_string() {
            self.problem("a version that is not a string", "write it as \"1.2.3\"");
        }
        let padded = version::of(want);
        Operator::Version { relation, want: want.clone(), padded, coerce: self.dialect == Dialect::Spec08 }
    }

    fn members(&mut self, json: &Value, negate: bool, fold: bool) -> Operator {
        let Value::Array(values) = json else {
            self.problem("no list", "write a list of values");
            return Operator::Fixed(Verdict::Fail);
        };
        self.nodes_left = self.nodes_left.saturating_sub(values.len());
        Operator::In { members: Arc::new(Members::new(values, fold)), negate, fold }
    }

    fn in_group(&mut self, json: &Value, negate: bool) -> Operator {
        let Some(id) = json.as_str() else {
            self.problem("no id of a saved group", "write the id as a text");
            return Operator::Fixed(Verdict::Fail);
        };
        let Some((id, group)) = self.groups.get_key_value(id) else {
            self.problem(format!("the saved group {id}, which is not there"), "name one of savedGroups");
            return Operator::Fixed(negate.into());
        };
        let typed = group.get("type").and_then(Value::as_str);
        let values = match typed {
            Some("list") => group.get("values"),
            _ => Some(group),
        };
        if let Some(Value::Array(values)) = values {
            return Operator::In { members: self.members_of(id, values), negate, fold: false };
        }
        self.problem(format!("the saved group {id}, which is not a list"), "give it type list and values");
        let known = matches!(typed, Some("list" | "condition"));
        Operator::Fixed(if group.is_object() && !known { self.beyond() } else { Verdict::Fail })
    }

    fn matches(&mut self, json: &Value, negate: bool, fold: bool) -> Operator {
        match json.as_str().map(|pattern| bounded_regex(pattern, fold)) {
            Some(Ok(regex)) => Operator::Matches { regex, negate },
            Some(Err(why)) => {
                self.problem(why, "write a regular expression without look-around and back-references");
                Operator::Fixed(negate.into())
            }
            None => {
                self.problem("no regular expression", "write it as a text");
                Operator::Fixed(negate.into())
            }
        }
    }

    fn every(&mut self, json: &Value, fold: bool) -> Operator {
        let Value::Array(items) = json else {
            self.problem("no list", "write a list of values");
            return Operator::Fixed(Verdict::Fail);
        };
        let each = |(i, item)| self.at(format!("[{i}]"), |parser| parser.check(item, fold));
        Operator::Every(items.iter().enumerate().map(each).collect())
    }

    /// Operators check the element itself; a condition, also one of `$or` and similar keys, checks its fields.
    fn element(&mut self, json: &Value) -> Operator {
        let conditional = |key: &String| is_connective(key);
        match json {
            Value::Object(map)
                if map.keys().all(|key| key.starts_with('$')) && !map.keys().any(conditional) =>
            {
                Operator::Each(Box::new(self.check(json, false)))
            }
            _ => Operator::Fields(self.condition(json)),
        }
    }

    fn unknown(&mut self, name: &str) -> Operator {
        self.problem(format!("the unknown operator {name}"), "use one of GrowthBook's operators");
        Operator::Fixed(if is_connective(name) { Verdict::Fail } else { self.beyond() })
    }

    /// The verdict of an unknown operator.
    fn beyond(&self) -> Verdict {
        match self.dialect {
            Dialect::Spec08 => Verdict::Fail,
            Dialect::Python4 => Verdict::Unknown,
        }
    }
}

fn is_connective(key: &str) -> bool {
    matches!(key, "$or" | "$nor" | "$and" | "$savedGroup")
}

fn fixed(verdict: Verdict) -> Condition {
    Condition { entries: vec![Entry::Fixed(verdict)] }
}

/// A regular expression with bounded size and run time.
pub(in crate::growthbook) fn bounded_regex(pattern: &str, fold: bool) -> Result<Regex, String> {
    if pattern.len() > REGEX_BYTES_MAX {
        return Err(format!("a regular expression of {} bytes", pattern.len()));
    }
    let built =
        RegexBuilder::new(pattern).case_insensitive(fold).size_limit(REGEX_COMPILED_BYTES_MAX).build();
    built.map_err(|e| format!("a regular expression that cannot be compiled: {e}"))
}
