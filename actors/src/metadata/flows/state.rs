//! State and decisions of a flow.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::entity::Answer;
use troupe_runtime::{Address, Context, Decide, Decision, Entity, Refused, Timestamp};

use super::made::{Made, check_name, check_text};
use super::messages::{
    CreateFlow, Created, DescribeFlow, DropFlowNote, FlowView, GetFlow, ListRuns, RunSummary, StartRun,
    Started, UpdateRun,
};
use crate::coordination::directory::{Directory, Entry, Upsert};
use crate::metadata::runs::{Begin, Forget, Run, Status, run_key};
use crate::stored::NamedFields;

/// Upper bound on the runs of a flow; above it the oldest ended run is forgotten.
pub const RUNS_MAX: usize = 2_000;
/// Default of the milliseconds without a heartbeat after which a run has failed.
const SILENCE_MS: u64 = 360_000;
/// Upper bound on the runs of one page.
const PAGE_MAX: usize = 500;
/// Upper bound on the notes of a flow.
const NOTES_MAX: usize = 256;
const NOTE_BYTES_MAX: usize = 8 << 10;

/// One flow, keyed by its name.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Flow {
    live: NamedFields<Live>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Live {
    made: Option<Made>,
    at: Timestamp,
    changed: Timestamp,
    title: Option<String>,
    deleted: bool,
    notes: BTreeMap<String, String>,
    next: u64,
    runs: BTreeMap<u64, RunSummary>,
    /// Numbers of the runs that have a name of their own.
    named: BTreeMap<String, u64>,
    forgotten: u64,
}

/// An event of a flow.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// The flow changed.
    Changed(Box<NamedFields<Change>>, Timestamp),
}

/// A change of a flow; stored by field name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// The flow was created or described.
    Described {
        /// Creator and tags, if it was created.
        made: Option<Made>,
        /// Display name.
        title: Option<String>,
        /// Whether it is marked as deleted.
        deleted: Option<bool>,
        /// Notes by name.
        notes: BTreeMap<String, String>,
    },
    /// A run was started or reported its status.
    Run(RunSummary),
    /// A run was forgotten.
    Forgotten(u64),
    /// A note was removed.
    Dropped(String),
}

impl Flow {
    fn changed(ctx: &Context<'_>, change: Change) -> Event {
        Event::Changed(Box::new(NamedFields(change)), ctx.now)
    }

    fn entry(ctx: &Context<'_>, title: Option<&String>, deleted: bool) -> Upsert {
        let state = if deleted { "deleted" } else { "active" }.to_owned();
        let about = title.cloned().unwrap_or_default();
        Upsert { entry: Entry { key: ctx.key.to_owned(), state, about, ..Entry::default() } }
    }

    fn check_start(&self, ask: &StartRun) -> Result<(), Refused> {
        if self.live.0.made.is_none() {
            return Err(Refused::new("FLOW_NOT_FOUND", "unknown flow: create it first"));
        }
        ask.made.check()?;
        check_notes(&ask.notes)?;
        check_text("title", ask.title.as_deref().unwrap_or_default(), 256)?;
        let Some(id) = &ask.id else { return Ok(()) };
        check_name("run_number", id, false)?;
        if id.bytes().all(|byte| byte.is_ascii_digit()) {
            let why = "the flow assigns numbers: omit run_number, or give a name that is not a number";
            return Err(Refused::field("BAD_RUN_ID", "run_number", why));
        }
        if self.live.0.named.contains_key(id) {
            return Err(Refused::new("EXISTS", format!("the flow already has a run {id:?}")));
        }
        Ok(())
    }
}

/// Checks the bounds of notes.
pub(crate) fn check_notes(notes: &BTreeMap<String, String>) -> Result<(), Refused> {
    if notes.len() > NOTES_MAX {
        return Err(Refused::field("TOO_MANY_TAGS", "tags", format!("tags must be at most {NOTES_MAX}")));
    }
    notes.iter().try_for_each(|(name, value)| {
        check_text("tags.key", name, 256)?;
        check_text("tags.value", value, NOTE_BYTES_MAX)
    })
}

impl Entity for Flow {
    const KIND: &'static str = "flows";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        let Event::Changed(change, at) = event;
        let live = &mut self.live.0;
        live.changed = *at;
        match &change.0 {
            Change::Described { made, title, deleted, notes } => {
                if let Some(made) = made {
                    live.made = Some(made.clone());
                    live.at = *at;
                }
                if title.is_some() {
                    live.title.clone_from(title);
                }
                live.deleted = deleted.unwrap_or(live.deleted);
                live.notes.extend(notes.clone());
            }
            Change::Run(summary) => {
                if summary.run != summary.number.to_string() {
                    live.named.insert(summary.run.clone(), summary.number);
                }
                live.next = live.next.max(summary.number);
                live.runs.insert(summary.number, summary.clone());
            }
            Change::Forgotten(number) => {
                if let Some(gone) = live.runs.remove(number) {
                    live.named.remove(&gone.run);
                    live.forgotten += 1;
                }
            }
            Change::Dropped(key) => {
                live.notes.remove(key);
            }
        }
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.live.0.runs.len() * 600 + self.live.0.notes.len() * 128
    }
}

impl Decide<CreateFlow> for Flow {
    fn decide(&self, ask: &CreateFlow, ctx: &Context<'_>) -> Decision<Self, CreateFlow> {
        if self.live.0.made.is_some() {
            return Decision::unchanged().reply(Created { fresh: false });
        }
        let checked = check_name("flow_id", ctx.key, true)
            .and_then(|()| ask.made.check())
            .and_then(|()| check_notes(&ask.notes))
            .and_then(|()| check_text("name", ask.title.as_deref().unwrap_or_default(), 256));
        if let Err(refused) = checked {
            return Decision::refuse(refused);
        }
        let change = Change::Described {
            made: Some(ask.made.clone()),
            title: ask.title.clone(),
            deleted: None,
            notes: ask.notes.clone(),
        };
        Decision::event(Self::changed(ctx, change))
            .tell(Directory::of::<Self>(), &Self::entry(ctx, ask.title.as_ref(), false))
            .reply(Created { fresh: true })
    }
}

impl Decide<DescribeFlow> for Flow {
    fn decide(&self, ask: &DescribeFlow, ctx: &Context<'_>) -> Decision<Self, DescribeFlow> {
        let live = &self.live.0;
        if live.made.is_none() {
            return Decision::refuse(Refused::new("FLOW_NOT_FOUND", "unknown flow: create it first"));
        }
        let mut notes = live.notes.clone();
        notes.extend(ask.notes.clone());
        let checked = check_notes(&notes)
            .and_then(|()| check_text("name", ask.title.as_deref().unwrap_or_default(), 256));
        if let Err(refused) = checked {
            return Decision::refuse(refused);
        }
        let title = ask.title.as_ref().or(live.title.as_ref());
        let entry = Self::entry(ctx, title, ask.deleted.unwrap_or(live.deleted));
        let change = Change::Described {
            made: None,
            title: ask.title.clone(),
            deleted: ask.deleted,
            notes: ask.notes.clone(),
        };
        Decision::event(Self::changed(ctx, change)).tell(Directory::of::<Self>(), &entry).reply(())
    }
}

impl Decide<DropFlowNote> for Flow {
    fn decide(&self, ask: &DropFlowNote, ctx: &Context<'_>) -> Decision<Self, DropFlowNote> {
        if !self.live.0.notes.contains_key(&ask.key) {
            return Decision::unchanged().reply(());
        }
        Decision::event(Self::changed(ctx, Change::Dropped(ask.key.clone()))).reply(())
    }
}

impl Decide<StartRun> for Flow {
    fn decide(&self, ask: &StartRun, ctx: &Context<'_>) -> Decision<Self, StartRun> {
        if let Err(refused) = self.check_start(ask) {
            return Decision::refuse(refused);
        }
        let live = &self.live.0;
        let number = live.next + 1;
        let run = ask.id.clone().unwrap_or_else(|| number.to_string());
        let silence_ms = if ask.silence_ms == 0 { SILENCE_MS } else { ask.silence_ms };
        let mut decision = Decision::unchanged();
        if live.runs.len() >= RUNS_MAX {
            let over = |summary: &&RunSummary| summary.status != Status::Running;
            let Some(oldest) = live.runs.values().find(over) else {
                let why = format!("{RUNS_MAX} runs of the flow are running: end some first");
                return Decision::refuse(Refused::new("TOO_MANY_RUNS", why));
            };
            let gone = Address::of::<Run>(run_key(ctx.key, &oldest.run));
            decision =
                decision.and(Self::changed(ctx, Change::Forgotten(oldest.number))).tell(gone, &Forget {});
        }
        let summary = RunSummary {
            run: run.clone(),
            number,
            made: ask.made.clone(),
            at: ctx.now,
            beat: ctx.now,
            title: ask.title.clone(),
            ..RunSummary::default()
        };
        let begin = Begin {
            flow: ctx.key.to_owned(),
            run: run.clone(),
            number,
            made: ask.made.clone(),
            at: ctx.now,
            silence_ms,
            title: ask.title.clone(),
            notes: ask.notes.clone(),
        };
        decision
            .and(Self::changed(ctx, Change::Run(summary)))
            .tell(Address::of::<Run>(run_key(ctx.key, &run)), &begin)
            .reply(Started { run, number, at: ctx.now })
    }
}

impl Decide<UpdateRun> for Flow {
    fn decide(&self, ask: &UpdateRun, ctx: &Context<'_>) -> Decision<Self, UpdateRun> {
        let checked = ask
            .summary
            .made
            .check()
            .and_then(|()| check_name("run", &ask.summary.run, false))
            .and_then(|()| check_text("why", &ask.summary.why, 2_048))
            .and_then(|()| check_text("title", ask.summary.title.as_deref().unwrap_or_default(), 256));
        if let Err(refused) = checked {
            return Decision::refuse(refused);
        }
        match self.live.0.runs.get(&ask.summary.number) {
            Some(known) if known.revision < ask.summary.revision => {
                Decision::event(Self::changed(ctx, Change::Run(ask.summary.clone()))).reply(())
            }
            _ => Decision::unchanged().reply(()),
        }
    }
}

impl Answer<GetFlow> for Flow {
    fn answer(&self, _ask: &GetFlow, _ctx: &Context<'_>) -> Result<FlowView, Refused> {
        let live = &self.live.0;
        Ok(FlowView {
            made: live.made.clone(),
            at: live.at,
            title: live.title.clone(),
            deleted: live.deleted,
            notes: live.notes.clone(),
            runs: live.runs.len() as u64,
            forgotten: live.forgotten,
            changed: live.changed,
        })
    }
}

impl Answer<ListRuns> for Flow {
    fn answer(&self, ask: &ListRuns, _ctx: &Context<'_>) -> Result<Vec<RunSummary>, Refused> {
        let limit = usize::try_from(ask.limit).unwrap_or(PAGE_MAX).min(PAGE_MAX);
        let before = ask.before.unwrap_or(u64::MAX);
        Ok(self.live.0.runs.range(..before).rev().take(limit).map(|(_, run)| run.clone()).collect())
    }
}
