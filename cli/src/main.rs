//! The binary `troupe`.

mod certs;
mod chaos;
mod cli;
mod operate;
mod sim;
mod workflow;

use std::process::ExitCode;

// Shards hand small allocations from thread to thread, which is what the system's allocator is slowest at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
