//! The main job: three nodes learn from real interactions, serve, and lose nothing when one is killed.

mod acts;
mod audit;
mod data;
mod figures;
mod live;
mod probe;
mod stage;
mod training;

pub(crate) use acts::{Arguments, run};
