//! Workflows in Maestro's format: their definition, validation, and the next actions of a running instance.
//!
//! All code here is pure: no clock, no randomness, no IO. Time, seeds and the values of other steps and signals are
//! inputs through [`params::Facts`]. Entities store the decisions.
//!
//! - [`definition`]: a workflow and its steps, read from JSON or YAML with every problem named by its path.
//! - [`validation`]: checks of a well formed definition: cycles, unknown steps, expressions, limits.
//! - [`expression`]: the language of parameters and conditions, a subset of Java in a sandbox with limits.
//! - [`params`]: parameters with types, modes and layers, evaluated in the order of their references.
//! - [`graph`]: the steps that may start, those that never will, and the end of an instance.
//! - [`status`]: the statuses of steps and instances by Maestro's names.
//! - [`retries`]: count and delay of retries.
//! - [`strategy`]: concurrency of a workflow's instances.
//! - [`signals`]: signals that steps wait for and raise, and the joins that start a workflow.
//! - [`cron`]: the next firing of a time trigger in its time zone.
//! - [`loops`]: the iterations of a foreach, found by number, and the condition of a while.
//! - [`work`]: the work of each step type, and the output of commands.
//! - [`bounds`]: all limits by name.

#![warn(clippy::disallowed_methods)]

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

/// A map in the author's order; loops and evaluation follow that order.
pub type Ordered<T> = indexmap::IndexMap<String, T>;
