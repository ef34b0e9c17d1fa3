//! The repository is held to its rules.

use std::process::Command;

use troupe_house_rules::circles::Crate;
use troupe_house_rules::sources::{Source, repository, sources};
use troupe_house_rules::{impls, modules, paths, words};

/// Lines of inherent `impl` of one type, over all files of its crate.
const IMPL_LINES_MAX: usize = 500;
/// Lines of the two pages that everybody reads first.
const README_LINES_MAX: usize = 150;
const ARCHITECTURE_LINES_MAX: usize = 250;
/// Letters of a commit's subject.
const SUBJECT_LETTERS_MAX: usize = 72;
/// The last commit before the rule on subjects.
const SUBJECTS_SINCE: &str = "ac3a65ba";
/// Module files that still hold code, which is to move to files with names. None may be added.
const WITH_LOGIC: [&str; 12] = [
    "actors/src/orchestrator/runs/metadata_mirror/mod.rs",
    "engines/workflows/src/definition/mod.rs",
    "engines/workflows/src/definition/short/mod.rs",
    "engines/workflows/src/expression/dates/mod.rs",
    "engines/workflows/src/expression/methods/mod.rs",
    "engines/workflows/src/expression/parser/mod.rs",
    "engines/workflows/src/lib.rs",
    "engines/workflows/src/retries/mod.rs",
    "engines/workflows/src/strategy/mod.rs",
    "engines/workflows/src/validation/mod.rs",
    "runtime/src/death_watch/mod.rs",
    "runtime/src/transport/mod.rs",
];
/// Containers of the platform that have entities, each a folder under `actors/src`.
const CONTAINERS: [&str; 9] = [
    "canary_analysis",
    "delivery",
    "experimentation",
    "feature_store",
    "metadata",
    "models",
    "observability",
    "orchestrator",
    "profiles",
];

fn complain(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} complaints:\n{}", wrong.len(), wrong.join("\n"));
}

fn rust() -> Vec<Source> {
    sources(&[".rs"])
}

/// A container of actors, an API or another folder of the gateway, a folder of the runtime; a file at the top stands for
/// itself.
fn folder(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    let depth = if parts[0] == "apis" { 2 } else { 1 };
    parts[..depth.min(parts.len())].join("/")
}

#[test]
fn no_folders_of_a_crate_import_each_other_in_a_circle() {
    let sources = rust();
    let crates = ["actors/src", "gateway/src", "runtime/src"];
    let circles: Vec<String> =
        crates.iter().flat_map(|root| Crate::new(root, &sources).circles(folder)).collect();
    complain(&circles);
}

#[test]
fn no_type_has_grown_too_large() {
    let lines = impls::lines_by_type(&rust());
    assert!(lines.len() > 500, "only {} types found", lines.len());
    let large = lines.into_iter().filter(|(_, lines)| *lines > IMPL_LINES_MAX);
    complain(
        &large
            .map(|((folder, name), lines)| {
                format!("{folder}: {name}: {lines} lines of impl, {IMPL_LINES_MAX} at most: give parts their own state")
            })
            .collect::<Vec<_>>(),
    );
}

#[test]
fn module_files_hold_no_logic_and_have_names_that_say_something() {
    let sources = rust();
    let held = |source: &&Source| !WITH_LOGIC.contains(&source.path.as_str());
    let mut wrong: Vec<String> = sources.iter().filter(held).flat_map(modules::logic).collect();
    wrong
        .extend(sources.iter().filter(|source| modules::is_banned(source)).map(|source| source.path.clone()));
    complain(&wrong);
}

#[test]
fn prose_is_searchable() {
    let written = sources(&[".rs", ".md", ".toml", ".py", ".js", ".sh", "Makefile"]);
    let generated = ["docs/chaos.md", "docs/reference/verbs.md", "tests/house_rules/src/words.rs"];
    let listed =
        written.iter().filter(|source| !generated.contains(&source.path.as_str())).flat_map(words::listed);
    complain(&listed.collect::<Vec<_>>());
}

#[test]
fn pages_are_short_and_name_only_what_exists() {
    let pages = sources(&[".md"]);
    let root = repository();
    let mut wrong = Vec::new();
    for (page, max) in [("README.md", README_LINES_MAX), ("ARCHITECTURE.md", ARCHITECTURE_LINES_MAX)] {
        let found = pages.iter().find(|source| source.path == page).expect("the page is there");
        let lines = found.text.lines().count();
        if lines > max {
            wrong.push(format!("{page}: {lines} lines, {max} at most"));
        }
    }
    for page in pages.iter().filter(|page| page.path != "CHANGELOG.md") {
        let missing = paths::missing(&page.text, &root);
        wrong.extend(missing.into_iter().map(|path| format!("{}: `{path}` does not exist", page.path)));
    }
    complain(&wrong);
}

#[test]
fn every_container_of_the_platform_is_a_folder_and_a_row_of_the_architecture() {
    let architecture =
        std::fs::read_to_string(repository().join("ARCHITECTURE.md")).expect("the page is there");
    for container in CONTAINERS {
        let folder = format!("actors/src/{container}");
        assert!(repository().join(&folder).is_dir(), "{folder}");
        assert!(architecture.contains(&format!("`{folder}/`")), "ARCHITECTURE.md has no row for {folder}");
    }
}

/// The subjects of new commits can be read in one line of a log.
#[test]
fn subjects_of_commits_are_short() {
    let log = Command::new("git")
        .current_dir(repository())
        .args(["log", "--format=%h %s", &format!("{SUBJECTS_SINCE}..HEAD")])
        .output();
    let Some(log) = log.ok().filter(|log| log.status.success()) else {
        eprintln!("skipped: the history does not reach back to {SUBJECTS_SINCE}");
        return;
    };
    let log = String::from_utf8_lossy(&log.stdout).into_owned();
    let long = log.lines().filter(|line| {
        line.split_once(' ').is_some_and(|(_, subject)| subject.chars().count() > SUBJECT_LETTERS_MAX)
    });
    complain(&long.map(str::to_owned).collect::<Vec<_>>());
}
