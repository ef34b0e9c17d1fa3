//! What containers share: signals, work queues, directories, and probes of the runtime.

pub mod directory;
mod entities;
pub mod probes;
pub mod signals;
pub mod work_queues;

pub use entities::register;
