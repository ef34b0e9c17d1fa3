//! Tags: names on workflows and steps. A name may have a permit, which bounds how many steps that bear it run at once.

use serde::Serialize;

use super::{read_from_tree, words};
use crate::Ordered;
use crate::tree::{Fields, Report, Tree};

words! {
    /// Who gave a tag.
    Namespace {
        System = "SYSTEM",
        Runtime = "RUNTIME",
        JobTemplate = "JOB_TEMPLATE",
        NotebookTemplate = "NOTEBOOK_TEMPLATE",
        UserDefined = "USER_DEFINED",
        Platform = "PLATFORM",
    }
}

/// A tag, written as its name alone or with more.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tag {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// Whatever else its author wrote; kept, and never looked at.
    #[serde(flatten)]
    pub attributes: Ordered<serde_json::Value>,
}

impl Tag {
    /// A tag that is its name alone.
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
        fields.tree("permit"); // Maestro shows it, and takes no notice of what is sent.
        let attributes =
            fields.rest().into_iter().map(|(key, value)| (key.to_owned(), value.to_json())).collect();
        Some(Self { name: name?, namespace, attributes })
    }
}

pub(super) fn tags(fields: &Fields<'_>) -> Vec<Tag> {
    fields.list("tags").into_iter().filter_map(|(path, tree)| Tag::read(tree, &path, fields.report)).collect()
}

read_from_tree!(Tag);
