//! The next firing of a time trigger.
//!
//! The fields are those of Unix (`minute hour day-of-month month day-of-week`) or of Quartz (seconds before them, an
//! optional year after them), with lists, ranges, steps, names, `?`, `L`, `W` and `#`. In Unix the days of the week are
//! 0 to 7, and Sunday is 0 and 7. In Quartz they are 1 to 7, and Sunday is 1.
//!
//! Times are civil times of a zone. A time inside a daylight saving gap fires at the end of the gap. A time that occurs
//! twice fires once. A schedule for every hour follows real time instead.

mod days;
mod error;
mod expression;
mod next;
mod schedule;
#[cfg(test)]
mod tests;

pub use error::CronError;
pub use expression::Cron;
pub use schedule::{Schedule, Zone};
