//! Time triggers of a workflow.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{Quantity, read_from_tree, words};
use crate::tree::{Fields, Report, Tree};

words! {
    /// A schedule with a name.
    Predefined {
        Hourly = "@hourly",
        Daily = "@daily",
        Weekly = "@weekly",
        Monthly = "@monthly",
        Yearly = "@yearly",
    }
}

impl Predefined {
    /// Its cron expression.
    #[must_use]
    pub fn cron(self) -> &'static str {
        match self {
            Self::Hourly => "0 * * * *",
            Self::Daily => "0 0 * * *",
            Self::Weekly => "0 0 * * 0",
            Self::Monthly => "0 0 1 * *",
            Self::Yearly => "0 0 1 1 *",
        }
    }
}

/// The times of a trigger.
#[derive(Debug, Clone, PartialEq)]
pub enum TriggerTime {
    Cron(String),
    Predefined(Predefined),
}

/// A time trigger; UTC by default.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeTrigger {
    pub time: TriggerTime,
    pub timezone: Option<String>,
    /// The span over which starts are spread; each workflow has a constant delay in it.
    pub fuzzy_max_delay: Option<Quantity>,
}

impl TimeTrigger {
    /// The cron expression.
    #[must_use]
    pub fn cron(&self) -> &str {
        match &self.time {
            TriggerTime::Cron(cron) => cron,
            TriggerTime::Predefined(named) => named.cron(),
        }
    }

    /// The time zone's name.
    #[must_use]
    pub fn timezone_or_default(&self) -> &str {
        self.timezone.as_deref().unwrap_or("UTC")
    }

    pub(crate) fn read(tree: &Tree, path: &str, report: &Report) -> Option<Self> {
        let fields = Fields::of(tree, path, report)?;
        let kind = fields.text("type").map(|kind| kind.to_ascii_uppercase());
        let time = match kind.as_deref() {
            Some("PREDEFINED") => {
                let word =
                    fields.needed("expression", "use one of @hourly, @daily, @weekly, @monthly, @yearly");
                word.and_then(|word| {
                    let prefixed = if word.starts_with('@') { word } else { format!("@{word}") };
                    let named = Predefined::named(&prefixed);
                    if named.is_none() {
                        let fix = "use one of @hourly, @daily, @weekly, @monthly, @yearly";
                        report.add(fields.at("expression"), format!("{prefixed:?} is not known"), fix);
                    }
                    named.map(TriggerTime::Predefined)
                })
            }
            None | Some("CRON") => fields.needed("cron", "write a cron expression").map(TriggerTime::Cron),
            Some(other) => {
                report.add(fields.at("type"), format!("{other:?} is not known"), "use CRON or PREDEFINED");
                None
            }
        };
        let timezone = fields.text("timezone");
        let delay = fields.tree("fuzzy_max_delay");
        let delay = delay.and_then(|tree| Quantity::read(tree, &fields.at("fuzzy_max_delay"), report));
        if time.is_some() {
            fields.finish();
        }
        Some(Self { time: time?, timezone, fuzzy_max_delay: delay })
    }
}

impl Serialize for TimeTrigger {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.time {
            TriggerTime::Cron(cron) => {
                map.serialize_entry("type", "CRON")?;
                map.serialize_entry("cron", cron)?;
            }
            TriggerTime::Predefined(named) => {
                map.serialize_entry("type", "PREDEFINED")?;
                map.serialize_entry("expression", named)?;
            }
        }
        if let Some(timezone) = &self.timezone {
            map.serialize_entry("timezone", timezone)?;
        }
        if let Some(delay) = &self.fuzzy_max_delay {
            map.serialize_entry("fuzzy_max_delay", delay)?;
        }
        map.end()
    }
}

read_from_tree!(TimeTrigger);
