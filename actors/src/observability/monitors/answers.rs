//! The queries of a monitor.

use troupe_runtime::entity::Answer;
use troupe_runtime::{Context, Refused};
use troupe_statistics::drift::DriftError;
use troupe_statistics::drift::batch::{
    Bins, Histogram, KsMethod, ks_two_sample, mann_whitney, wasserstein, wasserstein_normed,
};

use super::messages::{Compare, Compared, GetMonitor, MonitorView};
use super::state::{Monitor, Phase};

/// Maximum number of numbers of one side of a comparison.
const COMPARED_MAX: usize = 100_000;

impl Answer<GetMonitor> for Monitor {
    fn answer(&self, ask: &GetMonitor, ctx: &Context<'_>) -> Result<MonitorView, Refused> {
        let (phase, words) = match &self.phase {
            Phase::Undefined => ("undefined", String::new()),
            Phase::LegacyLearning(_) | Phase::Learning(_) => {
                let rows = match &self.phase {
                    Phase::Learning(learning) => learning.rows(),
                    _ => 0,
                };
                ("learning", format!("{rows} of {} rows of the reference", self.spec.0.learned_rows()))
            }
            Phase::Active(_) => ("watching", String::new()),
            Phase::Failed(why) => ("failed", why.clone()),
        };
        let active = if let Phase::Active(active) = &self.phase { Some(&active.0) } else { None };
        let skipped = ask.windows.map_or(0, |wanted| self.windows.len().saturating_sub(wanted as usize));
        Ok(MonitorView {
            spec: self.spec.clone(),
            phase: phase.to_owned(),
            words,
            observed: self.observed,
            last: self.last,
            firing: match &self.phase {
                Phase::Active(active) => active.0.firing(),
                Phase::Learning(learning) if learning.on_stale.0.is_firing() => vec!["stale".to_owned()],
                _ => Vec::new(),
            },
            windows: self.windows.iter().skip(skipped).cloned().collect(),
            alarms: self.alarms.iter().cloned().collect(),
            silences: self.silences.iter().filter(|silence| silence.until > ctx.now).cloned().collect(),
            waiting: active.map_or(0, |active| active.waiting() as u64),
        })
    }
}

impl Answer<Compare> for Monitor {
    fn answer(&self, ask: &Compare, _ctx: &Context<'_>) -> Result<Compared, Refused> {
        for (field, sample) in [("reference", &ask.reference), ("current", &ask.current)] {
            if sample.len() > COMPARED_MAX {
                let why = format!("{field} must be at most {COMPARED_MAX} numbers");
                return Err(Refused::field("TOO_MANY", field, why));
            }
        }
        compare(ask).map_err(|error| Refused::field("NOT_COMPARABLE", error.field(), error.to_string()))
    }
}

fn compare(ask: &Compare) -> Result<Compared, DriftError> {
    let (reference, current) = (&ask.reference, &ask.current);
    let ks = ks_two_sample(reference, current, KsMethod::Auto)?;
    let bins = Bins::over(reference, ask.bins as usize)?;
    let bins_compared = Histogram::of(bins.clone(), reference).compare(&Histogram::of(bins, current))?;
    let bins_compared = bins_compared.ok_or(DriftError::TooFew { field: "current", least: 1 })?;
    Ok(Compared {
        ks: (ks.statistic, ks.p_value),
        chi_square_p: bins_compared.p_value,
        psi: (bins_compared.psi, bins_compared.psi_threshold),
        jensen_shannon: bins_compared.jensen_shannon,
        hellinger: bins_compared.hellinger,
        wasserstein: wasserstein(reference, current)?,
        wasserstein_normed: wasserstein_normed(reference, current).ok(),
        mann_whitney_p: mann_whitney(reference, current).ok().map(|test| test.p_value),
    })
}
