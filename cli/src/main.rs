//! The binary `troupe`.

use std::process::ExitCode;

fn main() -> ExitCode {
    troupe_cli::run(troupe_actors::registry)
}
