//! Decides labels and the timer: both can end windows without a row.
//! Labels are judged with the rows' window. Without rows, they are judged as soon as they fill a window, or some time
//! after they suffice for a judgment. So a fall of accuracy fires an alarm even if the model gets no more requests.

use troupe_runtime::entity::Timer;
use troupe_runtime::{Context, Decide, Decision, Refused, Timestamp};
use troupe_statistics::drift::level::Level;

use super::active::Active;
use super::findings::Findings;
use super::messages::{Label, Tick};
use super::spec::MonitorSpec;
use super::state::{Event, Monitor, Phase};

/// Milliseconds without a row after which labels are judged alone.
const LABELS_WAIT_MS: u64 = 60_000;
const TIMER: &str = "labels";

/// The results of the clock.
#[derive(Default)]
struct ClockFindings {
    findings: Findings,
    /// The findings of the labels, if they are due.
    labels: Option<Findings>,
    /// The due time of enough labels, if rows have postponed it.
    labels_due: Option<Timestamp>,
}

fn labels_wait_ms(spec: &MonitorSpec) -> u64 {
    spec.window_ms.unwrap_or(LABELS_WAIT_MS)
}

impl Monitor {
    /// The findings of the clock, on a copy of the judges.
    fn would_tick(&self, now: Timestamp) -> ClockFindings {
        let spec = &self.spec.0;
        match &self.phase {
            Phase::Active(active) => {
                let mut active = active.0.clone();
                let findings = active.tick(spec, self.last, now);
                let mut moved = ClockFindings { findings, ..ClockFindings::default() };
                if active.labelled() >= Level::LEAST {
                    let due = self.last.map_or(now, |last| Timestamp(last.0 + labels_wait_ms(spec)));
                    if due <= now {
                        moved.labels = Some(active.close_labels(spec.features.len(), now));
                    } else {
                        moved.labels_due = Some(due);
                    }
                }
                moved
            }
            Phase::Learning(learning) => {
                let mut on_stale = learning.on_stale.0.clone();
                let findings = learning.tick(&mut on_stale, spec, self.last, now);
                ClockFindings { findings, ..ClockFindings::default() }
            }
            _ => ClockFindings::default(),
        }
    }

    /// The findings of the labels, on a copy of the judges, if this label fills a window.
    fn would_judge(&self, active: &Active, ask: &Label, now: Timestamp) -> Option<Findings> {
        let window = u64::from(self.spec.0.options.window).max(Level::LEAST);
        if active.labelled() + 1 < window {
            return None;
        }
        let mut active = active.clone();
        active.label(&ask.key, ask.positive, now);
        let whole = active.labelled() >= window;
        whole.then(|| active.close_labels(self.spec.0.features.len(), now))
    }
}

impl Decide<Label> for Monitor {
    fn decide(&self, ask: &Label, ctx: &Context<'_>) -> Decision<Self, Label> {
        let Phase::Active(active) = &self.phase else {
            return Decision::refuse(Refused::new("NOT_WATCHING", "the monitor has no reference yet"));
        };
        let active = &active.0;
        if !active.joins_labels() {
            let why = "the monitor joins no labels: define it with spec.labels";
            return Decision::refuse(Refused::new("NO_LABELS", why));
        }
        let waits = active.waits_for(&ask.key);
        let decision = Decision::event(Event::Labelled(ask.clone(), ctx.now));
        if !waits {
            return decision.reply(false);
        }
        if let Some(findings) = self.would_judge(active, ask, ctx.now) {
            let decision = decision.and(Event::LabelsJudged(ctx.now));
            return self.tell(decision, &findings.alarms, ctx.key).reply(true);
        }
        // A monitor with a regular timer judges its labels at that timer.
        if active.labelled() + 1 == Level::LEAST && self.spec.0.wakes_every_ms().is_none() {
            let due = Timestamp(ctx.now.0 + labels_wait_ms(&self.spec.0));
            return decision.set_timer(TIMER, Timer::once(due, &Tick {})).reply(true);
        }
        decision.reply(true)
    }
}

impl Decide<Tick> for Monitor {
    fn decide(&self, _ask: &Tick, ctx: &Context<'_>) -> Decision<Self, Tick> {
        let ClockFindings { findings, labels, labels_due } = self.would_tick(ctx.now);
        let older = matches!(self.phase, Phase::LegacyLearning(_));
        let ended = self.silences.iter().any(|silence| silence.until <= ctx.now);
        let mut decision = Decision::unchanged();
        if !(findings.windows.is_empty() && findings.alarms.is_empty()) || ended || older {
            decision = self.tell(decision.and(Event::Ticked(ctx.now)), &findings.alarms, ctx.key);
        }
        if let Some(labels) = labels {
            decision = self.tell(decision.and(Event::LabelsJudged(ctx.now)), &labels.alarms, ctx.key);
        }
        if let Some(due) = labels_due.filter(|_| self.spec.0.wakes_every_ms().is_none()) {
            decision = decision.set_timer(TIMER, Timer::once(due, &Tick {}));
        }
        decision.reply(())
    }
}
