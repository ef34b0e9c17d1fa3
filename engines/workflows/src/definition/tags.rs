//! Tags: names on workflows and steps. A permit of that name is the concurrency limit of the tagged steps.

use serde::Serialize;

use super::{read_from_tree, words};
use crate::Ordered;
use crate::tree::{Fields, Report, Tree};

words! {
    /// The origin of a tag.
    Namespace {
        System = "SYSTEM",
        Runtime = "RUNTIME",
        JobTemplate = "JOB_TEMPLATE",
        NotebookTemplate = "NOTEBOOK_TEMPLATE",
        UserDefined = "USER_DEFINED",
        Platform = "PLATFORM",
    }
}

/// A tag, written as its bare name or as an object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tag {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// Unknown fields; kept and ignored.
    #[serde(flatten)]
    pub attributes: Ordered<serde_json::Value>,
}

impl Tag {
    /// A tag with only a name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), namespace: None, attributes: Ordered::new() }
    }

    pub(crate) fn read(tree: &Tree, path: &str, report: &Report) -> Option<Self> {
        if let Tree::Text(name) = tree {
            return Some(Self::named(name));
        }
        let fields = Fields::of(tree, path, report)?;
        let name = fields.needed("name", "name the tag");
        let namespace = fields.word("namespace", Namespace::WORDS);
        fields.tree("permit"); // Maestro shows this field and ignores it in a submission.
        let attributes =
            fields.rest().into_iter().map(|(key, value)| (key.to_owned(), value.to_json())).collect();
        Some(Self { name: name?, namespace, attributes })
    }
}

pub(super) fn tags(fields: &Fields<'_>) -> Vec<Tag> {
    fields.list("tags").into_iter().filter_map(|(path, tree)| Tag::read(tree, &path, fields.report)).collect()
}

read_from_tree!(Tag);
