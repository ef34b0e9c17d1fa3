//! The phase in which a monitor learns its reference.

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::Timestamp;
use troupe_statistics::drift::alert::{Alert, Silence};

use super::active::Active;
use super::findings::Findings;
use super::messages::Row;
use super::spec::MonitorSpec;
use crate::stored::NamedFields;

/// The first rows, and the alert for their absence.
#[derive(Debug, Clone, Encode, Decode, Serialize)]
pub(super) struct Learning {
    #[serde(skip)]
    pub(super) columns: Vec<Vec<f64>>,
    began: Timestamp,
    pub(super) on_stale: NamedFields<Alert>,
}

impl Learning {
    /// `columns` is empty, or has the rows that an older build stored. `None` if the alert's policy is invalid.
    pub(super) fn new(spec: &MonitorSpec, columns: Vec<Vec<f64>>, now: Timestamp) -> Option<Self> {
        Some(Self { columns, began: now, on_stale: NamedFields(Alert::new(spec.stale_policy()).ok()?) })
    }

    pub(super) fn rows(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    /// Takes the missing rows, and returns the rest of the batch.
    pub(super) fn take<'a>(
        &mut self,
        spec: &MonitorSpec,
        rows: &'a [Row],
        now: Timestamp,
        findings: &mut Findings,
    ) -> &'a [Row] {
        findings.fresh(&mut self.on_stale.0, now);
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

    /// The findings of the clock, with this alert: the stored one, or a copy for a decision.
    pub(super) fn tick(
        &self,
        on_stale: &mut Alert,
        spec: &MonitorSpec,
        last: Option<Timestamp>,
        now: Timestamp,
    ) -> Findings {
        let mut findings = Findings::default();
        findings.stale(on_stale, spec, last.unwrap_or(self.began), now);
        findings
    }

    /// The active phase with the learned reference.
    pub(super) fn learned(&self, spec: &MonitorSpec, now: Timestamp) -> Result<Active, String> {
        let empty = self.columns.iter().position(|column| column.iter().all(|x| x.is_nan()));
        if let Some(feature) = empty.and_then(|at| spec.features.get(at)) {
            return Err(format!(
                "the first rows cannot be a reference: {:?} has no value in any of them",
                feature.name
            ));
        }
        let mut learned = Active::new(spec, &self.columns, now)
            .map_err(|error| format!("the first rows cannot be a reference: {error}"))?;
        learned.take_over(&self.on_stale.0);
        Ok(learned)
    }
}
