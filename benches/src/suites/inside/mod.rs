//! One node of three runs in this process, so that entities here and elsewhere are asked as its own gateway asks them;
//! the other two are processes.

mod asks;
mod cluster;
mod durable;
mod gaps;
mod moving;
mod writers;

pub(crate) use cluster::measure;
use cluster::{Inside, LOOK_EVERY};
