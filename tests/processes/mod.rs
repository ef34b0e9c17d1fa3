//! The real binary: real processes, real sockets, real disks.

mod bad_input;
mod bad_models;
pub(crate) mod binary;
mod browser;
mod certs;
mod command_line;
mod console_page;
mod demo;
mod entity_example;
mod http;
mod judge_pages;
mod outage;
mod placement;
mod rebuild;
mod retrain;
mod run_page;
mod strangers;
mod train;
mod workflow_page;
