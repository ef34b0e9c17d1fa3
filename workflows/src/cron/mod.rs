//! When a time trigger fires next.
//!
//! Fields are those of Unix (`minute hour day-of-month month day-of-week`) or of Quartz (seconds before them, a year
//! after them), with lists, ranges, steps, names, `?`, `L`, `W` and `#`. Times are civil times of a zone: one that a
//! change of the clock skips fires when the gap is over, one that comes twice fires once.

mod schedule;

pub use schedule::{Cron, CronError, Schedule, Zone};
