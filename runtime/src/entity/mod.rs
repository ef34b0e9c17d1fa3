//! Entities: what a virtual actor is, decides and stores.
//!
//! An entity's state is the fold of its events. A command is decided against the state and yields events, effects and
//! a reply; a query yields only a reply. All of it is pure: time, seeds and the cluster's settings arrive in
//! [`Context`].

mod body;
mod context;
mod decision;
mod erased;
mod names;
mod registry;
mod timer;
mod traits;

pub use body::BodyError;
pub use context::{Context, Globals};
pub use decision::{Decision, Effect};
pub use erased::{Cell, Decided};
pub use names::Names;
pub use registry::{Action, Ask, FromJson, KindSpec, Registry, Restore, Run, ToJson, VerbSpec};
pub use timer::{CatchUp, TIMER_EVERY_MIN, TIMER_NAME_BYTES_MAX, Timer, Timers, TimersByName};
pub use traits::{Answer, Command, Decide, Entity, FaultPolicy, Placement, Query, Wire};
