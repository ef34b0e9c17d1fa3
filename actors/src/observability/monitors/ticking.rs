//! What comes of labels and of the clock: windows that no row ends.
//!
//! Labels are judged with the rows' window. Where rows do not come, they are judged as soon as they are as many as a
//! window has, or a while after they are enough to say anything: a fall of accuracy is told though nobody asks the model
//! any more.

use troupe_runtime::entity::Timer;
use troupe_runtime::{Context, Decide, Decision, Refused, Timestamp};
use troupe_statistics::drift::level::Level;

use super::messages::{Label, Tick};
use super::spec::MonitorSpec;
use super::state::{Event, Monitor, Phase};
use super::watching::{Said, Watching};

/// Milliseconds without a row after which labels are judged without one.
const LABELS_WAIT_MS: u64 = 60_000;
const TIMER: &str = "labels";

/// What the clock moves.
#[derive(Default)]
struct Moved {
    said: Said,
    /// What the labels come to, if they are due.
    labels: Option<Said>,
    /// When labels that are enough are due, if rows have come since.
    labels_due: Option<Timestamp>,
}

fn labels_wait_ms(spec: &MonitorSpec) -> u64 {
    spec.window_ms.unwrap_or(LABELS_WAIT_MS)
}

impl Monitor {
    /// What comes of the clock, on a copy.
    fn would_tick(&self, now: Timestamp) -> Moved {
        let spec = &self.spec.0;
        match &self.phase {
            Phase::Watching(watching) => {
                let mut watching = watching.0.clone();
                let said = watching.tick(spec, self.last, now);
                let mut moved = Moved { said, ..Moved::default() };
                if watching.labelled() >= Level::LEAST {
                    let due = self.last.map_or(now, |last| Timestamp(last.0 + labels_wait_ms(spec)));
                    if due <= now {
                        moved.labels = Some(watching.close_labels(spec.features.len(), now));
                    } else {
                        moved.labels_due = Some(due);
                    }
                }
                moved
            }
            Phase::Gathering(gathering) => {
                let mut on_stale = gathering.on_stale.0.clone();
                let said = gathering.tick(&mut on_stale, spec, self.last, now);
                Moved { said, ..Moved::default() }
            }
            _ => Moved::default(),
        }
    }

    /// What the label leads to, on a copy, if the labels are a window with it.
    fn would_judge(&self, watching: &Watching, ask: &Label, now: Timestamp) -> Option<Said> {
        let window = u64::from(self.spec.0.options.window).max(Level::LEAST);
        if watching.labelled() + 1 < window {
            return None;
        }
        let mut watching = watching.clone();
        watching.label(&ask.key, ask.positive, now);
        let whole = watching.labelled() >= window;
        whole.then(|| watching.close_labels(self.spec.0.features.len(), now))
    }
}

impl Decide<Label> for Monitor {
    fn decide(&self, ask: &Label, ctx: &Context<'_>) -> Decision<Self, Label> {
        let Phase::Watching(watching) = &self.phase else {
            return Decision::refuse(Refused::new("NOT_WATCHING", "the monitor has no reference yet"));
        };
        let watching = &watching.0;
        if !watching.joins_labels() {
            let why = "the monitor joins no labels: define it with spec.labels";
            return Decision::refuse(Refused::new("NO_LABELS", why));
        }
        let waits = watching.waits_for(&ask.key);
        let decision = Decision::event(Event::Labelled(ask.clone(), ctx.now));
        if !waits {
            return decision.reply(false);
        }
        if let Some(said) = self.would_judge(watching, ask, ctx.now) {
            let decision = decision.and(Event::LabelsJudged(ctx.now));
            return self.tell(decision, &said.alarms, ctx.key).reply(true);
        }
        // A monitor that wakes by itself looks at its labels as well.
        if watching.labelled() + 1 == Level::LEAST && self.spec.0.wakes_every_ms().is_none() {
            let due = Timestamp(ctx.now.0 + labels_wait_ms(&self.spec.0));
            return decision.set_timer(TIMER, Timer::once(due, &Tick {})).reply(true);
        }
        decision.reply(true)
    }
}

impl Decide<Tick> for Monitor {
    fn decide(&self, _ask: &Tick, ctx: &Context<'_>) -> Decision<Self, Tick> {
        let Moved { said, labels, labels_due } = self.would_tick(ctx.now);
        let older = matches!(self.phase, Phase::Learning(_));
        let ended = self.silences.iter().any(|silence| silence.until <= ctx.now);
        let mut decision = Decision::unchanged();
        if !(said.windows.is_empty() && said.alarms.is_empty()) || ended || older {
            decision = self.tell(decision.and(Event::Ticked(ctx.now)), &said.alarms, ctx.key);
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
