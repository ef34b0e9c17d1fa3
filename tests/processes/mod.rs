//! The real binary: real processes, real sockets, real disks.

mod bad_input;
mod bad_models;
mod binary;
mod command_line;
mod demo;
mod http;
mod outage;
mod rebuild;
mod strangers;
