//! Every kind of the platform, and its verbs.

use troupe_runtime::Registry;

use crate::canaries::{
    Canary, CanaryEnded, Cancel, DeleteConfig, GetCanary, GetConfig, GiveUp, JudgeLook, Overdue, PutConfig,
    StartCanary, StartFor, StoredConfig,
};
use crate::catalog::{Catalog, Declare, ListGroups, Retire};
use crate::clients::{Clients, GetClients, Register, Report};
use crate::content::{Content, Count, Describe, GetContent};
use crate::deployments::{
    Begin as BeginDeployment, Cancel as CancelDeployment, ChildEnded, Deployment, Due, GetDeployment, Go,
    Judge as JudgeStage, Pause, RestartStage, Resume,
};
use crate::directory::{Directory, Enlist, GetDirectory, Strike};
use crate::experiments::{
    Climb, Conclude, Deal, Define, Experiment, GetExperiment, GetPower, PlanAhead, Start, Stop,
};
use crate::exposures::{CountExposure, Exposures, GetExposures};
use crate::features::{Features, Lookup, Observe};
use crate::flags::{DefineFlag, Flag, GetFlag, Switch};
use crate::flows::{CreateFlow, DescribeFlow, DropFlowNote, Flow, GetFlow, ListRuns, StartRun, Told};
use crate::lineage::{GetLineage, Lineage, Linked, Relate};
use crate::members::{
    GetHistory, GetInputs, GetPredictions, GetProfile, Member, Record, Remember, SetProfile,
};
use crate::models::{Advance, Advanced, GetModel, Model, Promote, Publish};
use crate::monitors::{
    Compare, DefineMonitor, GetMonitor, Happening, Label, Lift, Monitor, Observe as ObserveRows, Silence,
    Tick,
};
use crate::outcomes::{Enrol, Follow, GetOutcome, LookNow, Outcome, Tally, Withdraw};
use crate::participants::{Expose, GetParticipant, Measure, Participant};
use crate::permits::{Acquire, GetPermit, Permit, Permitted, Release, SetPermit};
use crate::pipelines::{
    DeletePipeline, ExecutionEnded, GetPipeline, Pipeline, PutPipeline, Reopened, RunFor, StartPipeline,
};
use crate::probes::{Append, Cas, Forward, Get, Keep, Probe, Put, Read, Take};
use crate::registered::{
    AddVersion, DescribeModel, DescribeVersion, DropAlias, GetRegistered, MoveStage,
    Register as RegisterModel, Registered, SetAlias,
};
use crate::run_curves::{Curves, Draw, ForgetCurves, GetCurve};
use crate::run_tasks::{AddArtifacts, AddTask, BeatTask, ForgetTasks, GetTasks, NoteTask, Tasks};
use crate::runs::{
    Beat as BeatRun, Begin as BeginRun, DropNote, Finish as FinishRun, Forget, GetRun as GetFlowRun,
    GetStanding, Hear, Log, MutateTags, NewStep, NewTask, Report as ReportRun, Run, Silent,
};
use crate::series::{Append as AppendPoints, Range, Series};
use crate::signals::{GetSignal, Heard, Raise, Signal, Spread, Subscribe, Unsubscribe};
use crate::tasks::{
    Beat, Claim, Finish, Finished, GetQueue, Offer, Progress, Queue, Sweep, Waiting, Withdraw as WithdrawTask,
};
use crate::traffic::{GetTraffic, GiveBack, SetTraffic, Traffic, TrafficSet};
use crate::workflow_runs::{
    Act, Begin, Ended as RunEnded, Forget as ForgetRun, GetIterations, GetLoop, GetPastRun, GetRun, Restart,
    SetBreakpoints, Stop as StopRun, Tick as RunTick, WorkflowRun,
};
use crate::workflows::{
    Activate, DeleteWorkflow, Fire, GetInstance, GetWorkflow, Push, RestartInstance, SetBreakpoint,
    SetProperties, StartWorkflow, StopInstance, Unblock, Workflow,
};

/// The kinds that a node runs.
#[must_use]
pub fn registry() -> Registry {
    tracking(steering(delivering(judging(Registry::default()))))
        .kind::<Member>()
        .command::<Member, Record>()
        .command::<Member, SetProfile>()
        .command::<Member, Remember>()
        .query::<Member, GetProfile>()
        .query::<Member, GetHistory>()
        .query::<Member, GetInputs>()
        .query::<Member, GetPredictions>()
        .kind::<Content>()
        .command::<Content, Describe>()
        .command::<Content, Count>()
        .query::<Content, GetContent>()
        .kind::<Features>()
        .command::<Features, Observe>()
        .query::<Features, Lookup>()
        .kind::<Catalog>()
        .command::<Catalog, Declare>()
        .command::<Catalog, Retire>()
        .query::<Catalog, ListGroups>()
        .kind::<Model>()
        .command::<Model, Publish>()
        .command::<Model, Promote>()
        .command::<Model, Advance>()
        .query::<Model, GetModel>()
        .kind::<Experiment>()
        .command::<Experiment, Define>()
        .command::<Experiment, PlanAhead>()
        .command::<Experiment, Start>()
        .command::<Experiment, Conclude>()
        .command::<Experiment, Climb>()
        .command::<Experiment, Stop>()
        .command::<Experiment, Deal>()
        .query::<Experiment, GetExperiment>()
        .query::<Experiment, GetPower>()
        .kind::<Exposures>()
        .command::<Exposures, CountExposure>()
        .query::<Exposures, GetExposures>()
        .kind::<Probe>()
        .command::<Probe, Put>()
        .command::<Probe, Cas>()
        .command::<Probe, Keep>()
        .command::<Probe, Append>()
        .command::<Probe, Forward>()
        .command::<Probe, Take>()
        .query::<Probe, Get>()
        .query::<Probe, Read>()
}

/// The kinds that know what was run, what it made, and what came of that.
fn tracking(registry: Registry) -> Registry {
    registry
        .kind::<Flow>()
        .command::<Flow, CreateFlow>()
        .command::<Flow, DescribeFlow>()
        .command::<Flow, DropFlowNote>()
        .command::<Flow, StartRun>()
        .command::<Flow, Told>()
        .query::<Flow, GetFlow>()
        .query::<Flow, ListRuns>()
        .kind::<Run>()
        .command::<Run, BeginRun>()
        .command::<Run, BeatRun>()
        .command::<Run, NewStep>()
        .command::<Run, NewTask>()
        .command::<Run, Hear>()
        .command::<Run, MutateTags>()
        .command::<Run, Log>()
        .command::<Run, DropNote>()
        .command::<Run, FinishRun>()
        .command::<Run, ReportRun>()
        .command::<Run, Silent>()
        .command::<Run, Forget>()
        .query::<Run, GetFlowRun>()
        .query::<Run, GetStanding>()
        .kind::<Tasks>()
        .command::<Tasks, AddTask>()
        .command::<Tasks, BeatTask>()
        .command::<Tasks, NoteTask>()
        .command::<Tasks, AddArtifacts>()
        .command::<Tasks, ForgetTasks>()
        .query::<Tasks, GetTasks>()
        .kind::<Curves>()
        .command::<Curves, Draw>()
        .command::<Curves, ForgetCurves>()
        .query::<Curves, GetCurve>()
        .kind::<Registered>()
        .command::<Registered, RegisterModel>()
        .command::<Registered, DescribeModel>()
        .command::<Registered, AddVersion>()
        .command::<Registered, DescribeVersion>()
        .command::<Registered, MoveStage>()
        .command::<Registered, SetAlias>()
        .command::<Registered, DropAlias>()
        .query::<Registered, GetRegistered>()
        .kind::<Lineage>()
        .command::<Lineage, Relate>()
        .command::<Lineage, Linked>()
        .query::<Lineage, GetLineage>()
}

/// The kinds that bring versions to members.
fn steering(registry: Registry) -> Registry {
    registry
        .kind::<Traffic>()
        .command::<Traffic, SetTraffic>()
        .command::<Traffic, GiveBack>()
        .query::<Traffic, GetTraffic>()
        .kind::<Pipeline>()
        .command::<Pipeline, PutPipeline>()
        .command::<Pipeline, DeletePipeline>()
        .command::<Pipeline, StartPipeline>()
        .command::<Pipeline, Heard>()
        .command::<Pipeline, RunFor>()
        .command::<Pipeline, ExecutionEnded>()
        .command::<Pipeline, Reopened>()
        .query::<Pipeline, GetPipeline>()
        .kind::<Deployment>()
        .command::<Deployment, BeginDeployment>()
        .command::<Deployment, Go>()
        .command::<Deployment, CancelDeployment>()
        .command::<Deployment, Pause>()
        .command::<Deployment, Resume>()
        .command::<Deployment, JudgeStage>()
        .command::<Deployment, RestartStage>()
        .command::<Deployment, Due>()
        .command::<Deployment, TrafficSet>()
        .command::<Deployment, Advanced>()
        .command::<Deployment, CanaryEnded>()
        .command::<Deployment, ChildEnded>()
        .command::<Deployment, Finished>()
        .command::<Deployment, Progress>()
        .query::<Deployment, GetDeployment>()
}

/// The kinds that watch numbers and decide, and those that they tell.
fn judging(registry: Registry) -> Registry {
    registry
        .kind::<Flag>()
        .command::<Flag, DefineFlag>()
        .command::<Flag, Switch>()
        .query::<Flag, GetFlag>()
        .kind::<Clients>()
        .command::<Clients, Register>()
        .command::<Clients, Report>()
        .query::<Clients, GetClients>()
        .kind::<Participant>()
        .command::<Participant, Expose>()
        .command::<Participant, Measure>()
        .query::<Participant, GetParticipant>()
        .kind::<Outcome>()
        .command::<Outcome, Enrol>()
        .command::<Outcome, Withdraw>()
        .command::<Outcome, Tally>()
        .command::<Outcome, Follow>()
        .command::<Outcome, LookNow>()
        .query::<Outcome, GetOutcome>()
        .kind::<StoredConfig>()
        .command::<StoredConfig, PutConfig>()
        .command::<StoredConfig, DeleteConfig>()
        .query::<StoredConfig, GetConfig>()
        .kind::<Canary>()
        .command::<Canary, StartCanary>()
        .command::<Canary, StartFor>()
        .command::<Canary, JudgeLook>()
        .command::<Canary, GiveUp>()
        .command::<Canary, Cancel>()
        .command::<Canary, Overdue>()
        .query::<Canary, GetCanary>()
        .kind::<Series>()
        .command::<Series, AppendPoints>()
        .query::<Series, Range>()
        .kind::<Directory>()
        .command::<Directory, Enlist>()
        .command::<Directory, Strike>()
        .query::<Directory, GetDirectory>()
        .kind::<Monitor>()
        .command::<Monitor, DefineMonitor>()
        .command::<Monitor, ObserveRows>()
        .command::<Monitor, Happening>()
        .command::<Monitor, Label>()
        .command::<Monitor, Silence>()
        .command::<Monitor, Lift>()
        .command::<Monitor, Tick>()
        .query::<Monitor, GetMonitor>()
        .query::<Monitor, Compare>()
        .kind::<Signal>()
        .command::<Signal, Raise>()
        .command::<Signal, Subscribe>()
        .command::<Signal, Unsubscribe>()
        .command::<Signal, Spread>()
        .query::<Signal, GetSignal>()
}

/// The kinds that carry a change from the moment that it is wanted to the moment that it serves.
fn delivering(registry: Registry) -> Registry {
    registry
        .kind::<Queue>()
        .command::<Queue, Offer>()
        .command::<Queue, WithdrawTask>()
        .command::<Queue, Claim>()
        .command::<Queue, Beat>()
        .command::<Queue, Finish>()
        .command::<Queue, Sweep>()
        .query::<Queue, Waiting>()
        .query::<Queue, GetQueue>()
        .kind::<Workflow>()
        .command::<Workflow, Push>()
        .command::<Workflow, StartWorkflow>()
        .command::<Workflow, StopInstance>()
        .command::<Workflow, RestartInstance>()
        .command::<Workflow, Activate>()
        .command::<Workflow, Unblock>()
        .command::<Workflow, SetBreakpoint>()
        .command::<Workflow, SetProperties>()
        .command::<Workflow, DeleteWorkflow>()
        .command::<Workflow, Fire>()
        .command::<Workflow, Heard>()
        .command::<Workflow, RunEnded>()
        .query::<Workflow, GetWorkflow>()
        .query::<Workflow, GetInstance>()
        .kind::<Permit>()
        .command::<Permit, SetPermit>()
        .command::<Permit, Acquire>()
        .command::<Permit, Release>()
        .query::<Permit, GetPermit>()
        .kind::<WorkflowRun>()
        .command::<WorkflowRun, Begin>()
        .command::<WorkflowRun, RunTick>()
        .command::<WorkflowRun, StopRun>()
        .command::<WorkflowRun, Act>()
        .command::<WorkflowRun, SetBreakpoints>()
        .command::<WorkflowRun, Restart>()
        .command::<WorkflowRun, RunEnded>()
        .command::<WorkflowRun, Finished>()
        .command::<WorkflowRun, Progress>()
        .command::<WorkflowRun, Heard>()
        .command::<WorkflowRun, ForgetRun>()
        .command::<WorkflowRun, Permitted>()
        .command::<WorkflowRun, ChildEnded>()
        .query::<WorkflowRun, GetRun>()
        .query::<WorkflowRun, GetLoop>()
        .query::<WorkflowRun, GetPastRun>()
        .query::<WorkflowRun, GetIterations>()
}

#[cfg(test)]
mod tests {
    use super::registry;

    /// The platform's protocol: a verb that leaves this table breaks every client and every stored outbox.
    const VERBS: &str = "
        canaries cancel.v1 get.v1 give-up.v1 judge.v1 overdue.v1 start-for.v1 start.v1
        canary-configs delete.v1 get.v1 put.v1
        catalog declare.v1 list.v1 retire.v1
        clients get.v1 register.v1 report.v1
        content count.v1 describe.v1 get.v1
        deployments advanced.v1 begin.v1 cancel.v1 child-ended.v1 due.v1 get.v1 go.v1 judge.v1 pause.v1 restart.v1 resume.v1 task-finished.v1 task-progress.v1 traffic-set.v1 verdict.v1
        directory enlist.v1 get.v1 strike.v1
        experiments climb.v1 conclude.v1 deal.v1 define.v1 get.v1 plan.v1 power.v1 start.v1 stop.v1
        exposures count.v1 get.v1
        features lookup.v1 observe.v1
        flags define.v1 get.v1 switch.v1
        flows create.v1 describe.v1 drop-note.v1 get.v1 list-runs.v1 start-run.v1 told.v1
        lineage get.v1 linked.v1 relate.v1
        members get-history.v1 get-inputs.v1 get-predictions.v1 get-profile.v1 record.v1 remember.v1 set-profile.v1
        models advance.v1 get.v1 promote.v1 publish.v1
        monitors compare.v1 define.v1 get.v1 happening.v1 label.v1 lift.v1 observe.v1 silence.v1 tick.v1
        outcomes enrol.v1 follow.v1 get.v1 look.v1 tally.v1 withdraw.v1
        participants expose.v1 get.v1 measure.v1
        permits acquire.v1 get.v1 release.v1 set.v1
        pipelines delete.v1 execution-ended.v1 get.v1 heard.v1 put.v1 reopened.v1 run-for.v1 start.v1
        probes append.v1 cas.v1 forward.v1 get.v1 keep.v1 put.v1 read.v1 take.v1
        registered-models add-version.v1 describe-version.v1 describe.v1 drop-alias.v1 get.v1 move-stage.v1 register.v1 set-alias.v1
        run-curves draw.v1 forget.v1 get.v1
        run-tasks add.v1 artifacts.v1 beat.v1 forget.v1 get.v1 note.v1
        runs beat.v1 begin.v1 drop-note.v1 finish.v1 forget.v1 get.v1 hear.v1 log.v1 new-step.v1 new-task.v1 report.v1 silent.v1 standing.v1 tags.v1
        series append.v1 range.v1
        signals get.v1 raise.v1 spread.v1 subscribe.v1 unsubscribe.v1
        tasks beat.v1 claim.v1 finish.v1 get.v1 offer.v1 sweep.v1 waiting.v1 withdraw.v1
        traffic get.v1 give-back.v1 set.v1
        workflow-runs act.v1 begin.v1 breakpoints.v1 child-ended.v1 forget.v1 get.v1 heard.v1 iterations.v1 loop.v1 past-run.v1 permitted.v1 restart.v1 run-ended.v1 stop.v1 task-finished.v1 task-progress.v1 tick.v1
        workflows activate.v1 breakpoint.v1 delete.v1 fire.v1 get.v1 heard.v1 instance.v1 properties.v1 push.v1 restart.v1 run-ended.v1 start.v1 stop.v1 unblock.v1";

    #[test]
    fn the_kinds_and_verbs_of_a_node_are_these() {
        let registry = registry();
        let found: Vec<Vec<&str>> = registry
            .kinds()
            .map(|kind| std::iter::once(kind.name).chain(kind.verbs.keys()).collect())
            .collect();
        let expected: Vec<Vec<&str>> =
            VERBS.trim().lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_sent_again_after_an_unknown_outcome_is_repeatable() {
        let registry = registry();
        let once: Vec<String> = registry
            .kinds()
            .flat_map(|kind| kind.verbs.values().map(move |verb| (kind.name, verb)))
            .filter(|(_, verb)| !verb.repeatable)
            .map(|(kind, verb)| format!("{kind} {}", verb.name))
            .collect();
        // These are effects: the outbox's own high-water marks keep them from counting twice. Probes count each decision on
        // purpose: their clients protect themselves with idempotency keys, which is what is probed.
        let effects = [
            "clients report.v1",
            "content count.v1",
            "exposures count.v1",
            "features observe.v1",
            "monitors happening.v1",
            "monitors observe.v1",
            "outcomes enrol.v1",
            "outcomes tally.v1",
            "outcomes withdraw.v1",
            "participants measure.v1",
        ];
        let probes =
            ["append", "cas", "forward", "keep", "put", "take"].map(|verb| format!("probes {verb}.v1"));
        // A claim that is lost leaves a lease that runs out.
        let claims = ["tasks claim.v1".to_owned()];
        // These draw a number: the edge sends each under a key of its own.
        let numbers =
            ["flows start-run.v1", "registered-models add-version.v1", "runs new-task.v1"].map(str::to_owned);
        let mut expected: Vec<String> =
            effects.map(str::to_owned).into_iter().chain(probes).chain(claims).chain(numbers).collect();
        // As kinds come: in the order of their names.
        expected.sort();
        assert_eq!(once, expected);
    }
}
