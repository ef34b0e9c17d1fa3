//! Every kind of the platform, with its verbs.

use troupe_runtime::Registry;

use crate::{
    canary_analysis, coordination, delivery, experimentation, feature_store, metadata, models, observability,
    orchestrator, profiles,
};

/// The kinds that a node runs, by container.
#[must_use]
pub fn registry() -> Registry {
    [
        profiles::register,
        feature_store::register,
        models::register,
        experimentation::register,
        canary_analysis::register,
        observability::register,
        delivery::register,
        orchestrator::register,
        metadata::register,
        coordination::register,
    ]
    .into_iter()
    .fold(Registry::default(), |registry, register: fn(Registry) -> Registry| register(registry))
}

#[cfg(test)]
mod tests {
    use super::registry;

    /// The platform's protocol: a verb removed from this table breaks every client and every stored outbox.
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
        // These are effects: the outbox's high-water marks keep them from counting twice. Probes count each decision
        // on purpose. Their clients use idempotency keys, which is what the probes test.
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
        // A lost claim leaves a lease that expires.
        let claims = ["tasks claim.v1".to_owned()];
        // These draw a number; the gateway sends each with an idempotency key.
        let numbers =
            ["flows start-run.v1", "registered-models add-version.v1", "runs new-task.v1"].map(str::to_owned);
        let mut expected: Vec<String> =
            effects.map(str::to_owned).into_iter().chain(probes).chain(claims).chain(numbers).collect();
        // The registry lists kinds by name.
        expected.sort();
        assert_eq!(once, expected);
    }
}
