//! The windows and alarms that one fold produced.

use troupe_runtime::Timestamp;
use troupe_statistics::drift::alert::{Alert, AlertEvent, Verdict};

use super::spec::MonitorSpec;
use super::window::{Alarm, Window};

/// The output of one fold.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) windows: Vec<Window>,
    pub(super) alarms: Vec<Alarm>,
}

impl Findings {
    pub(super) fn merge(&mut self, other: Self) {
        self.windows.extend(other.windows);
        self.alarms.extend(other.alarms);
    }

    pub(super) fn alarm(
        &mut self,
        what: &str,
        event: Option<AlertEvent>,
        now: Timestamp,
        why: impl FnOnce() -> String,
    ) {
        let (fired, since_ms) = match event {
            None => return,
            Some(AlertEvent::Fired { since_ms }) => (true, since_ms),
            Some(AlertEvent::Resolved { since_ms }) => (false, since_ms),
        };
        let since = Timestamp(since_ms);
        self.alarms.push(Alarm { at: now, what: what.to_owned(), fired, since, why: why() });
    }

    /// Rows arrived: resolves the `stale` alarm.
    pub(super) fn fresh(&mut self, on_stale: &mut Alert, now: Timestamp) {
        let event = on_stale.observe(now.0, Verdict::Good);
        self.alarm("stale", event, now, || "rows arrive again".to_owned());
    }

    /// Fires the `stale` alarm if rows have been absent for too long.
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
