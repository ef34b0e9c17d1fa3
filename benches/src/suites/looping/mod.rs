//! The loop's machinery by itself: workflows on three nodes, and controllers whose node dies.

mod cluster;
mod controllers;
mod samples;
mod workflows;

use cluster::Scene;
pub(crate) use cluster::measure;
