//! Errors of schedules.

/// An error of a time trigger, with its fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    #[error(
        "cron has {found} fields; write minute hour day-of-month month day-of-week, or seconds before them"
    )]
    Fields { found: usize },
    #[error("cron's {field} {text:?} is not understood; use {fix}")]
    Field { field: &'static str, text: String, fix: String },
    #[error("cron names both a day of the month and a day of the week; write ? for one of them")]
    BothDays,
    #[error("{name:?} is not a time zone; use a name such as Europe/Berlin or UTC")]
    Zone { name: String },
    #[error("fuzzy_max_delay: {text:?} is not a time; write one such as 30 minutes, 30 days at most")]
    Delay { text: String },
    #[error("the schedule never fires; change its day, month or year")]
    Never,
}
