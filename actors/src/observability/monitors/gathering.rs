//! A reference that is being learned.

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::Timestamp;
use troupe_statistics::drift::alert::{Alert, Silence, Verdict};

use super::messages::Row;
use super::spec::MonitorSpec;
use super::watching::{Said, Watching, at_once};
use crate::stored::NamedFields;

/// The first rows, and whether they come at all.
#[derive(Debug, Clone, Encode, Decode, Serialize)]
pub(super) struct Gathering {
    #[serde(skip)]
    pub(super) columns: Vec<Vec<f64>>,
    began: Timestamp,
    pub(super) on_stale: NamedFields<Alert>,
}

impl Gathering {
    /// Columns are those that an older build has gathered, or empty.
    pub(super) fn new(spec: &MonitorSpec, columns: Vec<Vec<f64>>, now: Timestamp) -> Option<Self> {
        Some(Self { columns, began: now, on_stale: NamedFields(Alert::new(at_once(spec)).ok()?) })
    }

    pub(super) fn rows(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    /// Takes as many of the rows as are missing and returns the rest.
    pub(super) fn take<'a>(
        &mut self,
        spec: &MonitorSpec,
        rows: &'a [Row],
        now: Timestamp,
        said: &mut Said,
    ) -> &'a [Row] {
        said.fresh(&mut self.on_stale.0, now);
        let missing = (spec.learned_rows() as usize).saturating_sub(self.rows()).min(rows.len());
        let (reference, rest) = rows.split_at(missing);
        for (at, column) in self.columns.iter_mut().enumerate() {
            let value = |row: &Row| row.values.get(at).copied().flatten().unwrap_or(f64::NAN);
            column.extend(reference.iter().map(value));
        }
        rest
    }

    pub(super) fn silence(&mut self, feature: Option<&str>, silence: Silence) {
        if feature.is_none_or(|feature| feature == "stale") {
            self.on_stale.0.silence(silence);
        }
    }

    pub(super) fn lift(&mut self, feature: Option<&str>, silence: Silence) {
        if feature.is_none_or(|feature| feature == "stale") {
            self.on_stale.0.lift(silence);
        }
    }

    /// What is to be told now, by this alert: the thing itself or a copy.
    pub(super) fn tick(
        &self,
        on_stale: &mut Alert,
        spec: &MonitorSpec,
        last: Option<Timestamp>,
        now: Timestamp,
    ) -> Said {
        let mut said = Said::default();
        said.stale(on_stale, spec, last.unwrap_or(self.began), now);
        said
    }

    /// The judges with their reference.
    pub(super) fn learned(&self, spec: &MonitorSpec, now: Timestamp) -> Result<Watching, String> {
        let empty = self.columns.iter().position(|column| column.iter().all(|x| x.is_nan()));
        if let Some(feature) = empty.and_then(|at| spec.features.get(at)) {
            return Err(format!(
                "the first rows cannot be a reference: {:?} has no value in any of them",
                feature.name
            ));
        }
        let mut learned = Watching::new(spec, &self.columns, now)
            .map_err(|error| format!("the first rows cannot be a reference: {error}"))?;
        learned.go_on(&self.on_stale.0);
        Ok(learned)
    }
}

impl Said {
    /// Rows came.
    pub(super) fn fresh(&mut self, on_stale: &mut Alert, now: Timestamp) {
        let event = on_stale.observe(now.0, Verdict::Good);
        self.alarm("stale", event, now, || "rows come again".to_owned());
    }

    /// Whether rows have come since.
    pub(super) fn stale(
        &mut self,
        on_stale: &mut Alert,
        spec: &MonitorSpec,
        last: Timestamp,
        now: Timestamp,
    ) {
        let Some(after) = spec.stale_after_ms else { return };
        let silent = now.0.saturating_sub(last.0);
        let verdict = if silent > after { Verdict::Bad } else { Verdict::Good };
        let event = on_stale.observe(now.0, verdict);
        self.alarm("stale", event, now, || format!("no row for {silent} ms; {after} are allowed"));
    }
}
