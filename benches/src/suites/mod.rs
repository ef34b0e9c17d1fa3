//! `troupe bench`: every figure beside its baseline, measured in the same run.

mod alone;
mod cluster;
mod command;
mod failover;
mod http;
mod idle;
mod inside;
mod judging;
mod live;
mod looking;
mod looping;
mod metadata;
mod monitoring;
mod near;
mod rolling;

use command::Name;
pub use command::{Arguments, run};
