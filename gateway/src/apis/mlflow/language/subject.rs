//! The names that each search knows, and the operators that each name has.

use super::reader::{Identifier, Operator, Part};

/// What a search is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Subject {
    Runs,
    Experiments,
    Models,
    Versions,
}

/// The part of a run, model or experiment that an identifier names. The term is the reference's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum IdentifierType {
    Metric,
    Param,
    Tag,
    Attribute,
    /// No run has data sets here: a condition on one holds for no run.
    Dataset,
}

/// How the values of a name are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Text,
    Number,
    /// A number without a fraction.
    Whole,
    /// As [`Sort::Whole`]; a filter may write it in quotes.
    QuotedWhole,
}

/// A name that a search knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Name {
    pub(in super::super) of: IdentifierType,
    /// The key of the value; of an attribute, the field that has it.
    pub(in super::super) key: String,
    pub(super) sort: Sort,
    /// Whether its values are compared with lists.
    lists: bool,
    /// Whether its values are compared with patterns.
    patterns: bool,
}

/// An attribute of a subject.
struct Attribute {
    said: &'static str,
    field: &'static str,
    sort: Sort,
    filters: bool,
    orders: bool,
    lists: bool,
}

const fn text(said: &'static str, field: &'static str) -> Attribute {
    Attribute { said, field, sort: Sort::Text, filters: true, orders: true, lists: false }
}

const fn listed(said: &'static str) -> Attribute {
    Attribute { lists: true, ..text(said, said) }
}

const fn of_sort(sort: Sort, said: &'static str, field: &'static str) -> Attribute {
    Attribute { sort, ..text(said, field) }
}

const fn no_order(attribute: Attribute) -> Attribute {
    Attribute { orders: false, ..attribute }
}

const fn no_filter(attribute: Attribute) -> Attribute {
    Attribute { filters: false, ..attribute }
}

const RUNS: &[Attribute] = &[
    listed("run_id"),
    text("run_name", "run_name"),
    no_order(text("run name", "run_name")),
    no_order(text("Run name", "run_name")),
    no_order(text("Run Name", "run_name")),
    text("user_id", "user_id"),
    text("status", "status"),
    text("artifact_uri", "artifact_uri"),
    of_sort(Sort::Number, "start_time", "start_time"),
    of_sort(Sort::Number, "end_time", "end_time"),
    of_sort(Sort::Number, "created", "start_time"),
    of_sort(Sort::Number, "Created", "start_time"),
];

const EXPERIMENTS: &[Attribute] = &[
    text("name", "name"),
    listed("experiment_id"),
    of_sort(Sort::Whole, "creation_time", "creation_time"),
    of_sort(Sort::Whole, "last_update_time", "last_update_time"),
];

const MODELS: &[Attribute] = &[
    listed("name"),
    no_filter(of_sort(Sort::Whole, "creation_timestamp", "creation_timestamp")),
    no_filter(of_sort(Sort::Whole, "last_updated_timestamp", "last_updated_timestamp")),
    no_filter(of_sort(Sort::Whole, "timestamp", "last_updated_timestamp")),
];

const VERSIONS: &[Attribute] = &[
    listed("name"),
    no_order(listed("run_id")),
    no_order(text("source_path", "source")),
    of_sort(Sort::QuotedWhole, "version_number", "version"),
    no_filter(of_sort(Sort::Whole, "creation_timestamp", "creation_timestamp")),
    no_filter(of_sort(Sort::Whole, "last_updated_timestamp", "last_updated_timestamp")),
];

/// What a name is said for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Filter,
    Order,
}

impl Subject {
    const fn attributes(self) -> &'static [Attribute] {
        match self {
            Self::Runs => RUNS,
            Self::Experiments => EXPERIMENTS,
            Self::Models => MODELS,
            Self::Versions => VERSIONS,
        }
    }

    /// What the word before the first dot names.
    fn entity(self, word: &Part) -> Result<IdentifierType, String> {
        let known = match (self, word.text.as_str()) {
            _ if !matches!(word.quote, None | Some('`')) => None,
            (Self::Runs, "metric" | "metrics") => Some(IdentifierType::Metric),
            (Self::Runs, "parameter" | "parameters" | "param" | "params") => Some(IdentifierType::Param),
            (_, "tag" | "tags") => Some(IdentifierType::Tag),
            (_, "attribute") | (Self::Runs, "attributes" | "attr" | "run") => Some(IdentifierType::Attribute),
            (Self::Runs, "dataset" | "datasets") => Some(IdentifierType::Dataset),
            _ => None,
        };
        let kinds = match self {
            Self::Runs => "metrics, params, tags, attributes and datasets",
            Self::Experiments | Self::Models | Self::Versions => "attribute and tags",
        };
        known.ok_or_else(|| format!("{:?} is not an entity type: there are {kinds}", word.text))
    }

    /// The name that a text spells.
    pub(super) fn name(self, identifier: Identifier, purpose: For) -> Result<Name, String> {
        let (of, key) = match identifier.rest {
            None => (IdentifierType::Attribute, identifier.first.text),
            Some(key) => (self.entity(&identifier.first)?, key),
        };
        match of {
            IdentifierType::Attribute => self.attribute(&key, purpose),
            IdentifierType::Dataset if purpose == For::Order => {
                Err("runs are not sorted by data sets".to_owned())
            }
            IdentifierType::Metric | IdentifierType::Param | IdentifierType::Tag
                if purpose == For::Order && self != Self::Runs =>
            {
                Err(format!("{key:?} is not an attribute: only runs are sorted by other values"))
            }
            IdentifierType::Dataset if !matches!(key.as_str(), "name" | "digest" | "context") => {
                Err(format!("{key:?} is not a field of data sets: there are name, digest and context"))
            }
            IdentifierType::Dataset => Ok(Name { of, key, sort: Sort::Text, lists: true, patterns: true }),
            IdentifierType::Metric => Ok(Name { of, key, sort: Sort::Number, lists: false, patterns: false }),
            IdentifierType::Param | IdentifierType::Tag => {
                Ok(Name { of, key, sort: Sort::Text, lists: false, patterns: true })
            }
        }
    }

    fn attribute(self, key: &str, purpose: For) -> Result<Name, String> {
        let fits = |one: &&Attribute| match purpose {
            For::Filter => one.filters,
            For::Order => one.orders,
        };
        let known = || self.attributes().iter().filter(fits);
        let Some(found) = known().find(|one| one.said == key) else {
            let names: Vec<&str> = known().map(|one| one.said).collect();
            return Err(format!("{key:?} is not an attribute: there are {}", names.join(", ")));
        };
        // An id has no order and no parts.
        let patterns = found.sort == Sort::Text && found.said != "experiment_id";
        let (field, sort, lists) = (found.field.to_owned(), found.sort, found.lists);
        Ok(Name { of: IdentifierType::Attribute, key: field, sort, lists, patterns })
    }

    /// Whether a name has an operator.
    pub(super) fn has(self, name: &Name, operator: Operator) -> bool {
        match operator {
            Operator::Equal | Operator::Unequal => true,
            Operator::Greater | Operator::GreaterEqual | Operator::Less | Operator::LessEqual => {
                name.sort != Sort::Text
            }
            Operator::Like | Operator::ILike => name.patterns,
            Operator::In | Operator::NotIn => name.lists,
            Operator::IsNull | Operator::IsNotNull => match self {
                Self::Runs => matches!(name.of, IdentifierType::Param | IdentifierType::Tag),
                Self::Experiments => name.of == IdentifierType::Tag,
                Self::Models | Self::Versions => false,
            },
        }
    }
}
