//! The binary `troupe`.

mod admin;
mod boot;
mod cli;
mod config;
mod demo;
mod guard;
mod local;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
