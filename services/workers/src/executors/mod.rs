//! The executors: one module for each kind of task, and the [`dispatch`] among them.

mod ask;
mod child;
mod command;
mod dispatch;
mod http;
mod learning;
mod publish;

pub(super) use dispatch::NAMES;
pub use dispatch::{ExecutorContext, Executors};
