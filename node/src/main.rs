//! The binary `troupe`.

mod admin;
mod audit;
mod bench;
mod boot;
mod certs;
mod chaos;
mod cli;
mod config;
mod demo;
mod disk;
mod evaluate;
mod figures;
mod guard;
mod join;
mod learn;
mod local;
mod operate;
mod owner;
mod play;
mod probe;
mod secrets;
mod sim;
mod stage;
mod work;
mod workflow;

use std::process::ExitCode;

// Shards hand small allocations from thread to thread, which is what the system's allocator is slowest at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
