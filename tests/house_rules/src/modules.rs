//! What a `mod.rs` or a `lib.rs` may hold: its story, its modules and its re-exports.

use std::sync::LazyLock;

use regex::Regex;

use crate::sources::Source;

static ITEM: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:pub(?:\([a-z: ]+\))? )?(?:async )?(?:unsafe )?(?:const |static |fn |struct |enum |trait |impl|type |macro_rules!)")
        .expect("the rule is a constant")
});

/// Module names that say nothing.
const BANNED: [&str; 7] = ["utils", "util", "common", "helpers", "manager", "types", "misc"];

/// Items in a module file that belong into a file with a name.
#[must_use]
pub fn logic(source: &Source) -> Vec<String> {
    let name = source.path.rsplit('/').next().unwrap_or_default();
    if !matches!(name, "mod.rs" | "lib.rs") || source.is_test() {
        return Vec::new();
    }
    let lines: Vec<&str> = source.code().lines().collect();
    // A macro's entrance has to stand in the root of its crate.
    let entrance = |at: usize| at > 0 && lines[at - 1].starts_with("#[proc_macro");
    lines
        .iter()
        .enumerate()
        .filter(|(at, line)| ITEM.is_match(line) && !entrance(*at))
        .map(|(at, line)| format!("{}:{}: {line}", source.path, at + 1))
        .collect()
}

/// Whether the file is a module with a name that says nothing.
#[must_use]
pub fn is_banned(source: &Source) -> bool {
    let stem = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
    BANNED.contains(&stem.rsplit('/').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_file_tells_a_story_and_names_modules() {
        let source = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
        let story =
            "//! Story.\n\nmod a;\npub mod b;\n#[cfg(test)]\nmod tests;\n\npub use a::A;\nuse crate::c;\n";
        assert!(logic(&source("x/src/y/mod.rs", story)).is_empty());
        assert_eq!(logic(&source("x/src/y/mod.rs", "pub(crate) fn f() {}\nimpl A {\n}\n")).len(), 2);
        assert!(logic(&source("x/src/y/z.rs", "fn f() {}\n")).is_empty());
        assert!(is_banned(&source("x/src/utils/mod.rs", "")) && is_banned(&source("x/src/types.rs", "")));
    }
}
