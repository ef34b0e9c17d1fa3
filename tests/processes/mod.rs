//! The real binary: real processes, real sockets, real disks.

mod binary;
mod browser;
mod command_line;
mod console_page;
mod demo;
mod outage;
