//! Every command with its help.

use std::fmt::Write as _;

use crate::cli;

pub(super) fn page() -> String {
    let mut page = String::from("# Command line\n\n`troupe COMMAND --help` prints the same.\n");
    let mut command = cli::command().term_width(110);
    command.build();
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        describe(&mut page, "troupe", sub);
    }
    page
}

fn describe(page: &mut String, parent: &str, command: &clap::Command) {
    let name = format!("{parent} {}", command.get_name());
    let children: Vec<&clap::Command> =
        command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help").collect();
    let help = command.clone().term_width(110).render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(page, "\n## `{name}`\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
    for child in children {
        describe(page, &name, child);
    }
}
