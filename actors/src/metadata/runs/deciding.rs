//! The decisions of a run, one for each message.

use std::collections::BTreeSet;

use troupe_runtime::entity::{Answer, Timer};
use troupe_runtime::{Address, Command, Context, Decide, Decision, Refused, Timestamp};

use super::logged::{check_points, check_values};
use super::messages::{
    Beat, Begin, DropNote, Finish, Forget, GetRun, GetStanding, Hear, Heard, Log, MutateTags, NewStep,
    NewTask, Report, RunView, Silent, StandingView, Tags, TaskMade,
};
use super::standing::{Standing, Status, moment};
use super::state::{Change, Event, Run, STEPS_MAX, TASKS_MAX, TIMER, run_key};
use crate::metadata::flows::{Created, NAME_BYTES_MAX, check_name, check_notes, check_tags, check_text};
use crate::metadata::lineage::{relate, run_node};
use crate::metadata::metrics::{Curves, Draw, ForgetCurves, bucket_of, buckets};
use crate::metadata::tasks::{AddTask, ForgetTasks, Tasks, block_of};

/// Upper bound on the reports about a task in one message: the same as on its records.
const HEARD_MAX: usize = crate::metadata::tasks::RECORDS_MAX;
/// Prefixes of tags that name what a run was derived from.
const UPSTREAM: [&str; 4] = ["workflow:", "dataset:", "model:", "run:"];
/// The default name of the last step.
const END_STEP: &str = "end";

/// Adds a lineage edge for every tag that names a node: the workflow that started the run, a data set that it reads.
fn derived_from_tags<C: Command>(
    ctx: &Context<'_>,
    decision: Decision<Run, C>,
    tags: &[String],
) -> Decision<Run, C> {
    let node = run_node(ctx.key);
    let others = tags.iter().filter(|tag| **tag != node);
    let named = others.filter(|tag| UPSTREAM.iter().any(|prefix| tag.starts_with(prefix)));
    named.fold(decision, |decision, tag| relate(decision, tag, node.clone(), "led to"))
}

impl Decide<Begin> for Run {
    fn decide(&self, ask: &Begin, ctx: &Context<'_>) -> Decision<Self, Begin> {
        if let Some(begun) = &self.live.0.begun {
            if begun.number > 0 || ask.number == 0 {
                return Decision::unchanged().reply(());
            }
            let (title, notes) = (self.live.0.title.clone(), self.live.0.notes.clone());
            let numbered = Begin { number: ask.number, title, notes, ..begun.clone() };
            return self.change_and_report(ctx, Decision::unchanged(), Change::Begun(numbered)).reply(());
        }
        if run_key(&ask.flow, &ask.run) != ctx.key {
            let why = format!("the key is not that of run {:?} of flow {:?}", ask.run, ask.flow);
            return Decision::refuse(Refused::field("BAD_RUN_ID", "run", why));
        }
        let checked = check_name("flow_id", &ask.flow, true)
            .and_then(|()| check_name("run_number", &ask.run, false))
            .and_then(|()| ask.made.check())
            .and_then(|()| check_notes(&ask.notes))
            .and_then(|()| check_text("title", ask.title.as_deref().unwrap_or_default(), 256));
        if let Err(refused) = checked {
            return Decision::refuse(refused);
        }
        let decision = Decision::event(Self::changed(ctx, Change::Begun(ask.clone())));
        let decision = Self::watch(ctx, decision, ask.silence_ms);
        derived_from_tags(ctx, decision, &ask.made.tags).reply(())
    }
}

impl Decide<Beat> for Run {
    fn decide(&self, _ask: &Beat, ctx: &Context<'_>) -> Decision<Self, Beat> {
        match self.begun() {
            Err(refused) => Decision::refuse(refused),
            Ok(_) => self.sign_of_life(ctx).reply(()),
        }
    }
}

impl Decide<Silent> for Run {
    fn decide(&self, _ask: &Silent, ctx: &Context<'_>) -> Decision<Self, Silent> {
        let Ok(begun) = self.begun() else { return Decision::unchanged().reply(()) };
        if self.live.0.standing.status != Status::Running {
            return Decision::unchanged().reply(());
        }
        let due = Timestamp(self.beat.0.saturating_add(begun.silence_ms));
        if ctx.now < due {
            // Heartbeats do not move the timer: each move would be a stored change.
            return Decision::unchanged().set_timer(TIMER, Timer::once(due, &Silent {})).reply(());
        }
        self.stands(ctx, Decision::unchanged(), self.standing(ctx.now), true).reply(())
    }
}

impl Decide<NewStep> for Run {
    fn decide(&self, ask: &NewStep, ctx: &Context<'_>) -> Decision<Self, NewStep> {
        let checked = self
            .begun()
            .and_then(|_| check_name("step_name", &ask.step, false))
            .and_then(|()| ask.made.check());
        if let Err(refused) = checked {
            return Decision::refuse(refused);
        }
        if self.live.0.steps.contains_key(&ask.step) {
            return Decision::unchanged().reply(Created { fresh: false });
        }
        if self.live.0.steps.len() >= STEPS_MAX {
            let why = format!("a run has at most {STEPS_MAX} steps: begin another run");
            return Decision::refuse(Refused::field("TOO_MANY_STEPS", "step_name", why));
        }
        self.sign_of_life(ctx)
            .and(Self::changed(ctx, Change::Step(ask.step.clone(), ask.made.clone())))
            .reply(Created { fresh: true })
    }
}

impl Run {
    fn check_task(&self, ask: &NewTask) -> Result<(), Refused> {
        self.begun()?;
        ask.made.check()?;
        if !self.live.0.steps.contains_key(&ask.step) {
            let why = format!("the run has no step {:?}: create it first", ask.step);
            return Err(Refused::new("STEP_NOT_FOUND", why));
        }
        if self.live.0.tasks >= TASKS_MAX {
            let why = format!("a run has at most {TASKS_MAX} tasks: begin another run");
            return Err(Refused::field("TOO_MANY_TASKS", "task_id", why));
        }
        let Some(id) = &ask.id else { return Ok(()) };
        check_name("task_id", id, false)?;
        if id.bytes().all(|byte| byte.is_ascii_digit()) {
            let why = "the run assigns numbers: omit task_id, or give a name that is not a number";
            return Err(Refused::field("BAD_TASK_ID", "task_id", why));
        }
        Ok(())
    }
}

impl Decide<NewTask> for Run {
    fn decide(&self, ask: &NewTask, ctx: &Context<'_>) -> Decision<Self, NewTask> {
        if let Err(refused) = self.check_task(ask) {
            return Decision::refuse(refused);
        }
        let number = ask.id.is_none().then_some(self.live.0.next_task + 1);
        let task = ask.id.clone().or_else(|| number.map(|number| number.to_string())).unwrap_or_default();
        let block = block_of(ctx.key, &task);
        let add = AddTask { step: ask.step.clone(), task: task.clone(), made: ask.made.clone(), at: ctx.now };
        self.sign_of_life(ctx)
            .and(Self::changed(ctx, Change::Task(ask.step.clone(), block.clone(), number)))
            .tell(Address::of::<Tasks>(block), &add)
            .reply(TaskMade { task, at: ctx.now })
    }
}

impl Decide<Hear> for Run {
    fn decide(&self, ask: &Hear, ctx: &Context<'_>) -> Decision<Self, Hear> {
        if self.begun().is_err() {
            return Decision::unchanged().reply(());
        }
        let named = |heard: &Heard| !matches!(heard, Heard::EndStep(step) if step.len() > NAME_BYTES_MAX);
        let checked =
            check_name("step", &ask.step, false).and_then(|()| check_name("task", &ask.task, false));
        if checked.is_err() || ask.heard.len() > HEARD_MAX || !ask.heard.iter().all(named) {
            let why = format!("heard must be at most {HEARD_MAX}, of a step and a task with valid names");
            return Decision::refuse(Refused::field("BAD_HEARD", "heard", why));
        }
        let mut end = self.live.0.end_step.clone();
        let mut decision = self.sign_of_life(ctx);
        for heard in &ask.heard {
            match heard {
                Heard::Alive => {}
                Heard::EndStep(step) => {
                    end = Some(step.clone());
                    decision = decision.and(Self::changed(ctx, Change::EndStep(step.clone())));
                }
                Heard::Attempt(attempt, false) => {
                    let failure = Some((ask.step.clone(), ask.task.clone(), *attempt));
                    decision = decision.and(Self::changed(ctx, Change::Failure(failure)));
                }
                Heard::Attempt(_, true) => {
                    let again =
                        |(step, task, _): &(String, String, u32)| *step == ask.step && *task == ask.task;
                    if self.live.0.failure.as_ref().is_some_and(again) {
                        decision = decision.and(Self::changed(ctx, Change::Failure(None)));
                    }
                    let over = self.live.0.standing.status == Status::Completed;
                    if ask.step == end.as_deref().unwrap_or(END_STEP) && !over {
                        let why = format!("step {} succeeded at {}", ask.step, moment(ctx.now));
                        let standing = Standing {
                            status: Status::Completed,
                            why,
                            ended: Some(ctx.now),
                            word: String::new(),
                        };
                        decision = self.stands(ctx, decision, standing, false);
                    }
                }
            }
        }
        decision.reply(())
    }
}

impl Decide<MutateTags> for Run {
    fn decide(&self, ask: &MutateTags, ctx: &Context<'_>) -> Decision<Self, MutateTags> {
        let begun = match self.begun() {
            Err(refused) => return Decision::refuse(refused),
            Ok(begun) => begun,
        };
        let system = |tag: &&String| begun.made.system_tags.contains(tag);
        if let Some(tag) = ask.remove.iter().find(system) {
            let why = format!("tags_to_remove has {tag:?}, which is a system tag and cannot be removed");
            return Decision::refuse(Refused::field("BAD_TAGS", "tags_to_remove", why));
        }
        // Tags keep their order. A tag that is already a system tag is not added to the user tags.
        let mut tags: Vec<String> =
            begun.made.tags.iter().filter(|tag| !ask.remove.contains(tag)).cloned().collect();
        let mut seen: BTreeSet<String> = tags.iter().cloned().collect();
        for tag in ask.add.iter().filter(|tag| !system(tag)) {
            if seen.insert(tag.clone()) {
                tags.push(tag.clone());
            }
        }
        if let Err(refused) = check_tags("tags_to_add", &tags) {
            return Decision::refuse(refused);
        }
        if tags == begun.made.tags {
            return Decision::unchanged().reply(Tags { tags });
        }
        let known = &begun.made.tags;
        let fresh: Vec<String> = tags.iter().filter(|tag| !known.contains(tag)).cloned().collect();
        let decision = self.change_and_report(ctx, Decision::unchanged(), Change::Tagged(tags.clone()));
        derived_from_tags(ctx, decision, &fresh).reply(Tags { tags })
    }
}

impl Decide<Log> for Run {
    fn decide(&self, ask: &Log, ctx: &Context<'_>) -> Decision<Self, Log> {
        let live = &self.live.0;
        let checked = self
            .active()
            .and_then(|_| check_points(&ask.metrics, &live.metrics))
            .and_then(|()| check_values("params", &ask.params, &live.params))
            .and_then(|()| check_values("tags", &ask.notes, &live.notes));
        if let Err(refused) = checked {
            return Decision::refuse(refused);
        }
        let mut said: std::collections::BTreeMap<&str, &str> =
            live.params.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        for param in &ask.params {
            let held = *said.entry(&param.key).or_insert(&param.value);
            if held != param.value {
                let why = format!(
                    "params.{} is {held:?} and cannot change to {:?}: log it under another key",
                    param.key, param.value
                );
                return Decision::refuse(Refused::field("BAD_PARAM", "params", why));
            }
        }
        let change = Change::Logged(ask.metrics.clone(), ask.params.clone(), ask.notes.clone());
        let mut decision = self.sign_of_life(ctx).and(Self::changed(ctx, change));
        let mut drawn: std::collections::BTreeMap<String, Draw> = std::collections::BTreeMap::new();
        for (name, point) in &ask.metrics {
            drawn.entry(bucket_of(ctx.key, name)).or_default().points.push((name.clone(), *point));
        }
        for (bucket, draw) in drawn {
            decision = decision.tell(Address::of::<Curves>(bucket), &draw);
        }
        decision.reply(())
    }
}

impl Decide<DropNote> for Run {
    fn decide(&self, ask: &DropNote, ctx: &Context<'_>) -> Decision<Self, DropNote> {
        if let Err(refused) = self.active() {
            return Decision::refuse(refused);
        }
        if !self.live.0.notes.contains_key(&ask.key) {
            let why = format!("the run has no tag {:?}", ask.key);
            return Decision::refuse(Refused::new("TAG_NOT_FOUND", why));
        }
        self.sign_of_life(ctx).and(Self::changed(ctx, Change::NoteDropped(ask.key.clone()))).reply(())
    }
}

impl Decide<Finish> for Run {
    fn decide(&self, ask: &Finish, ctx: &Context<'_>) -> Decision<Self, Finish> {
        // A message that sets the deletion mark is decided by the mark that it sets.
        let found = if ask.deleted.is_some() { self.begun() } else { self.active() };
        let begun = match found {
            Err(refused) => return Decision::refuse(refused),
            Ok(begun) => begun,
        };
        let checked = check_text("status", &ask.word, 64)
            .and_then(|()| check_text("run_name", ask.title.as_deref().unwrap_or_default(), 256));
        if let Err(refused) = checked {
            return Decision::refuse(refused);
        }
        let mut decision = Decision::unchanged();
        if ask.title.is_some() || ask.deleted.is_some() {
            decision =
                self.change_and_report(ctx, decision, Change::Described(ask.title.clone(), ask.deleted));
        }
        match ask.status {
            Some(Status::Running) if self.live.0.standing.status != Status::Running => {
                decision = self.change_and_report(ctx, decision, Change::Stands(Standing::default(), false));
                decision = Self::watch(ctx, decision, begun.silence_ms);
            }
            Some(status @ (Status::Completed | Status::Failed)) if self.live.0.standing.status != status => {
                let why = format!("its client reported {} at {}", ask.word, moment(ctx.now));
                let ended = Some(ask.ended.unwrap_or(ctx.now));
                let standing = Standing { status, why, ended, word: ask.word.clone() };
                decision = self.stands(ctx, decision, standing, false);
            }
            _ => {}
        }
        decision.reply(())
    }
}

impl Decide<Report> for Run {
    fn decide(&self, ask: &Report, ctx: &Context<'_>) -> Decision<Self, Report> {
        let begun = match self.begun() {
            Err(refused) => return Decision::refuse(refused),
            Ok(begun) => begun,
        };
        let checked = ask.standing.as_ref().map_or(Ok(()), |standing| {
            check_text("standing.why", &standing.why, 2_048)
                .and_then(|()| check_text("standing.word", &standing.word, 64))
        });
        let mut tags = begun.made.tags.clone();
        tags.extend(ask.tags.iter().filter(|tag| !begun.made.tags.contains(tag)).cloned());
        if let Err(refused) = checked.and_then(|()| check_tags("tags", &tags)) {
            return Decision::refuse(refused);
        }
        let mut decision = Decision::unchanged();
        if tags != begun.made.tags {
            decision = self.change_and_report(ctx, decision, Change::Tagged(tags));
        }
        match &ask.standing {
            Some(standing) if *standing != self.live.0.standing => {
                decision = self.change_and_report(ctx, decision, Change::Stands(standing.clone(), false));
                if standing.status == Status::Running {
                    decision = Self::watch(ctx, decision, begun.silence_ms);
                } else {
                    decision = decision.cancel_timer(TIMER);
                }
            }
            _ => {}
        }
        decision.reply(())
    }
}

impl Decide<Forget> for Run {
    fn decide(&self, _ask: &Forget, ctx: &Context<'_>) -> Decision<Self, Forget> {
        if self.live.0.begun.is_none() {
            return Decision::unchanged().reply(());
        }
        let blocks: BTreeSet<&String> =
            self.live.0.steps.values().flat_map(|step| step.blocks.iter()).collect();
        let mut decision = Decision::event(Event::Forgotten).cancel_timer(TIMER);
        for block in blocks {
            decision = decision.tell(Address::of::<Tasks>(block.clone()), &ForgetTasks {});
        }
        if !self.live.0.metrics.is_empty() {
            for bucket in buckets(ctx.key) {
                decision = decision.tell(Address::of::<Curves>(bucket), &ForgetCurves {});
            }
        }
        decision.reply(())
    }
}

impl Answer<GetRun> for Run {
    fn answer(&self, _ask: &GetRun, ctx: &Context<'_>) -> Result<RunView, Refused> {
        let live = &self.live.0;
        Ok(RunView {
            begun: live.begun.clone(),
            standing: self.standing(ctx.now),
            beat: self.beat,
            steps: live.steps.clone(),
            tasks: live.tasks,
            params: live.params.clone(),
            notes: live.notes.clone(),
            metrics: live.metrics.clone(),
            title: live.title.clone(),
            deleted: live.deleted,
        })
    }
}

impl Answer<GetStanding> for Run {
    fn answer(&self, _ask: &GetStanding, ctx: &Context<'_>) -> Result<StandingView, Refused> {
        Ok(StandingView { standing: self.standing(ctx.now), beat: self.beat })
    }
}
