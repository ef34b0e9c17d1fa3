//! The state of a monitor, and its decisions.

use std::collections::{BTreeMap, VecDeque};

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::{CatchUp, Timer};
use troupe_runtime::text::cut;
use troupe_runtime::{Address, Command, Context, Decide, Decision, Entity, Refused, Timestamp};
use troupe_statistics::drift::alert;

use super::active::Active;
use super::findings::Findings;
use super::learning::Learning;
use super::messages::{DefineMonitor, Label, Lift, MemberEvent, Observe, Observed, Row, Silence, Tick};
use super::prepared_fold::{Prepared, PreparedFold};
use super::rows;
use super::spec::{self, MONITOR_ALARMS, MonitorSpec};
use super::window::{Alarm, Window};
use crate::coordination::directory::{Directory, Entry, Upsert};
use crate::coordination::signals::{Raise, Signal};
use crate::stored::NamedFields;

/// Retention of windows, counted in windows times features.
const CELLS_MAX: usize = 10_000;
const ALARMS_MAX: usize = 256;
const SILENCES_MAX: usize = 64;
const TIMER: &str = "tick";

/// The phase of a monitor.
#[derive(Debug, Default, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// Never defined.
    #[default]
    Undefined,
    /// The columns of the first rows, as an older build stored them. The next event turns this into `Learning`.
    #[serde(rename = "learning")]
    LegacyLearning(#[serde(skip)] Vec<Vec<f64>>),
    /// Has a reference and judges windows.
    #[serde(rename = "watching")]
    Active(Box<NamedFields<Active>>),
    /// Its first rows cannot be a reference.
    Failed(String),
    /// Learns its reference from its first rows.
    Learning(Box<Learning>),
}

/// One monitor.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Monitor {
    pub(super) spec: NamedFields<MonitorSpec>,
    pub(super) phase: Phase,
    pub(super) observed: u64,
    pub(super) last: Option<Timestamp>,
    pub(super) windows: VecDeque<Window>,
    pub(super) alarms: VecDeque<Alarm>,
    pub(super) silences: Vec<Silence>,
    #[serde(skip)]
    prepared: PreparedFold,
}

/// What happened to a monitor.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// Defined, at this time.
    Defined(Box<DefineMonitor>, Timestamp),
    /// Rows were observed.
    Observed(Vec<Row>, Timestamp),
    /// A label arrived.
    Labelled(Label, Timestamp),
    /// A silence was added.
    Silenced(Silence),
    /// A silence was removed.
    Lifted(Silence),
    /// The clock changed something.
    Ticked(Timestamp),
    /// The labels were judged without waiting for rows.
    LabelsJudged(Timestamp),
}

impl Monitor {
    /// Folds rows and returns the findings.
    fn fold(&mut self, rows: &[Row], now: Timestamp) -> Findings {
        self.convert_legacy(now);
        match &mut self.phase {
            Phase::Undefined | Phase::Failed(_) | Phase::LegacyLearning(_) => Findings::default(),
            Phase::Learning(learning) => {
                let mut findings = Findings::default();
                let rest = learning.take(&self.spec.0, rows, now, &mut findings);
                if learning.rows() < self.spec.0.learned_rows() as usize {
                    return findings;
                }
                let learned = learning.learned(&self.spec.0, now);
                self.begin(learned);
                if !rest.is_empty() {
                    findings.merge(self.fold(rest, now));
                }
                findings
            }
            Phase::Active(active) => active.0.observe(rows, now),
        }
    }

    /// Converts the rows of an older build; the time without rows counts from now.
    fn convert_legacy(&mut self, now: Timestamp) {
        if let Phase::LegacyLearning(columns) = &mut self.phase {
            let columns = std::mem::take(columns);
            self.learn(columns, now);
        }
    }

    fn learn(&mut self, columns: Vec<Vec<f64>>, now: Timestamp) {
        self.phase = match Learning::new(&self.spec.0, columns, now) {
            Some(learning) => Phase::Learning(Box::new(learning)),
            None => Phase::Failed("its alerts can never fire or never resolve".to_owned()),
        };
    }

    fn begin(&mut self, learned: Result<Active, String>) {
        self.phase = match learned {
            Ok(mut active) => {
                for silence in &self.silences {
                    active.silence(silence.feature.as_deref(), span(silence));
                }
                Phase::Active(Box::new(NamedFields(active)))
            }
            Err(why) => Phase::Failed(why),
        };
    }

    fn judge_labels(&mut self, now: Timestamp) {
        if let Phase::Active(active) = &mut self.phase {
            let findings = active.0.close_labels(self.spec.0.features.len(), now);
            self.keep(findings);
        }
    }

    /// Folds the clock and returns the findings.
    fn tick(&mut self, now: Timestamp) -> Findings {
        let last = self.last;
        match &mut self.phase {
            // The decision had no alarms for this phase, so the fold must not add any. The next tick reports
            // them.
            Phase::LegacyLearning(_) => {
                self.convert_legacy(now);
                Findings::default()
            }
            Phase::Active(active) => active.0.tick(&self.spec.0, last, now),
            Phase::Learning(learning) => {
                let mut on_stale = learning.on_stale.0.clone();
                let findings = learning.tick(&mut on_stale, &self.spec.0, last, now);
                learning.on_stale.0 = on_stale;
                findings
            }
            _ => Findings::default(),
        }
    }

    fn keep(&mut self, findings: Findings) {
        self.windows.extend(findings.windows);
        let windows_max = (CELLS_MAX / self.spec.0.features.len().max(1)).max(1);
        while self.windows.len() > windows_max {
            self.windows.pop_front();
        }
        findings.alarms.into_iter().for_each(|alarm| self.alarms.push_front(alarm));
        self.alarms.truncate(ALARMS_MAX);
    }

    /// The alarms that a fold of these rows produces, computed on a copy: the decision needs them, because effects are
    /// part of the log entry that causes them.
    fn expected_alarms(&self, rows: &[Row], now: Timestamp) -> Vec<Alarm> {
        match &self.phase {
            Phase::Active(active) if active.0.may_speak(&self.spec.0, rows.len()) => {
                let mut active = active.0.clone();
                let findings = active.observe(rows, now);
                let alarms = findings.alarms.clone();
                self.prepared.keep(Prepared::new(rows, now, active, findings));
                alarms
            }
            Phase::Learning(learning) => {
                let whole = learning.rows() + rows.len() > self.spec.0.learned_rows() as usize;
                if !whole && !learning.on_stale.0.is_raised() {
                    return Vec::new();
                }
                let mut copy = Self {
                    spec: self.spec.clone(),
                    silences: self.silences.clone(),
                    phase: Phase::Learning(learning.clone()),
                    ..Self::default()
                };
                copy.fold(rows, now).alarms
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn tell<C: Command>(
        &self,
        mut decision: Decision<Self, C>,
        alarms: &[Alarm],
        key: &str,
    ) -> Decision<Self, C> {
        let Some(signal) = &self.spec.0.signal else { return decision };
        for alarm in alarms.iter().filter(|alarm| alarm.fired) {
            let from = format!("{}/{key}", Self::KIND);
            let params = BTreeMap::from([
                ("what".to_owned(), alarm.what.clone()),
                ("why".to_owned(), cut(&alarm.why, 200)),
                ("since".to_owned(), alarm.since.0.to_string()),
                ("subject".to_owned(), self.spec.0.subject.clone()),
            ]);
            let id = format!("{}@{}", alarm.what, alarm.at.0);
            let raise = Raise { id, from: cut(&from, 256), at: alarm.at, params };
            decision = decision.tell(Address::of::<Signal>(signal.clone()), &raise);
        }
        decision
    }

    fn list<C: Command>(decision: Decision<Self, C>, spec: &MonitorSpec, key: &str) -> Decision<Self, C> {
        let entry = Entry {
            key: key.to_owned(),
            state: "on".to_owned(),
            about: spec.subject.clone(),
            topics: spec.feed.iter().map(|feed| feed.event.clone()).collect(),
            share: spec.feed.as_ref().map_or(0.0, |feed| feed.share),
            due: None,
        };
        decision.tell(Directory::of::<Self>(), &Upsert { entry })
    }

    fn check(&self, rows: &[Row]) -> Result<(), Refused> {
        match &self.phase {
            Phase::Undefined => Err(Refused::new("UNDEFINED", "define the monitor first")),
            Phase::Failed(why) => Err(Refused::new("FAILED", format!("{why}: define it again"))),
            Phase::LegacyLearning(_) | Phase::Learning(_) | Phase::Active(_) => {
                rows::check(&self.spec.0, rows)
            }
        }
    }
}

fn span(silence: &Silence) -> alert::Silence {
    alert::Silence { from_ms: silence.from.0, until_ms: silence.until.0 }
}

fn columns(reference: &[Vec<Option<f64>>]) -> Vec<Vec<f64>> {
    let column = |column: &Vec<Option<f64>>| column.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
    reference.iter().map(column).collect()
}

impl Entity for Monitor {
    const KIND: &'static str = "monitors";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        let prepared = self.prepared.take();
        match event {
            Event::Defined(define, now) => {
                let columns = define.reference.as_deref().map(columns);
                *self = Self { spec: define.spec.clone(), ..Self::default() };
                match columns {
                    Some(columns) => {
                        let learned = Active::new(&self.spec.0, &columns, *now);
                        self.begin(learned.map_err(|error| format!("it cannot be a reference: {error}")));
                    }
                    None => self.learn(vec![Vec::new(); self.spec.0.features.len()], *now),
                }
            }
            Event::Observed(rows, now) => {
                let findings = match (prepared.and_then(|prepared| prepared.of(rows, *now)), &mut self.phase)
                {
                    (Some(prepared), Phase::Active(active)) => {
                        active.0 = prepared.active;
                        prepared.findings
                    }
                    _ => self.fold(rows, *now),
                };
                self.keep(findings);
                self.observed += rows.len() as u64;
                self.last = Some(*now);
            }
            Event::Labelled(label, now) => {
                if let Phase::Active(active) = &mut self.phase {
                    active.0.label(&label.key, label.positive, *now);
                }
            }
            Event::Silenced(silence) => {
                match &mut self.phase {
                    Phase::Active(kept) => kept.0.silence(silence.feature.as_deref(), span(silence)),
                    Phase::Learning(kept) => kept.silence(silence.feature.as_deref(), span(silence)),
                    _ => {}
                }
                self.silences.push(silence.clone());
            }
            Event::Lifted(silence) => {
                match &mut self.phase {
                    Phase::Active(kept) => kept.0.lift(silence.feature.as_deref(), span(silence)),
                    Phase::Learning(kept) => kept.lift(silence.feature.as_deref(), span(silence)),
                    _ => {}
                }
                self.silences.retain(|other| other != silence);
            }
            Event::Ticked(now) => {
                let findings = self.tick(*now);
                self.keep(findings);
                self.silences.retain(|silence| silence.until > *now);
            }
            Event::LabelsJudged(now) => self.judge_labels(*now),
        }
    }

    fn size(&self) -> usize {
        let features = self.spec.0.features.len();
        let sample = match &self.phase {
            Phase::Learning(learning) => learning.rows() * features * 8,
            _ => features * 4_096,
        };
        size_of::<Self>() + sample + self.windows.len() * (features * 40 + 64) + self.alarms.len() * 160
    }
}

impl Decide<DefineMonitor> for Monitor {
    fn decide(&self, ask: &DefineMonitor, ctx: &Context<'_>) -> Decision<Self, DefineMonitor> {
        let spec = &ask.spec.0;
        let judged = spec.check().and_then(|()| {
            ask.reference.as_deref().map_or(Ok(()), rows::check_reference)?;
            // Checks the options of the judges on an artificial reference.
            let tried = vec![vec![0.0, 1.0, 2.0]; spec.features.len()];
            Active::new(spec, &tried, ctx.now).map_err(|error| spec::wrong("options.", &error))?;
            let Some(reference) = ask.reference.as_deref() else { return Ok(()) };
            if let Some(at) = reference.iter().position(|column| column.iter().all(Option::is_none)) {
                let why =
                    "a column without a value cannot be a reference: give the feature's values, or leave it out";
                return Err(Refused::field("BAD_REFERENCE", format!("reference[{at}]"), why));
            }
            Active::new(spec, &columns(reference), ctx.now)
                .map(|_| ())
                .map_err(|error| Refused::field("BAD_REFERENCE", "reference", error.to_string()))
        });
        if let Err(refused) = judged {
            return Decision::refuse(refused);
        }
        // An equal definition keeps the learned reference.
        if self.spec == ask.spec && ask.reference.is_none() && !matches!(self.phase, Phase::Failed(_)) {
            return Decision::unchanged().reply(());
        }
        let decision = Decision::event(Event::Defined(Box::new(ask.clone()), ctx.now));
        let decision = match spec.wakes_every_ms() {
            Some(ms) => {
                let every = std::time::Duration::from_millis(ms);
                let due = Timestamp(ctx.now.0 + ms);
                decision.set_timer(TIMER, Timer::every(due, every, CatchUp::One, &Tick {}))
            }
            None => decision.cancel_timer(TIMER),
        };
        Self::list(decision, spec, ctx.key).reply(())
    }
}

impl Decide<Observe> for Monitor {
    fn decide(&self, ask: &Observe, ctx: &Context<'_>) -> Decision<Self, Observe> {
        if let Err(refused) = self.check(&ask.rows) {
            return Decision::refuse(refused);
        }
        let alarms = self.expected_alarms(&ask.rows, ctx.now);
        let decision = Decision::event(Event::Observed(ask.rows.clone(), ctx.now));
        let observed = self.observed + ask.rows.len() as u64;
        self.tell(decision, &alarms, ctx.key).reply(Observed { observed, alarms })
    }
}

impl Decide<MemberEvent> for Monitor {
    fn decide(&self, ask: &MemberEvent, ctx: &Context<'_>) -> Decision<Self, MemberEvent> {
        let rows = [rows::of_member_event(&self.spec.0, ask)];
        // Drops events that do not fit, for example from a feed that outlived its monitor: the sending member cannot
        // correct them.
        if self.check(&rows).is_err() {
            return Decision::unchanged().reply(());
        }
        let alarms = self.expected_alarms(&rows, ctx.now);
        let decision = Decision::event(Event::Observed(rows.into(), ctx.now));
        self.tell(decision, &alarms, ctx.key).reply(())
    }
}

impl Decide<Silence> for Monitor {
    fn decide(&self, ask: &Silence, ctx: &Context<'_>) -> Decision<Self, Silence> {
        if ask.until <= ask.from || ask.until <= ctx.now {
            let why = "a silence must end after it begins, and not in the past";
            return Decision::refuse(Refused::field("BAD_SPAN", "until", why));
        }
        if let Some(name) = &ask.feature
            && !MONITOR_ALARMS.contains(&name.as_str())
            && !self.spec.0.features.iter().any(|feature| &feature.name == name)
        {
            return Decision::refuse(Refused::field(
                "UNKNOWN_FEATURE",
                "feature",
                format!("no feature {name:?}"),
            ));
        }
        if self.silences.contains(ask) {
            return Decision::unchanged().reply(());
        }
        if self.silences.len() >= SILENCES_MAX || ask.reason.len() > rows::KEY_BYTES_MAX {
            let why =
                format!("{SILENCES_MAX} silences at most, with reasons of {} bytes", rows::KEY_BYTES_MAX);
            return Decision::refuse(Refused::new("TOO_MANY", why));
        }
        Decision::event(Event::Silenced(ask.clone())).reply(())
    }
}

impl Decide<Lift> for Monitor {
    fn decide(&self, ask: &Lift, _ctx: &Context<'_>) -> Decision<Self, Lift> {
        if !self.silences.contains(&ask.silence) {
            return Decision::unchanged().reply(());
        }
        Decision::event(Event::Lifted(ask.silence.clone())).reply(())
    }
}
