//! Rules of the house that no other tool holds.

use std::path::PathBuf;

use troupe_house_rules::sources::{Source, repository, sources};

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

/// The endings of files that people write.
const WRITTEN: [&str; 8] = [".rs", ".py", ".sh", ".toml", ".md", ".js", ".css", ".html"];

#[test]
fn files_stay_small_finished_and_free_of_this_machine() {
    let files = sources(&WRITTEN);
    assert!(files.len() > 200, "only {} files found", files.len());
    let mut wrong = Vec::new();
    for Source { path, text } in files {
        let lines = text.lines().count();
        let is_test = path.split('/').any(|part| part == "tests");
        let generated = path.starts_with("docs/reference/");
        if lines > LINES_MAX && !is_test && !generated {
            wrong.push(format!("{path}: {lines} lines, {LINES_MAX} at most: split it"));
        }
        for (first, second) in NOT_HERE {
            let word = format!("{first}{second}");
            if let Some(line) = text.lines().position(|line| line.contains(&word)) {
                wrong.push(format!("{path}:{}: {word:?}", line + 1));
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
    let files: Vec<PathBuf> =
        sources(&[".js"]).into_iter().map(|source| repository().join(source.path)).collect();
    assert!(!files.is_empty(), "no scripts found");
    for path in files {
        let script = std::fs::File::open(&path).unwrap();
        let checked =
            Command::new("node").args(["--check", "--input-type=module"]).stdin(script).output().unwrap();
        assert!(checked.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&checked.stderr));
    }
}
