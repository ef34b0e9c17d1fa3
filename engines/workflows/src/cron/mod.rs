//! When a time trigger fires next.
//!
//! Fields are those of Unix (`minute hour day-of-month month day-of-week`) or of Quartz (seconds before them, a year
//! after them if need be), with lists, ranges, steps, names, `?`, `L`, `W` and `#`. Days of the week are 0 to 7 in the
//! one, Sunday being 0 and 7, and 1 to 7 in the other, Sunday being 1.
//!
//! Times are civil times of a zone. One that a change of the clocks skips fires when the gap is over; one that comes
//! twice fires once, unless the schedule is for every hour, which goes by real time.

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
