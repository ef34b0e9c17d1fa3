//! Import circles between the folders of a crate, counted from `use` declarations and paths.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::sources::Source;

static USE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\buse ([^;]*);").expect("the rule is a constant"));
static INLINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:^|[^\w$:])((?:crate|super(?:::super)*)(?:::\w+)+)").expect("the rule is a constant")
});
static COMMENT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"//.*").expect("the rule is a constant"));

/// An import: the folder it is in, the folder it names, and where it stands.
type Arrows = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// The modules of one crate.
pub struct Crate<'a> {
    /// Its source folder, `actors/src`.
    root: &'a str,
    files: Vec<&'a Source>,
    /// The file of each module path.
    modules: BTreeMap<Vec<String>, String>,
}

impl<'a> Crate<'a> {
    /// The crate whose sources are below `root`.
    #[must_use]
    pub fn new(root: &'a str, sources: &'a [Source]) -> Self {
        let below = format!("{root}/");
        let files: Vec<&Source> = sources
            .iter()
            .filter(|source| source.path.starts_with(&below) && source.path.ends_with(".rs"))
            .collect();
        let modules = files
            .iter()
            .map(|source| (module_of(relative(root, source)), relative(root, source).to_owned()))
            .collect();
        Self { root, files, modules }
    }

    /// Folders that import each other in a circle, each circle with the imports that tie it. `folder` names the folder
    /// of a file by its path below the root.
    #[must_use]
    pub fn circles(&self, folder: fn(&str) -> String) -> Vec<String> {
        let arrows = self.arrows(folder);
        let reach = reachable(&arrows);
        let mut seen = BTreeSet::new();
        let mut out = Vec::new();
        for (from, all) in &reach {
            let circle: BTreeSet<&String> =
                all.iter().filter(|to| reach.get(*to).is_some_and(|back| back.contains(from))).collect();
            if circle.len() < 2 || !seen.insert(circle.clone()) {
                continue;
            }
            let mut text = format!("{}: {circle:?}", self.root);
            for (a, b) in circle.iter().flat_map(|a| circle.iter().map(move |b| (*a, *b))) {
                if let Some(names) = arrows.get(a).and_then(|to| to.get(b)) {
                    let names: Vec<&String> = names.iter().take(6).collect();
                    text.push_str(&format!("\n  {a} -> {b}: {names:?}"));
                }
            }
            out.push(text);
        }
        out
    }

    fn arrows(&self, folder: fn(&str) -> String) -> Arrows {
        let mut arrows = Arrows::new();
        for source in self.files.iter().filter(|source| !source.is_test() && !self.only_for_tests(source)) {
            let path = relative(self.root, source);
            for target in self.targets(source) {
                let (from, to) = (folder(path), folder(&target));
                if from != to {
                    arrows
                        .entry(from)
                        .or_default()
                        .entry(to)
                        .or_default()
                        .insert(format!("{path} -> {target}"));
                }
            }
        }
        arrows
    }

    /// Whether its parent declares the module for tests alone.
    fn only_for_tests(&self, source: &Source) -> bool {
        let module = module_of(relative(self.root, source));
        let Some((name, parent)) = module.split_last() else { return false };
        let declared =
            ["", "pub(crate) ", "pub(super) "].map(|seen| format!("#[cfg(test)]\n{seen}mod {name};"));
        let parent = self.modules.get(parent).map(|path| format!("{}/{path}", self.root));
        self.files.iter().any(|file| {
            Some(&file.path) == parent.as_ref() && declared.iter().any(|line| file.text.contains(line))
        })
    }

    /// The files of this crate that a file imports from.
    fn targets(&self, source: &Source) -> BTreeSet<String> {
        let here = module_of(relative(self.root, source));
        let code = COMMENT.replace_all(source.code(), "");
        let mut paths = Vec::new();
        for tree in USE.captures_iter(&code).filter_map(|found| found.get(1)) {
            expand(tree.as_str(), &[], &mut paths);
        }
        let rest = USE.replace_all(&code, "");
        for path in INLINE.captures_iter(&rest).filter_map(|found| found.get(1)) {
            paths.push(path.as_str().split("::").map(str::to_owned).collect());
        }
        paths.iter().filter_map(|path| self.file_of(&here, path)).collect()
    }

    /// The file that a path leads to: that of its longest prefix that is a module.
    fn file_of(&self, here: &[String], path: &[String]) -> Option<String> {
        let supers = path.iter().take_while(|part| *part == "super").count();
        let mut whole: Vec<String> = match path.first()?.as_str() {
            "crate" => path[1..].to_vec(),
            "super" => [&here[..here.len().checked_sub(supers)?], &path[supers..]].concat(),
            _ => return None,
        };
        while !whole.is_empty() {
            if let Some(file) = self.modules.get(&whole) {
                return Some(file.clone());
            }
            whole.pop();
        }
        None
    }
}

fn relative<'a>(root: &str, source: &'a Source) -> &'a str {
    source.path.get(root.len() + 1..).unwrap_or_default()
}

fn module_of(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main")) {
        parts.pop();
    }
    parts
}

/// The paths of a use tree.
fn expand(tree: &str, prefix: &[String], out: &mut Vec<Vec<String>>) {
    let tree = tree.trim();
    let parts = |text: &str| -> Vec<String> {
        text.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    match tree.split_once('{') {
        Some((head, rest)) => {
            let prefix = [prefix, &parts(head)].concat();
            let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
            let (mut depth, mut start) = (0_i32, 0);
            for (at, letter) in inner.char_indices() {
                match letter {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        expand(&inner[start..at], &prefix, out);
                        start = at + 1;
                    }
                    _ => {}
                }
            }
            if !inner[start..].trim().is_empty() {
                expand(&inner[start..], &prefix, out);
            }
        }
        None => {
            let path = tree.split(" as ").next().unwrap_or_default();
            out.push([prefix, &parts(path)].concat());
        }
    }
}

/// What each folder reaches over any number of imports.
fn reachable(arrows: &Arrows) -> BTreeMap<String, BTreeSet<String>> {
    let mut reach = BTreeMap::new();
    for from in arrows.keys() {
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut open: Vec<&String> = vec![from];
        while let Some(at) = open.pop() {
            for to in arrows.get(at).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(to.clone()) {
                    open.push(to);
                }
            }
        }
        reach.insert(from.clone(), seen);
    }
    reach
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top(path: &str) -> String {
        path.split('/').next().unwrap_or_default().to_owned()
    }

    fn source(path: &str, text: &str) -> Source {
        Source { path: format!("c/src/{path}"), text: text.into() }
    }

    #[test]
    fn a_circle_is_found_through_any_folder_and_by_any_kind_of_path() {
        let mut sources = vec![
            source("lib.rs", "mod a; mod b; mod d;"),
            source("a/mod.rs", "mod x;\n#[cfg(test)]\nmod world;"),
            source("a/x.rs", "use crate::b::{y::{self, Y}, Z};"),
            source("a/world.rs", "use crate::d::D;"),
            source("b/mod.rs", "pub mod y;"),
            source("b/y.rs", "pub fn f() -> super::super::d::D {}"),
            source("d/mod.rs", "pub struct D; // use crate::a::X;"),
        ];
        assert!(Crate::new("c/src", &sources).circles(top).is_empty());
        sources[6].text = "pub fn g(a: crate::a::x::X) {}".into();
        let circles = Crate::new("c/src", &sources).circles(top);
        assert_eq!(circles.len(), 1);
        assert!(circles[0].starts_with("c/src: {\"a\", \"b\", \"d\"}"), "{circles:?}");
    }

    #[test]
    fn imports_of_tests_tie_nothing() {
        let sources = [
            source("a/mod.rs", "use crate::b::B;"),
            source("b/mod.rs", "pub struct B;\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n"),
            source("b/tests.rs", "use crate::a::A;"),
        ];
        assert!(Crate::new("c/src", &sources).circles(top).is_empty());
    }
}
