//! Every key of `cluster.toml` with its default, from the repository's own file, which a test holds to the defaults.

use std::fmt::Write as _;

const FILE: &str = include_str!("../../../cluster.toml");

pub(super) fn page() -> String {
    let mut page = String::from("# Configuration\n\n");
    let (mut story, mut in_table) = (Vec::new(), false);
    for line in FILE.lines() {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            story.push(comment.trim());
        } else if line.is_empty() {
            // What stands before the first table is of the whole file.
            if !in_table && !story.is_empty() {
                let _ = write!(page, "{}\n\n", story.join(" "));
                story.clear();
            }
        } else if line.starts_with('[') {
            // The nodes are listed one after the other: the first explains the keys of all.
            if page.contains(&format!("## `{line}`")) {
                break;
            }
            in_table = true;
            let _ = write!(
                page,
                "{}## `{line}`\n\n{}\n\n",
                if page.ends_with("|\n") { "\n" } else { "" },
                story.join(" ")
            );
            page.push_str("| key | default | meaning |\n| --- | --- | --- |\n");
            story.clear();
        } else if let Some((key, value)) = line.split_once('=') {
            let _ = writeln!(
                page,
                "| `{}` | `{}` | {} |",
                key.trim(),
                value.trim(),
                story.join(" ").replace('|', "\\|")
            );
            story.clear();
        }
    }
    page
}
