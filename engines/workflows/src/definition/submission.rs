//! The submission that creates a version of a workflow.

use serde::Serialize;

use super::{Properties, Workflow, read_from_tree, short};
use crate::bounds::DEFINITION_BYTES_MAX;
use crate::tree::{Fields, Problems, Report, Tree, YamlError, yaml};

/// A definition with its properties.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Submission {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub properties: Option<Properties>,
    /// Whether the version becomes the active one; true by default.
    pub is_active: bool,
    /// Kept and ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_info: Option<serde_json::Value>,
    /// Kept and ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_info: Option<serde_json::Value>,
    pub workflow: Workflow,
}

impl Submission {
    /// Reads a submission in JSON. It is then well formed; [`crate::validation`] checks its meaning.
    ///
    /// # Errors
    /// With each unknown field, missing field and wrong type, by path.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Problems> {
        small(bytes.len())?;
        let tree = Tree::json(bytes)
            .map_err(|error| Problems::one("", format!("is not JSON: {error}"), "fix the named position"))?;
        Self::from_tree(&tree)
    }

    /// Reads a submission in YAML.
    ///
    /// # Errors
    /// With each unknown field, missing field and wrong type, by path.
    pub fn from_yaml(text: &str) -> Result<Self, Problems> {
        Self::from_tree(&yaml_tree(text)?)
    }

    /// Reads and validates a submission in YAML; problems have the paths of its own notation.
    ///
    /// # Errors
    /// With each unknown field, missing field, wrong type and validation problem, by path.
    pub fn checked_yaml(text: &str) -> Result<Self, Problems> {
        let tree = yaml_tree(text)?;
        let submission = Self::from_tree(&tree)?;
        let is_short = short::is_short(&tree);
        crate::validation::validate(&submission)
            .map(|()| submission)
            .map_err(|problems| if is_short { authored(problems) } else { problems })
    }

    /// Reads a submission from a tree, in the long notation or in the short notation of Maestro's YAML.
    ///
    /// # Errors
    /// With each unknown field, missing field and wrong type, by path.
    pub fn from_tree(tree: &Tree) -> Result<Self, Problems> {
        let report = Report::default();
        if let Some(long) = short::expand(tree, &report) {
            report.finish(Some(()))?;
            let report = Report::default();
            let read = Self::read(&long, "", &report);
            return report.finish(read).map_err(authored);
        }
        let read = Self::read(tree, "", &report);
        report.finish(read)
    }

    pub(crate) fn read(tree: &Tree, path: &str, report: &Report) -> Option<Self> {
        let fields = Fields::of(tree, path, report)?;
        let properties = fields.tree("properties");
        let workflow = match fields.tree("workflow") {
            Some(tree) => Workflow::read(tree, &fields.at("workflow"), report),
            None => {
                report.add(fields.at("workflow"), "is missing", "put the definition under workflow");
                None
            }
        };
        let read = workflow.map(|workflow| Self {
            properties: properties.and_then(|tree| Properties::read(tree, &fields.at("properties"), report)),
            is_active: fields.boolean("is_active").unwrap_or(true),
            git_info: fields.tree("git_info").map(Tree::to_json),
            extra_info: fields.tree("extra_info").map(Tree::to_json),
            workflow,
        });
        fields.finish();
        read
    }
}

fn yaml_tree(text: &str) -> Result<Tree, Problems> {
    small(text.len())?;
    yaml(text).map_err(|error: YamlError| {
        Problems::one("", format!("is not YAML: {error}"), "fix the named position")
    })
}

/// Problems of the long notation with the paths of the short one.
fn authored(mut problems: Problems) -> Problems {
    for problem in &mut problems.0 {
        problem.path = short::author_path(&problem.path);
    }
    problems
}

fn small(bytes: usize) -> Result<(), Problems> {
    if bytes > DEFINITION_BYTES_MAX {
        let what = format!("{bytes} bytes are more than {DEFINITION_BYTES_MAX}");
        return Err(Problems::one("", what, "split the workflow into subworkflows"));
    }
    Ok(())
}

read_from_tree!(Submission);
