//! Training and evaluation of models from the events that a cluster holds, in a process of their own.

pub mod evaluate;
pub mod train;
