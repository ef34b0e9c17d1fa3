//! Shared entities of the containers: signals, work queues, directories, and probes of the runtime.

pub mod directory;
mod kinds;
pub mod probes;
pub mod signals;
pub mod work_queues;

pub use kinds::register;
