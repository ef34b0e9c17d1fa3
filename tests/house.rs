//! Rules of the house that no other tool holds.

use std::path::{Path, PathBuf};

/// Lines after which a file has outgrown its one noun; tests apart.
const LINES_MAX: usize = 450;
/// Words that say something is not finished, and places that are only here. Written in two parts, so that this file
/// does not hold them.
const NOT_HERE: [(&str, &str); 10] = [
    ("TO", "DO"),
    ("FIX", "ME"),
    ("XX", "X:"),
    ("todo", "!("),
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("/wo", "rk/"),
    ("pypi", ".org"),
    ("registry.npmjs", ".org"),
    ("static.crates", ".io"),
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Files that people write: no build outputs, no fetched data, no lock files, no vectors of other systems.
fn written(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let skipped = matches!(name, ".git" | ".deps" | "target" | "data" | "vectors" | "__pycache__")
            && !path.ends_with("training/src/data");
        if path.is_dir() && !skipped {
            written(&path, out);
        } else if let Some("rs" | "py" | "sh" | "toml" | "md" | "js" | "css" | "html") =
            path.extension().and_then(|extension| extension.to_str())
        {
            out.push(path);
        }
    }
}

#[test]
fn files_stay_small_finished_and_free_of_this_machine() {
    let mut files = Vec::new();
    written(&repository(), &mut files);
    assert!(files.len() > 200, "only {} files found", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let lines = text.lines().count();
        let is_test = path.components().any(|part| part.as_os_str() == "tests");
        if lines > LINES_MAX && !is_test {
            wrong.push(format!("{}: {lines} lines, {LINES_MAX} at most: split it", path.display()));
        }
        for (first, second) in NOT_HERE {
            let word = format!("{first}{second}");
            if let Some(line) = text.lines().position(|line| line.contains(&word)) {
                wrong.push(format!("{}:{}: {word:?}", path.display(), line + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let root = repository();
    let manifest: toml::Table = std::fs::read_to_string(root.join("Cargo.toml")).unwrap().parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    for member in members {
        let path = root.join(member.as_str().unwrap()).join("Cargo.toml");
        let own: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        assert_eq!(own["lints"]["workspace"].as_bool(), Some(true), "{}", path.display());
    }
}

/// A browser is the only other one that would notice, and it shows an empty page.
#[test]
fn every_script_of_a_page_parses() {
    use std::process::{Command, Stdio};
    if Command::new("node").arg("--version").stdout(Stdio::null()).status().is_err() {
        assert!(std::env::var_os("CI").is_none(), "CI needs node to check the page's scripts");
        eprintln!("skipped: no node at hand to check the page's scripts");
        return;
    }
    let mut files = Vec::new();
    written(&repository(), &mut files);
    files.retain(|path| path.extension().is_some_and(|extension| extension == "js"));
    assert!(!files.is_empty(), "no scripts found");
    for path in files {
        let script = std::fs::File::open(&path).unwrap();
        let checked =
            Command::new("node").args(["--check", "--input-type=module"]).stdin(script).output().unwrap();
        assert!(checked.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&checked.stderr));
    }
}
