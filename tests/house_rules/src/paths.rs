//! Paths that a page names in backticks, and whether they exist.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

static QUOTED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"`([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.{},*-]+)+/?)`").expect("the rule is a constant")
});

/// Paths in backticks whose first part is a folder or file of the repository, but that do not exist. A brace names
/// several: `a/{b, c}`. What `.gitignore` lists at the root is made by commands, and may be absent.
#[must_use]
pub fn missing(text: &str, root: &Path) -> Vec<String> {
    let ignored = std::fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
    let made = |first: &str| ignored.lines().any(|line| line.strip_prefix('/') == Some(first));
    let mut missing = Vec::new();
    for quoted in QUOTED.captures_iter(text).filter_map(|found| found.get(1)) {
        let path = quoted.as_str();
        let first = path.split('/').next().unwrap_or_default();
        let concrete = !path.contains(['{', '*']);
        if concrete && !made(first) && root.join(first).exists() && !root.join(path).exists() {
            missing.push(path.to_owned());
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_makes_may_be_absent() {
        let root = tempfile::tempdir().expect("a folder");
        std::fs::write(root.path().join(".gitignore"), "/.deps\n").expect("written");
        for folder in [".deps", "docs"] {
            std::fs::create_dir(root.path().join(folder)).expect("made");
        }
        assert_eq!(missing("`.deps/lib.so` and `docs/gone.md`", root.path()), ["docs/gone.md"]);
    }

    #[test]
    fn a_path_that_is_gone_is_named() {
        let root = crate::sources::repository();
        let text = "`tests/house_rules/src/paths.rs` and `tests/gone.rs`, `application/json`, `tests/{a,b}`";
        assert_eq!(missing(text, &root), ["tests/gone.rs"]);
    }
}
