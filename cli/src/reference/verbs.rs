//! Every kind and its verbs.

use std::fmt::Write as _;

use troupe_runtime::entity::{KindSpec, Placement, VerbSpec};

pub(super) fn page() -> String {
    let mut page = String::from(
        "# Kinds and verbs\n\n\
         Every entity is sent messages at `POST /v1/actors/{kind}/{key}/{verb}`; a verb without its version means the \
         newest one. A repeatable command changes no more when it is decided twice, so the router may send it again \
         without an `Idempotency-Key`. The fields of a message and of its reply are described at their types \
         (`cargo doc --open`).\n",
    );
    for kind in troupe_actors::registry().kinds() {
        section(&mut page, kind);
    }
    page
}

fn section(page: &mut String, kind: &KindSpec) {
    let placement = match kind.placement {
        Placement::Sharded => "In the data shard of its key.",
        Placement::Control => "In the control group, readable on every node.",
    };
    let _ = write!(page, "\n## `{}`\n\n{placement}\n\n", kind.name);
    page.push_str("| verb | is a | repeatable | message | reply |\n| --- | --- | --- | --- | --- |\n");
    for verb in kind.verbs.values() {
        let _ = writeln!(page, "{}", row(verb));
    }
}

fn row(verb: &VerbSpec) -> String {
    let (is, repeatable) = match (verb.is_command(), verb.repeatable) {
        (false, _) => ("query", ""),
        (true, true) => ("command", "yes"),
        (true, false) => ("command", "no"),
    };
    format!("| `{}` | {is} | {repeatable} | `{}` | `{}` |", verb.name, short(verb.message), short(verb.reply))
}

/// A type's path without the modules of each of its parts: `Vec<Row>`.
fn short(path: &str) -> String {
    let (mut out, mut part) = (String::new(), String::new());
    for letter in path.chars() {
        if letter.is_alphanumeric() || matches!(letter, '_' | ':') {
            part.push(letter);
        } else {
            out.push_str(part.rsplit("::").next().unwrap_or_default());
            part.clear();
            out.push(letter);
        }
    }
    out.push_str(part.rsplit("::").next().unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn modules_are_left_out_of_every_part_of_a_type() {
        for (path, expected) in [
            ("a::b::Record", "Record"),
            ("alloc::vec::Vec<core::option::Option<f64>>", "Vec<Option<f64>>"),
            ("(a::B, alloc::string::String)", "(B, String)"),
            ("()", "()"),
        ] {
            assert_eq!(super::short(path), expected);
        }
    }
}
