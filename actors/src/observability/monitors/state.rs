//! How a monitor decides.

use std::collections::{BTreeMap, VecDeque};

use bincode::{Decode, Encode};
use serde::Serialize;
use troupe_runtime::entity::{CatchUp, Timer};
use troupe_runtime::{Address, Command, Context, Decide, Decision, Entity, Refused, Timestamp};
use troupe_statistics::drift::alert;

use super::foresight::{Foreseen, Foresight};
use super::gathering::Gathering;
use super::messages::{DefineMonitor, Happening, Label, Lift, Observe, Observed, Row, Silence, Tick};
use super::rows;
use super::spec::{self, MonitorSpec};
use super::watching::{OTHERS, Said, Watching};
use super::window::{Alarm, Window};
use crate::coordination::directory::{Directory, Enlist, Entry};
use crate::coordination::signals::{Raise, Signal};
use crate::stored::NamedFields;

/// Windows kept, counted by their features.
const CELLS_MAX: usize = 10_000;
const ALARMS_MAX: usize = 256;
const SILENCES_MAX: usize = 64;
const TIMER: &str = "tick";

/// Where a monitor stands.
#[derive(Debug, Default, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// Never defined.
    #[default]
    Undefined,
    /// Its first rows become the reference, as builds before this one have gathered them.
    Learning(#[serde(skip)] Vec<Vec<f64>>),
    /// It has a reference.
    Watching(Box<NamedFields<Watching>>),
    /// Its first rows cannot be a reference.
    Failed(String),
    /// Its first rows become the reference.
    #[serde(rename = "learning")]
    Gathering(Box<Gathering>),
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
    foresight: Foresight,
}

/// What happened to a monitor.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// It was defined.
    Defined(Box<DefineMonitor>, Timestamp),
    /// Rows were told.
    Observed(Vec<Row>, Timestamp),
    /// A label came.
    Labelled(Label, Timestamp),
    /// A silence was added.
    Silenced(Silence),
    /// A silence was taken back.
    Lifted(Silence),
    /// The clock moved something.
    Ticked(Timestamp),
    /// The labels that had come were judged without waiting for rows.
    LabelsJudged(Timestamp),
}

impl Monitor {
    /// Folds rows and returns what is to be told, of a copy or of the thing itself.
    fn fold(&mut self, rows: &[Row], now: Timestamp) -> Said {
        self.move_over(now);
        match &mut self.phase {
            Phase::Undefined | Phase::Failed(_) | Phase::Learning(_) => Said::default(),
            Phase::Gathering(gathering) => {
                let mut said = Said::default();
                let rest = gathering.take(&self.spec.0, rows, now, &mut said);
                if gathering.rows() < self.spec.0.learned_rows() as usize {
                    return said;
                }
                let learned = gathering.learned(&self.spec.0, now);
                self.begin(learned);
                if !rest.is_empty() {
                    said.merge(self.fold(rest, now));
                }
                said
            }
            Phase::Watching(watching) => watching.0.observe(rows, now),
        }
    }

    /// Takes over what an older build has gathered: its silence is counted from now.
    fn move_over(&mut self, now: Timestamp) {
        if let Phase::Learning(columns) = &mut self.phase {
            let columns = std::mem::take(columns);
            self.gather(columns, now);
        }
    }

    fn gather(&mut self, columns: Vec<Vec<f64>>, now: Timestamp) {
        self.phase = match Gathering::new(&self.spec.0, columns, now) {
            Some(gathering) => Phase::Gathering(Box::new(gathering)),
            None => Phase::Failed("its alerts can never rise or never fall".to_owned()),
        };
    }

    fn begin(&mut self, learned: Result<Watching, String>) {
        self.phase = match learned {
            Ok(mut watching) => {
                for silence in &self.silences {
                    watching.silence(silence.feature.as_deref(), span(silence));
                }
                Phase::Watching(Box::new(NamedFields(watching)))
            }
            Err(why) => Phase::Failed(why),
        };
    }

    fn judge_labels(&mut self, now: Timestamp) {
        if let Phase::Watching(watching) = &mut self.phase {
            let said = watching.0.close_labels(self.spec.0.features.len(), now);
            self.keep(said);
        }
    }

    fn keep(&mut self, said: Said) {
        self.windows.extend(said.windows);
        let windows_max = (CELLS_MAX / self.spec.0.features.len().max(1)).max(1);
        while self.windows.len() > windows_max {
            self.windows.pop_front();
        }
        said.alarms.into_iter().for_each(|alarm| self.alarms.push_front(alarm));
        self.alarms.truncate(ALARMS_MAX);
    }

    /// What folding would tell, on a copy: effects leave with the entry that causes them.
    fn would_say(&self, rows: &[Row], now: Timestamp) -> Vec<Alarm> {
        match &self.phase {
            Phase::Watching(watching) if watching.0.may_speak(&self.spec.0, rows.len()) => {
                let mut watching = watching.0.clone();
                let said = watching.observe(rows, now);
                let alarms = said.alarms.clone();
                self.foresight.keep(Foreseen::new(rows, now, watching, said));
                alarms
            }
            Phase::Gathering(gathering) => {
                let whole = gathering.rows() + rows.len() > self.spec.0.learned_rows() as usize;
                if !whole && !gathering.on_stale.0.is_raised() {
                    return Vec::new();
                }
                let mut copy = Self {
                    spec: self.spec.clone(),
                    silences: self.silences.clone(),
                    phase: Phase::Gathering(gathering.clone()),
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
                ("why".to_owned(), alarm.why.chars().take(200).collect()),
                ("since".to_owned(), alarm.since.0.to_string()),
                ("subject".to_owned(), self.spec.0.subject.clone()),
            ]);
            let id = format!("{}@{}", alarm.what, alarm.at.0);
            let raise = Raise { id, from: from.chars().take(256).collect(), at: alarm.at, params };
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
        decision.tell(Directory::of::<Self>(), &Enlist { entry })
    }

    fn check(&self, rows: &[Row]) -> Result<(), Refused> {
        match &self.phase {
            Phase::Undefined => Err(Refused::new("UNDEFINED", "define the monitor first")),
            Phase::Failed(why) => Err(Refused::new("FAILED", format!("{why}: define it anew"))),
            Phase::Learning(_) | Phase::Gathering(_) | Phase::Watching(_) => rows::check(&self.spec.0, rows),
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
        let foreseen = self.foresight.take();
        match event {
            Event::Defined(define, now) => {
                let columns = define.reference.as_deref().map(columns);
                *self = Self { spec: define.spec.clone(), ..Self::default() };
                match columns {
                    Some(columns) => {
                        let learned = Watching::new(&self.spec.0, &columns, *now);
                        self.begin(learned.map_err(|error| format!("it cannot be a reference: {error}")));
                    }
                    None => self.gather(vec![Vec::new(); self.spec.0.features.len()], *now),
                }
            }
            Event::Observed(rows, now) => {
                let said = match (foreseen.and_then(|foreseen| foreseen.of(rows, *now)), &mut self.phase) {
                    (Some(foreseen), Phase::Watching(watching)) => {
                        watching.0 = foreseen.watching;
                        foreseen.said
                    }
                    _ => self.fold(rows, *now),
                };
                self.keep(said);
                self.observed += rows.len() as u64;
                self.last = Some(*now);
            }
            Event::Labelled(label, now) => {
                if let Phase::Watching(watching) = &mut self.phase {
                    watching.0.label(&label.key, label.positive, *now);
                }
            }
            Event::Silenced(silence) => {
                match &mut self.phase {
                    Phase::Watching(kept) => kept.0.silence(silence.feature.as_deref(), span(silence)),
                    Phase::Gathering(kept) => kept.silence(silence.feature.as_deref(), span(silence)),
                    _ => {}
                }
                self.silences.push(silence.clone());
            }
            Event::Lifted(silence) => {
                match &mut self.phase {
                    Phase::Watching(kept) => kept.0.lift(silence.feature.as_deref(), span(silence)),
                    Phase::Gathering(kept) => kept.lift(silence.feature.as_deref(), span(silence)),
                    _ => {}
                }
                self.silences.retain(|other| other != silence);
            }
            Event::Ticked(now) => {
                let last = self.last;
                let said = match &mut self.phase {
                    // What deciding could not see, folding must not say: the next tick says it.
                    Phase::Learning(_) => {
                        self.move_over(*now);
                        Said::default()
                    }
                    Phase::Watching(watching) => watching.0.tick(&self.spec.0, last, *now),
                    Phase::Gathering(gathering) => {
                        let mut on_stale = gathering.on_stale.0.clone();
                        let said = gathering.tick(&mut on_stale, &self.spec.0, last, *now);
                        gathering.on_stale.0 = on_stale;
                        said
                    }
                    _ => Said::default(),
                };
                self.keep(said);
                self.silences.retain(|silence| silence.until > *now);
            }
            Event::LabelsJudged(now) => self.judge_labels(*now),
        }
    }

    fn size(&self) -> usize {
        let features = self.spec.0.features.len();
        let sample = match &self.phase {
            Phase::Gathering(gathering) => gathering.rows() * features * 8,
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
            // The judges' options are tried on a made up reference.
            let tried = vec![vec![0.0, 1.0, 2.0]; spec.features.len()];
            Watching::new(spec, &tried, ctx.now).map_err(|error| spec::wrong("options.", &error))?;
            let Some(reference) = ask.reference.as_deref() else { return Ok(()) };
            if let Some(at) = reference.iter().position(|column| column.iter().all(Option::is_none)) {
                let why =
                    "a column without a value is no reference: give the feature's values, or leave it out";
                return Err(Refused::field("BAD_REFERENCE", format!("reference[{at}]"), why));
            }
            Watching::new(spec, &columns(reference), ctx.now)
                .map(|_| ())
                .map_err(|error| Refused::field("BAD_REFERENCE", "reference", error.to_string()))
        });
        if let Err(refused) = judged {
            return Decision::refuse(refused);
        }
        // Defining it as it is keeps what it has learned.
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
        let alarms = self.would_say(&ask.rows, ctx.now);
        let decision = Decision::event(Event::Observed(ask.rows.clone(), ctx.now));
        let observed = self.observed + ask.rows.len() as u64;
        self.tell(decision, &alarms, ctx.key).reply(Observed { observed, alarms })
    }
}

impl Decide<Happening> for Monitor {
    fn decide(&self, ask: &Happening, ctx: &Context<'_>) -> Decision<Self, Happening> {
        let rows = [rows::of_happening(&self.spec.0, ask)];
        // The member that tells it could not mend anything: a feed that outlived its monitor is dropped here.
        if self.check(&rows).is_err() {
            return Decision::unchanged().reply(());
        }
        let alarms = self.would_say(&rows, ctx.now);
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
            && !OTHERS.contains(&name.as_str())
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
