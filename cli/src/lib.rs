//! The command line, for the binary `troupe` and for binaries with kinds of their own.

mod certs;
mod chaos;
mod cli;
mod operate;
mod sim;
mod workflow;

pub use cli::run;

// Shards hand small allocations from thread to thread, where the system's allocator is slowest.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
