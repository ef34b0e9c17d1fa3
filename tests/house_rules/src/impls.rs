//! How large a type has grown: the lines of its inherent `impl` blocks over all files of a crate.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use crate::sources::Source;

static HEAD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(\s*)impl(?:<[^>]*>)? ([A-Za-z_][A-Za-z0-9_:]*)(?:<.*>)?(?: where.*)? \{$")
        .expect("the rule is a constant")
});

/// Lines of inherent `impl` by crate folder and type.
#[must_use]
pub fn lines_by_type(sources: &[Source]) -> BTreeMap<(String, String), usize> {
    let mut lines = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        let crate_folder = source.path.split("/src/").next().unwrap_or_default().to_owned();
        for (name, count) in blocks(source.code()) {
            *lines.entry((crate_folder.clone(), name)).or_default() += count;
        }
    }
    lines
}

fn blocks(code: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(head) = HEAD.captures(line) else { continue };
        let (indent, name) = (&head[1], head[2].to_owned());
        let end = format!("{indent}}}");
        let length = lines[at..].iter().position(|line| **line == end).map_or(0, |count| count + 1);
        found.push((name, length));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_one_type_are_summed_over_files_and_those_of_traits_are_not() {
        let source = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
        let sources = [
            source("a/src/x.rs", "impl X {\n    fn f() {}\n}\nimpl Clone for X {\n    fn g() {}\n}\n"),
            source("a/src/y.rs", "impl<T: Copy> X<T> {\n    fn f() {\n    }\n}\n"),
            source("a/src/tests.rs", "impl X {\n}\n"),
        ];
        let lines = lines_by_type(&sources);
        assert_eq!(lines, BTreeMap::from([(("a".to_owned(), "X".to_owned()), 7)]));
    }
}
