//! From text to a configuration, or to everything that is wrong with it.

use std::path::Path;

use serde::de::DeserializeOwned;
use toml::{Table, Value};
use troupe_actors::feature_store::catalog::{FeatureConfig, FeatureGroupConfig};
use troupe_runtime::config::{Problem, Section};

use super::features;
use super::file::Config;
use super::nodes::{self, NodeTable};
use super::probe::{probe, table};

/// Tables that a file may have.
const TABLES: [&str; 16] = [
    "cluster",
    "log",
    "raft",
    "shard",
    "placement",
    "supervision",
    "wal",
    "store",
    "transport",
    "gateway",
    "metadata",
    "serving",
    "lake",
    "work",
    "nodes",
    "features",
];

/// Reads a configuration; absent tables and keys have their defaults.
pub fn load(path: &Path) -> Result<Config, Vec<Problem>> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        vec![Problem::new(path.display().to_string(), format!("cannot be read: {error}"))]
    })?;
    parse(&text).map_err(|mut problems| {
        problems.sort();
        problems
    })
}

/// The folder that a configuration's relative paths start from: the file's own.
pub fn base_of(file: &Path) -> &Path {
    file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Reads and checks a text: unknown keys, wrong types and impossible values, all of them.
pub(super) fn parse(text: &str) -> Result<Config, Vec<Problem>> {
    let document: Table = text
        .parse()
        .map_err(|error: toml::de::Error| vec![Problem::new("syntax", error.to_string().trim())])?;
    let mut problems = Vec::new();
    for key in document.keys().filter(|key| !TABLES.contains(&key.as_str())) {
        let what = format!("unknown table, expected one of {}", TABLES.join(", "));
        problems.push(Problem::new(key, what));
    }
    let config = Config {
        cluster: section(&document, "cluster", &mut problems),
        log: section(&document, "log", &mut problems),
        raft: section(&document, "raft", &mut problems),
        shard: section(&document, "shard", &mut problems),
        placement: section(&document, "placement", &mut problems),
        supervision: section(&document, "supervision", &mut problems),
        wal: section(&document, "wal", &mut problems),
        store: section(&document, "store", &mut problems),
        transport: section(&document, "transport", &mut problems),
        gateway: section(&document, "gateway", &mut problems),
        metadata: section(&document, "metadata", &mut problems),
        serving: section(&document, "serving", &mut problems),
        lake: section(&document, "lake", &mut problems),
        work: section(&document, "work", &mut problems),
        nodes: read_nodes(&document, &mut problems),
        features: read_features(&document, &mut problems),
    };
    if problems.is_empty() { Ok(config) } else { Err(problems) }
}

fn section<T: Section + Default + DeserializeOwned>(
    document: &Table,
    name: &str,
    problems: &mut Vec<Problem>,
) -> T {
    let read = match document.get(name) {
        None => T::default(),
        Some(Value::Table(table)) => probe(table, &Table::new(), &[], name, problems).unwrap_or_default(),
        Some(other) => {
            problems.push(Problem::new(name, format!("must be a table, is {}", other.type_str())));
            T::default()
        }
    };
    // A key that could not be read has its default here, which is sound, so nothing is reported twice.
    read.validate(name, problems);
    read
}

/// The tables of an array, each with its path.
fn array<'a>(document: &'a Table, name: &str, problems: &mut Vec<Problem>) -> Vec<(String, &'a Table)> {
    let Some(value) = document.get(name) else { return Vec::new() };
    let Value::Array(values) = value else {
        problems.push(Problem::new(name, format!("must be tables: write [[{name}]]")));
        return Vec::new();
    };
    let mut tables = Vec::new();
    for (at, value) in values.iter().enumerate() {
        match value {
            Value::Table(table) => tables.push((format!("{name}[{at}]"), table)),
            other => {
                let what = format!("must be a table, is {}", other.type_str());
                problems.push(Problem::new(format!("{name}[{at}]"), what));
            }
        }
    }
    tables
}

fn read_nodes(document: &Table, problems: &mut Vec<Problem>) -> Vec<NodeTable> {
    if !document.contains_key("nodes") {
        return Config::default().nodes;
    }
    let text = |text: &str| Value::String(text.to_owned());
    let base = table([
        ("id", Value::Integer(1)),
        ("name", text("n")),
        ("mesh", text("127.0.0.1:1")),
        ("gateway", text("127.0.0.1:1")),
        ("admin", text("127.0.0.1:1")),
    ]);
    let required = ["id", "name", "mesh", "gateway", "admin"];
    let before = problems.len();
    let nodes: Vec<NodeTable> = array(document, "nodes", problems)
        .into_iter()
        .filter_map(|(path, node)| probe(node, &base, &required, &path, problems))
        .collect();
    // Places in the list are named by their number, which holds only when none was left out.
    if problems.len() == before {
        nodes::validate(&nodes, problems);
    }
    nodes
}

fn read_features(document: &Table, problems: &mut Vec<Problem>) -> Vec<FeatureGroupConfig> {
    if !document.contains_key("features") {
        return features::defaults();
    }
    let text = |text: &str| Value::String(text.to_owned());
    let feature = table([("name", text("f")), ("op", text("count"))]);
    let base = table([
        ("group", text("g")),
        ("entity", text("member")),
        ("features", Value::Array(vec![Value::Table(feature.clone())])),
    ]);
    let mut groups: Vec<FeatureGroupConfig> = Vec::new();
    for (path, group) in array(document, "features", problems) {
        let before = problems.len();
        for (inner, table) in array(group, "features", problems) {
            let inner = format!("{path}.{inner}");
            let _: Option<FeatureConfig> = probe(table, &feature, &["name", "op"], &inner, problems);
        }
        // What is wrong within the features has been reported; the group is judged without them.
        let mut rest = group.clone();
        if problems.len() > before {
            rest.insert("features".to_owned(), Value::Array(vec![Value::Table(feature.clone())]));
        }
        let read: Option<FeatureGroupConfig> =
            probe(&rest, &base, &["group", "entity", "features"], &path, problems);
        let Some(read) = read else { continue };
        if problems.len() == before {
            read.validate(&path, problems);
        }
        if groups.iter().any(|other| other.group == read.group) {
            problems.push(Problem::new(format!("{path}.group"), format!("{:?} is there twice", read.group)));
        }
        groups.push(read);
    }
    groups
}
