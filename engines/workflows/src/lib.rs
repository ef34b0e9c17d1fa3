//! Workflows as Maestro's clients write them: what they say, what is wrong with them, and what follows from what has
//! happened so far.
//!
//! Everything here is pure: no clock, no randomness, no IO. Time, seeds and what other steps and signals said come in
//! through [`params::Facts`]; entities hold what these types decide.
//!
//! - [`definition`]: a workflow and its steps, read from JSON or YAML with every problem named by its path.
//! - [`validation`]: what a well formed definition may still have wrong: cycles, unknown steps, expressions, bounds.
//! - [`expression`]: the language of parameters and conditions, a subset of Java in a sandbox with limits.
//! - [`params`]: parameters with types, modes and layers, evaluated in the order of their references.
//! - [`graph`]: which steps may start, which never will, and how an instance ends.
//! - [`status`]: the statuses of steps and instances by Maestro's names.
//! - [`retries`]: how often and how long after a failure a step is tried again.
//! - [`strategy`]: which instances of a workflow run beside each other.
//! - [`signals`]: what steps wait for and raise, and which raises together start a workflow.
//! - [`cron`]: when a time trigger fires next, in its time zone.
//! - [`loops`]: the iterations of a foreach, found by number, and the condition of a while.
//! - [`work`]: what a step's type asks of the world, and what a command's output tells back.
//! - [`bounds`]: every limit by name.

pub mod bounds;
pub mod cron;
pub mod definition;
pub mod expression;
pub mod graph;
pub mod loops;
pub mod params;
pub mod retries;
pub mod signals;
pub mod status;
pub mod strategy;
pub mod tree;
pub mod validation;
pub mod work;

/// A map that keeps the order in which its author wrote it; loops and evaluation go by that order.
pub type Ordered<T> = indexmap::IndexMap<String, T>;
