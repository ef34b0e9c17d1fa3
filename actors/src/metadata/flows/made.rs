//! Who made a thing, and under which tags; and what may be a name.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::Refused;

/// Longest name of a flow, run, step or task, in bytes: keys of entities are made of them.
pub const NAME_BYTES_MAX: usize = 96;
/// Tags of one kind that a thing may have.
pub const TAGS_MAX: usize = 64;
/// Longest tag, in bytes.
const TAG_BYTES_MAX: usize = 500;
/// Bytes of all tags of one kind.
const TAGS_BYTES_MAX: usize = 8 << 10;

/// Who made a thing, and under which tags.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Made {
    /// The user's name, if it was said.
    pub user: Option<String>,
    /// What people call it by.
    pub tags: Vec<String>,
    /// What the client says of itself, as `runtime:dev`.
    pub system_tags: Vec<String>,
}

impl Made {
    /// Whether it keeps within the bounds.
    ///
    /// # Errors
    /// The field that does not, and what would.
    pub fn check(&self) -> Result<(), Refused> {
        if let Some(user) = &self.user {
            check_text("user_name", user, 256)?;
        }
        check_tags("tags", &self.tags)?;
        check_tags("system_tags", &self.system_tags)
    }
}

/// Whether tags keep within the bounds.
///
/// # Errors
/// The field, and what would be within them.
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

/// Whether a text is short enough and without control characters.
///
/// # Errors
/// The field, and what would be.
pub fn check_text(field: &str, text: &str, bytes_max: usize) -> Result<(), Refused> {
    if text.len() > bytes_max || text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        let why = format!("{field} must be at most {bytes_max} bytes without control characters");
        return Err(Refused::field("BAD_TEXT", field, why));
    }
    Ok(())
}

/// Whether a name can be part of a key. A flow's may have slashes, of which MLflow's experiments make use.
///
/// # Errors
/// The field, and what would be.
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
