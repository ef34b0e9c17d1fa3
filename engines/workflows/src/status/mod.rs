//! The statuses of steps and instances, by Maestro's names.

mod instance;
mod step;
#[cfg(test)]
mod tests;

pub use instance::InstanceStatus;
pub use step::StepStatus;
