//! The command line, for the binary `troupe` and for binaries with kinds of their own.

mod allocator;
mod certs;
mod chaos;
mod cli;
mod operate;
mod reference;
mod sim;
mod workflow;

pub use cli::run;
