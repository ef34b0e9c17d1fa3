//! The files that people write: no build outputs, no fetched data, no vectors of other systems.

use std::path::{Path, PathBuf};

/// One file.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its path from the repository's root, with `/`.
    pub path: String,
    /// All of it.
    pub text: String,
}

impl Source {
    /// Whether it holds tests alone: a file or folder of tests, or a module that only tests compile.
    #[must_use]
    pub fn is_test(&self) -> bool {
        // `tests/` also holds crates of their own, whose sources are code as any other.
        let path =
            self.path.strip_prefix("tests/").filter(|rest| rest.contains("/src/")).unwrap_or(&self.path);
        let name = path.rsplit('/').next().unwrap_or_default();
        path.split('/').any(|part| part == "tests") || name.ends_with("tests.rs")
    }

    /// What the compiler sees outside tests: the text before an inline module of tests.
    #[must_use]
    pub fn code(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
    }
}

/// The repository's root.
#[must_use]
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Every written file with one of these endings, by path.
#[must_use]
pub fn sources(endings: &[&str]) -> Vec<Source> {
    let root = repository();
    let mut out = Vec::new();
    walk(&root, &root, endings, &mut out);
    out.sort_by(|a, b| a.path.cmp(&b.path));
    out
}

fn walk(root: &Path, dir: &Path, endings: &[&str], out: &mut Vec<Source>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            let skipped = [".git", ".deps", "target", "vectors", "book", "__pycache__", "node_modules"];
            // `data` is a cluster's data directory at the root, and a module elsewhere.
            let data = name == "data" && dir == root;
            if !skipped.contains(&name) && !data {
                walk(root, &path, endings, out);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending))
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            let path = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            out.push(Source { path, text });
        }
    }
}
