//! Steps that are runs of their own: loops, stretch by stretch, and other workflows.

use troupe_runtime::{Address, wire};
use troupe_workflows::Ordered;
use troupe_workflows::definition::{ParamDefinitions, ParamSource, StepKind};
use troupe_workflows::loops::Combinations;
use troupe_workflows::params::{Lookup as _, Parameters, Value};
use troupe_workflows::status::{InstanceStatus, StepStatus};

use super::lane::{LoopRun, StepRun};
use super::messages::{Begin, Counts, Ended, Kind, Parent, Stop};
use super::state::WorkflowRun;
use super::turn::{BYTES_A_TURN, Told, Turn};
use crate::orchestrator::workflows::{StartWorkflow, StopInstance};
use crate::stored::{NamedFields, kept_bytes};

/// Iterations of one stretch, and bytes of their values, so that its beginning fits an entry.
const STRETCH_MAX: u64 = 500;
const STRETCH_BYTES: usize = 48 << 10;
/// Bytes of the values around a loop, which each of its stretches is told.
const OUTER_BYTES_MAX: usize = 96 << 10;
/// Subworkflows inside each other, so that one that starts itself ends.
const SUBWORKFLOWS_DEEP_MAX: u64 = 10;
/// Longest key that a loop's run spells out: what a key is part of, such as the id of a signal, has to fit as well.
const KEY_BYTES_SPELLED: usize = 160;

/// The key of a loop's run: where the loop is in the run around it, and which stretch of it. One that gets too long is
/// told by its sum, which is as good a name.
pub(super) fn child_key(of: &str, (lane, place, attempt): (u64, usize, u32), number: u64) -> String {
    let spelled = format!("{of}/{lane}.{place}.{attempt}.{number}");
    if spelled.len() <= KEY_BYTES_SPELLED {
        return spelled;
    }
    let instance = of.split('/').next().unwrap_or_default();
    format!("{instance}/~{:032x}", xxhash_rust::xxh3::xxh3_128(spelled.as_bytes()))
}

/// Stretches at once.
const AT_ONCE_MAX: u64 = 8;

impl Turn<'_> {
    pub(super) fn start_foreach(
        &mut self,
        lane: u64,
        place: usize,
        combinations: &Combinations,
        concurrency: u64,
        strict: bool,
    ) {
        let total = combinations.count();
        if total == 0 {
            return self.complete(lane, place, StepStatus::Succeeded);
        }
        let around = kept_bytes(&self.outer(lane, place));
        if around > OUTER_BYTES_MAX {
            let why = format!(
                "the values around the loop come to {around} bytes, {OUTER_BYTES_MAX} are the most: put them into the lake"
            );
            return self.fail(lane, place, StepStatus::FatallyFailed, &why);
        }
        // By the largest that an iteration's values can be: where they differ much in size the stretches are short, and
        // every one of them fits.
        let bytes = combinations.bytes_max().max(64);
        let stretch = ((STRETCH_BYTES / bytes) as u64).clamp(1, STRETCH_MAX);
        let concurrency = if strict { 1 } else { concurrency.max(1) };
        let at_once = AT_ONCE_MAX.min(concurrency).min(total.div_ceil(stretch)).max(1);
        let looping =
            LoopRun { total, stretch, within: (concurrency / at_once).max(1), at_once, ..LoopRun::default() };
        if let Some(step) = self.step(lane, place) {
            step.looping = Some(looping);
        }
        self.start_stretches(lane, place, combinations);
    }

    fn start_stretches(&mut self, lane: u64, place: usize, combinations: &Combinations) {
        loop {
            let Some(looping) = self.looping(lane, place) else { return };
            let from = looping.next * looping.stretch;
            if from >= looping.total || looping.running.len() as u64 >= looping.at_once {
                return;
            }
            let (number, upto) = (looping.next, (from + looping.stretch).min(looping.total));
            let concurrency = looping.within;
            if self.bytes >= BYTES_A_TURN {
                self.live.head.more = true;
                return;
            }
            if let Some(looping) = self.looping(lane, place) {
                looping.next += 1;
                looping.running.push(number);
            }
            let (bounded, within) = (self.begun.is_bounded(), self.begun.within());
            let values = (from..upto).filter_map(|at| combinations.get(at)).collect();
            let asked = self.asked_inside(place);
            self.begin_child(
                lane,
                place,
                number,
                Kind::Foreach { from, values, concurrency, bounded, within, asked },
            );
        }
    }

    /// Begins stretches for which there was no room in an earlier entry.
    pub(super) fn go_on_with_loops(&mut self) {
        if self.live.head.stopping.is_some() || self.live.head.status.is_terminal() {
            return;
        }
        let waits = |step: &StepRun| {
            step.status == StepStatus::Running
                && step.looping.as_ref().is_some_and(|looping| {
                    looping.next * looping.stretch < looping.total
                        && (looping.running.len() as u64) < looping.at_once
                })
        };
        let open: Vec<(u64, usize)> = self
            .live
            .lanes
            .iter()
            .flat_map(|(number, lane)| {
                lane.steps.iter().enumerate().map(move |(at, step)| (*number, at, step))
            })
            .filter(|(_, at, step)| {
                waits(step) && matches!(self.begun.steps()[*at].kind, StepKind::Foreach { .. })
            })
            .map(|(number, at, _)| (number, at))
            .collect();
        for (lane, place) in open {
            if let Some(combinations) = self.combinations(lane, place) {
                self.start_stretches(lane, place, &combinations);
            }
        }
    }

    fn combinations(&self, lane: u64, place: usize) -> Option<Combinations> {
        let step = self.live.lanes.get(&lane)?.steps.get(place)?;
        Combinations::of(&step.params.value("loop_params")?).ok()
    }

    pub(super) fn start_while(&mut self, lane: u64, place: usize, first: Ordered<Value>) {
        let StepKind::While { condition, .. } = &self.definition(place).kind else { return };
        let (condition, bounded, within) = (condition.clone(), self.begun.is_bounded(), self.begun.within());
        if let Some(step) = self.step(lane, place) {
            step.looping = Some(LoopRun { at_once: 1, running: vec![0], next: 1, ..LoopRun::default() });
        }
        self.begin_child(lane, place, 0, Kind::While { condition, first, bounded, within });
    }

    pub(super) fn child_key(&self, lane: u64, place: usize, number: u64) -> String {
        let attempt =
            self.live.lanes.get(&lane).and_then(|lane| lane.steps.get(place)).map_or(0, |s| s.attempt);
        child_key(self.key, (lane, place, attempt), number)
    }

    fn begin_child(&mut self, lane: u64, place: usize, number: u64, kind: Kind) {
        let (outer, signals) = (self.outer(lane, place), self.begun.signals.clone());
        let begin = Begin {
            workflow: self.begun.workflow.clone(),
            version: self.begun.version,
            instance: self.begun.instance,
            kind: NamedFields(kind),
            steps: NamedFields(self.definition(place).inner().to_vec()),
            outer: NamedFields(outer),
            initiator: self.begun.initiator.clone(),
            signals,
            parent: Some(self.parent(lane, place, number)),
            breakpoints: self.breakpoints().to_vec(),
        };
        let key = self.child_key(lane, place, number);
        self.bytes += wire::encode(&begin).len();
        self.told.push(Told::Begin(key, Box::new(begin)));
    }

    fn parent(&self, lane: u64, place: usize, number: u64) -> Parent {
        let attempt =
            self.live.lanes.get(&lane).and_then(|lane| lane.steps.get(place)).map_or(0, |s| s.attempt);
        let run = self.live.head.run;
        Parent {
            to: Address::of::<WorkflowRun>(self.key),
            id: format!("{run}.{lane}.{place}.{attempt}.{number}"),
        }
    }

    /// Values around the steps of a loop: the loop's own parameters, its lane's, and those around.
    fn outer(&self, lane: u64, place: usize) -> Vec<Ordered<Value>> {
        let evaluated = |params: &Parameters| -> Ordered<Value> {
            params
                .keys()
                .filter(|name| *name != "loop_params")
                .filter_map(|name| Some((name.clone(), params.value(name)?)))
                .collect()
        };
        let own = self.live.lanes.get(&lane);
        let step = own.and_then(|lane| lane.steps.get(place)).map(|step| evaluated(&step.params));
        let values = own.map(|lane| lane.values.clone());
        let workflow = evaluated(&self.live.params);
        step.into_iter()
            .chain(values)
            .chain(self.begun.outer.0.iter().cloned())
            .chain((!workflow.is_empty()).then_some(workflow))
            .filter(|layer| !layer.is_empty())
            .collect()
    }

    pub(super) fn start_subworkflow(
        &mut self,
        lane: u64,
        place: usize,
        id: &str,
        version: &str,
        (sync, explicit): (bool, bool),
    ) {
        let depth = self.begun.initiator.0["depth"].as_u64().unwrap_or(0) + 1;
        if depth > SUBWORKFLOWS_DEEP_MAX {
            let why = format!(
                "workflow {id:?} would be the subworkflow of {SUBWORKFLOWS_DEEP_MAX} subworkflows, which are the most: \
                 see whether it starts itself"
            );
            return self.fail(lane, place, StepStatus::FatallyFailed, &why);
        }
        let mut params = ParamDefinitions::new();
        if !explicit {
            params.extend(self.live.params.iter().map(|(name, param)| (name.clone(), param.passed_down())));
        }
        let own = self.live.lanes.get(&lane).and_then(|lane| lane.steps.get(place)).map(|step| &step.params);
        let known = |name: &str| name.starts_with("subworkflow_");
        for (name, param) in own.into_iter().flatten().filter(|(name, _)| !known(name)) {
            params.insert(name.clone(), param.passed_down());
        }
        let start = StartWorkflow {
            request_id: self.id_of(lane, place),
            version: version.to_owned(),
            params: NamedFields(params),
            source: NamedFields(ParamSource::Subworkflow),
            initiator: NamedFields(serde_json::json!({
                "type": "SUBWORKFLOW", "depth": depth, "asked": self.asked_inside(place), "parent": { "workflow_id": self.begun.workflow,
                "workflow_instance_id": self.begun.instance, "step_id": self.graph.id(place) },
            })),
            signals: std::collections::BTreeMap::new(),
            notify: sync.then(|| self.parent(lane, place, 0)),
        };
        self.bytes += wire::encode(&start).len();
        self.told.push(Told::Start(id.to_owned(), Box::new(start)));
        if sync {
            if let Some(step) = self.step(lane, place) {
                step.looping =
                    Some(LoopRun { total: 1, at_once: 1, running: vec![0], next: 1, ..LoopRun::default() });
            }
        } else {
            self.complete(lane, place, StepStatus::Succeeded);
        }
    }

    /// A run that a step started is over.
    pub(super) fn child_ended(&mut self, lane: u64, place: usize, number: u64, ended: &Ended) {
        let definition = self.definition(place);
        let foreach = matches!(definition.kind, StepKind::Foreach { .. });
        let Some(looping) = self.looping(lane, place) else { return };
        let Some(at) = looping.running.iter().position(|running| *running == number) else { return };
        looping.running.swap_remove(at);
        let counts = &mut looping.counts;
        counts.succeeded += ended.counts.succeeded;
        counts.failed += ended.counts.failed;
        counts.stopped += ended.counts.stopped;
        let lanes = ended.counts.succeeded + ended.counts.failed + ended.counts.stopped;
        // A run that never came to a lane failed as a whole.
        let whole = ended.status.0 != InstanceStatus::Succeeded && (lanes == 0 || !foreach);
        if whole && ended.counts.failed + ended.counts.stopped == 0 {
            counts.failed += 1;
        }
        if looping.why.is_empty() {
            looping.why.clone_from(&ended.why);
        }
        self.take_inside(lane, place, ended);
        if foreach
            && let Some(combinations) = self.combinations(lane, place)
            && self.live.head.stopping.is_none()
        {
            self.start_stretches(lane, place, &combinations);
        }
        self.end_loop(lane, place, ended);
    }

    fn end_loop(&mut self, lane: u64, place: usize, last: &Ended) {
        let now = i64::try_from(self.now.0).unwrap_or(i64::MAX);
        let is_while = matches!(self.definition(place).kind, StepKind::While { .. });
        let Some(step) = self.step(lane, place) else { return };
        let Some(looping) = step.looping.as_ref().filter(|looping| looping.running.is_empty()) else {
            return;
        };
        let Counts { failed, stopped, .. } = looping.counts;
        let why = looping.why.clone();
        let active = step.status.is_active();
        // What a while came to is the step's own from here on.
        let own = if is_while { Some(&last.values.0) } else { None };
        for (name, value) in own.into_iter().flatten() {
            let made = troupe_workflows::params::Parameter::of(value.clone(), ParamSource::While, now);
            if let Some(param) = made.filter(|_| name != "loop_index") {
                step.params.insert(name.clone(), param);
            }
        }
        if !active {
            return;
        }
        if failed > 0 {
            self.fail(lane, place, StepStatus::UserFailed, &why);
        } else if stopped > 0 {
            self.halt(lane, place, StepStatus::Stopped, &why);
        } else {
            self.complete(lane, place, StepStatus::Succeeded);
        }
    }

    /// Stops the runs that a step has started.
    pub(super) fn stop_children(&mut self, lane: u64, place: usize, why: &str) {
        let Some(looping) = self.looping(lane, place) else { return };
        let running = looping.running.clone();
        let stop = Stop { why: why.to_owned(), kill: false };
        if matches!(self.definition(place).kind, StepKind::Subworkflow { .. }) {
            let params = self.live.lanes.get(&lane).and_then(|lane| lane.steps.get(place)).map(|s| &s.params);
            let id = params.and_then(|params| params.value("subworkflow_id"));
            let stop = StopInstance {
                instance: None,
                request_id: Some(self.id_of(lane, place)),
                why: stop.why,
                kill: false,
            };
            if let (Some(Value::String(id)), false) = (id, running.is_empty()) {
                self.told.push(Told::StopInstance(id, stop));
            }
            return;
        }
        for number in running {
            let key = self.child_key(lane, place, number);
            self.told.push(Told::Stop(key, stop.clone()));
        }
    }
}
