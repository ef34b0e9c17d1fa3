//! The main job: three nodes learn from real interactions, serve, and lose nothing when one is killed.

mod acts;
mod closing;
mod live;

pub use acts::{Arguments, run};
