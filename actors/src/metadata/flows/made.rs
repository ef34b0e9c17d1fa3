//! Authorship and tags of metadata objects, and the rules for names.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::Refused;

/// Longest name of a flow, run, step or task, in bytes: names are parts of entity keys.
pub const NAME_BYTES_MAX: usize = 96;
/// Upper bound on tags of one kind.
pub const TAGS_MAX: usize = 64;
/// Longest tag, in bytes.
const TAG_BYTES_MAX: usize = 500;
/// Upper bound on the bytes of all tags of one kind.
const TAGS_BYTES_MAX: usize = 8 << 10;

/// The creator and the tags of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Made {
    /// The user's name, if known.
    pub user: Option<String>,
    /// Tags set by people.
    pub tags: Vec<String>,
    /// Tags set by the client, for example `runtime:dev`.
    pub system_tags: Vec<String>,
}

impl Made {
    /// Checks the bounds.
    ///
    /// # Errors
    /// The field at fault, with the bound.
    pub fn check(&self) -> Result<(), Refused> {
        if let Some(user) = &self.user {
            check_text("user_name", user, 256)?;
        }
        check_tags("tags", &self.tags)?;
        check_tags("system_tags", &self.system_tags)
    }
}

/// Checks the bounds of tags.
///
/// # Errors
/// The field at fault, with the bound.
pub(crate) fn check_tags(field: &str, tags: &[String]) -> Result<(), Refused> {
    let bytes: usize = tags.iter().map(String::len).sum();
    let sound = |tag: &String| !tag.is_empty() && tag.len() <= TAG_BYTES_MAX;
    if tags.len() > TAGS_MAX || bytes > TAGS_BYTES_MAX || !tags.iter().all(sound) {
        let why = format!(
            "{field} must be at most {TAGS_MAX} of 1 to {TAG_BYTES_MAX} bytes, {TAGS_BYTES_MAX} bytes in all"
        );
        return Err(Refused::field("TOO_MANY_TAGS", field, why));
    }
    Ok(())
}

/// Checks the length of a text, and that it has no control characters.
///
/// # Errors
/// The field at fault, with the rule.
pub fn check_text(field: &str, text: &str, bytes_max: usize) -> Result<(), Refused> {
    if text.len() > bytes_max || text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        let why = format!("{field} must be at most {bytes_max} bytes without control characters");
        return Err(Refused::field("BAD_TEXT", field, why));
    }
    Ok(())
}

/// Checks that a name can be part of a key. A flow's name may have slashes, which MLflow's experiments use.
///
/// # Errors
/// The field at fault, with the rule.
pub fn check_name(field: &str, name: &str, slashes: bool) -> Result<(), Refused> {
    let odd = |c: char| c.is_control() || matches!(c, '{' | '}') || (c == '/' && !slashes);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(odd) {
        let but =
            if slashes { "braces or control characters" } else { "slashes, braces or control characters" };
        let why = format!("{field} must be 1 to {NAME_BYTES_MAX} bytes without {but}");
        return Err(Refused::field("BAD_NAME", field, why));
    }
    Ok(())
}
