use serde_json::json;
use troupe_runtime::entity::{Answer, Globals};
use troupe_runtime::{Address, Command, Context, Decide, Entity, Timestamp, wire};
use troupe_statistics::canary::lifetime::Lifetime;
use troupe_statistics::canary::{CanaryConfig, Thresholds};

use super::{
    Canary, CanaryEnded, CanaryView, Cancel, GRACE_MS, GetCanary, GiveUp, JudgeLook, Notify, Overdue, Pair,
    StartCanary, StartFor,
};
use crate::coordination::directory::{Entry, Upsert};
use crate::stored::NamedFields;

fn config(judge: &str) -> CanaryConfig {
    let metric = |name: &str| json!({ "name": name, "groups": ["g"], "query": { "type": "troupe" } });
    let config =
        json!({ "name": "c", "judge": { "name": judge }, "metrics": [metric("latency"), metric("errors")] });
    serde_json::from_value(config).unwrap()
}

fn start(judge: &str, lifetime: Option<Lifetime>) -> StartCanary {
    StartCanary {
        application: "movies".into(),
        config: NamedFields(config(judge)),
        thresholds: NamedFields(Thresholds { pass: 75.0, marginal: 50.0 }),
        lifetime: lifetime.map(NamedFields),
        request: NamedFields(json!(null)),
    }
}

fn pairs(count: usize, shift: f64) -> Vec<Pair> {
    let points = |shift: f64| (0..count).map(|x| Some((x * 7 % 13) as f64 + shift)).collect();
    let pair = |name: &str, shift| Pair {
        name: name.into(),
        control: points(0.0),
        experiment: points(shift),
        ..Pair::default()
    };
    vec![pair("latency", shift), pair("errors", 0.0)]
}

#[derive(Default)]
struct Scene {
    canary: Canary,
    now: u64,
    entry: Entry,
    replies: Vec<CanaryEnded>,
}

impl Scene {
    fn tell<C: Command>(&mut self, command: &C) -> Result<C::Reply, String>
    where
        Canary: Decide<C>,
        C::Reply: Clone,
    {
        let globals = Globals::default();
        let decision = self.canary.decide(command, &Context::at(Timestamp(self.now), "c1", &globals));
        let reply =
            decision.outcome().map_err(|r| format!("{} {}", r.code, r.field.clone().unwrap_or_default()))?;
        let reply = reply.cloned().ok_or("no reply")?;
        for effect in decision.effects() {
            match effect.verb.as_str() {
                Upsert::VERB => self.entry = wire::decode::<Upsert>(&effect.body).unwrap().entry,
                _ => self.replies.push(wire::decode(&effect.body).unwrap()),
            }
        }
        for event in decision.events() {
            self.canary = wire::decode(&wire::encode(&self.canary)).unwrap();
            self.canary.apply(&wire::decode(&wire::encode(event)).unwrap());
        }
        Ok(reply)
    }

    fn view(&self) -> CanaryView {
        let globals = Globals::default();
        self.canary.answer(&GetCanary {}, &Context::at(Timestamp(self.now), "c1", &globals)).unwrap()
    }
}

fn lifetime() -> Lifetime {
    Lifetime::of_minutes(0, 30, 0, 0, Some(10)).unwrap()
}

#[test]
fn a_good_candidate_passes_at_the_last_look_and_each_look_counts_once() {
    let mut scene = Scene::default();
    scene.tell(&start("NetflixACAJudge-v1.0", Some(lifetime()))).unwrap();
    scene.tell(&start("NetflixACAJudge-v1.0", Some(lifetime()))).unwrap();
    for look in 0..3 {
        let due = scene.entry.due.expect("a look is due");
        assert!(due.0 > 600_000 * (look + 1) && due.0 < 600_000 * (look + 1) + 60_000);
        scene.now = due.0;
        let judge = JudgeLook { look, pairs: pairs(60, 0.0) };
        assert!(scene.tell(&judge).unwrap().fresh);
        assert!(!scene.tell(&judge).unwrap().fresh, "a repeated look changes nothing");
    }
    let view = scene.view();
    assert_eq!((view.looks.len(), view.verdict.unwrap().outcome.as_str()), (3, "passed"));
    assert_eq!((scene.entry.due, scene.entry.state.as_str()), (None, "passed"));
    assert!(view.looks[0].metrics.is_empty() && view.looks[2].metrics.len() == 2);
}

#[test]
fn a_bad_candidate_fails_at_once() {
    let mut scene = Scene::default();
    let start = start("NetflixACAJudge-v1.0", Some(lifetime()));
    let strict = NamedFields(Thresholds { pass: 95.0, marginal: 75.0 });
    scene.tell(&StartCanary { thresholds: strict, ..start }).unwrap();
    let judged = scene.tell(&JudgeLook { look: 0, pairs: pairs(60, 30.0) }).unwrap();
    let verdict = judged.verdict.unwrap();
    assert_eq!((verdict.outcome.as_str(), verdict.passed), ("failed", false));
    assert!(verdict.words.contains("scored 50"), "{}", verdict.words);
    assert_eq!(scene.tell(&JudgeLook { look: 1, pairs: pairs(60, 0.0) }).unwrap_err(), "ENDED ");
}

#[test]
fn the_second_judge_names_what_it_sees() {
    for (shift, expected) in [(0.0, "passed"), (30.0, "failed")] {
        let mut scene = Scene::default();
        scene.tell(&start("troupe-sequential", None)).unwrap();
        let judged = scene.tell(&JudgeLook { look: 0, pairs: pairs(60, shift) }).unwrap();
        assert_eq!(judged.verdict.unwrap().outcome, expected);
        let first = &judged.result.0.results[0];
        let reason = first.classification_reason.clone().unwrap();
        assert_eq!(reason.contains("higher"), shift > 0.0, "{reason}");
        assert_eq!(format!("{:?}", first.classification), if shift > 0.0 { "High" } else { "Pass" });
    }
}

#[test]
fn a_canary_whose_points_never_come_ends_without_a_verdict() {
    let mut scene = Scene::default();
    scene.tell(&start("NetflixACAJudge-v1.0", Some(lifetime()))).unwrap();
    scene.now = scene.entry.due.unwrap().0;
    scene.tell(&GiveUp { look: 0, why: "http://prometheus does not answer".into() }).unwrap();
    assert!(scene.entry.due.unwrap().0 > scene.now && scene.view().trouble.is_some());
    scene.now += GRACE_MS;
    scene.tell(&Overdue {}).unwrap();
    let verdict = scene.view().verdict.unwrap();
    assert_eq!((verdict.outcome.as_str(), verdict.passed), ("no_data", false));
    assert!(verdict.words.contains("does not answer"), "{}", verdict.words);
}

#[test]
fn what_cannot_be_judged_is_refused_with_its_field_and_changes_nothing() {
    let mut scene = Scene::default();
    assert_eq!(scene.tell(&JudgeLook { look: 0, pairs: pairs(9, 0.0) }).unwrap_err(), "UNDEFINED ");
    assert_eq!(scene.tell(&start("Solomon", None)).unwrap_err(), "BAD_CONFIG config.judge.name");
    let upside = StartCanary {
        thresholds: NamedFields(Thresholds { pass: 10.0, marginal: 50.0 }),
        ..start("dredd-v1.0", None)
    };
    assert_eq!(scene.tell(&upside).unwrap_err(), "BAD_THRESHOLDS thresholds.marginal");
    scene.tell(&start("dredd-v1.0", None)).unwrap();
    for (look, pairs, expected) in [
        (0, vec![], "BAD_PAIRS pairs"),
        (3, pairs(9, 0.0), "WRONG_LOOK look"),
        (0, vec![Pair { name: "cpu".into(), ..Pair::default() }], "UNKNOWN_METRIC metricSetPairList[0].name"),
    ] {
        assert_eq!(scene.tell(&JudgeLook { look, pairs }).unwrap_err(), expected);
    }
    assert!(scene.view().looks.is_empty() && scene.view().verdict.is_none());
}

#[test]
fn metrics_without_any_point_are_no_pass() {
    for judge in ["NetflixACAJudge-v1.0", "troupe-sequential"] {
        let mut scene = Scene::default();
        scene.tell(&start(judge, None)).unwrap();
        let empty = ["latency", "errors"].map(|name| Pair {
            name: name.into(),
            control: vec![None; 9],
            ..Pair::default()
        });
        let judged = scene.tell(&JudgeLook { look: 0, pairs: empty.into() }).unwrap();
        assert_eq!(judged.verdict.unwrap().outcome, "no_data", "{judge}");
    }
}

#[test]
fn a_required_metric_without_points_fails_the_canary_under_every_judge() {
    for judge in ["NetflixACAJudge-v1.0", "troupe-sequential"] {
        for (analysis, brought, passes) in [
            (json!({}), true, true),
            (json!({ "critical": true }), true, false),
            (json!({ "critical": true }), false, false),
            (json!({ "mustHaveData": true }), true, false),
            (json!({ "mustHaveData": true }), false, false),
            (json!({ "critical": true, "muted": true }), false, true),
        ] {
            let mut start = start(judge, None);
            let metric = |name: &str, analysis| json!({ "name": name, "groups": ["g"], "analysisConfigurations": { "canary": analysis } });
            let metrics =
                [metric("latency", analysis.clone()), metric("errors", json!({})), metric("cpu", json!({}))];
            start.config.0 =
                serde_json::from_value(json!({ "judge": { "name": judge }, "metrics": metrics })).unwrap();
            let mut scene = Scene::default();
            scene.tell(&start).unwrap();
            let whole = pairs(60, 0.0).remove(1);
            let mut brings = vec![whole.clone(), Pair { name: "cpu".into(), ..whole }];
            if brought {
                brings.push(Pair { name: "latency".into(), ..Pair::default() });
            }
            let judged = scene.tell(&JudgeLook { look: 0, pairs: brings }).unwrap();
            let verdict = judged.verdict.unwrap();
            assert_eq!(verdict.passed, passes, "{judge} {analysis} {brought}: {verdict:?}");
        }
    }
}

#[test]
fn points_that_are_too_few_to_be_judged_are_no_pass_at_the_end_and_no_fail_before_it() {
    for (judge, few) in [("NetflixACAJudge-v1.0", 1), ("troupe-sequential", 5)] {
        let mut scene = Scene::default();
        scene.tell(&start(judge, Some(lifetime()))).unwrap();
        let brought = || pairs(few, 30.0).into_iter().take(1).collect();
        for look in 0..3 {
            let judged = scene.tell(&JudgeLook { look, pairs: brought() }).unwrap();
            let outcome = judged.verdict.map(|verdict| (verdict.outcome, verdict.words));
            assert_eq!(outcome.is_some(), look == 2, "{judge} {outcome:?}");
            if let Some((outcome, words)) = outcome {
                assert!(outcome == "no_data" && words.contains("latency"), "{judge} {outcome}: {words}");
            }
        }
    }
}

#[test]
fn single_points_count_as_no_data_regardless_of_the_added_noise() {
    for judge in ["NetflixACAJudge-v1.0", "troupe-sequential"] {
        for value in 1..20 {
            let mut scene = Scene::default();
            scene.tell(&start(judge, None)).unwrap();
            let side = |value: i32| vec![Some(f64::from(value))];
            let pair = |name: &str| Pair {
                name: name.into(),
                control: side(value),
                experiment: side(2 * value),
                ..Pair::default()
            };
            let look = JudgeLook { look: 0, pairs: vec![pair("latency"), pair("errors")] };
            let verdict = scene.tell(&look).unwrap().verdict.unwrap();
            assert_eq!(verdict.outcome, "no_data", "{judge} {value}: {verdict:?}");
        }
    }
}

#[test]
fn a_canary_that_asks_for_points_of_the_past_is_due_until_it_has_them() {
    let mut scene = Scene { now: 5_000, ..Scene::default() };
    let request = NamedFields(json!({ "scopes": { "default": {} } }));
    scene.tell(&StartCanary { request, ..start("dredd-v1.0", None) }).unwrap();
    assert!(
        scene.entry.due.is_some_and(|due| due.0 > 5_000),
        "the node that started it may die before it brings them"
    );
    scene.tell(&JudgeLook { look: 0, pairs: pairs(60, 0.0) }).unwrap();
    assert_eq!(scene.entry.due, None);
    let mut scene = Scene::default();
    scene.tell(&start("dredd-v1.0", None)).unwrap();
    assert_eq!(scene.entry.due, None, "the caller brings the points itself");
}

fn start_for(judge: &str, lifetime: Option<Lifetime>) -> StartFor {
    let to = Address::parse_parts("deployments", "movies:1").unwrap();
    StartFor { start: start(judge, lifetime), notify: Notify { to, id: "3/1".into() } }
}

#[test]
fn the_entity_that_starts_a_canary_gets_every_kind_of_end_once() {
    for (outcome, judge) in [
        ("passed", "troupe-sequential"),
        ("failed", "troupe-sequential"),
        ("no_data", "troupe-sequential"),
        ("cancelled", "troupe-sequential"),
        ("refused", "Solomon"),
    ] {
        let mut scene = Scene::default();
        let start = start_for(judge, None);
        scene.tell(&start).unwrap();
        if outcome != "refused" {
            scene.tell(&start).unwrap();
        }
        match outcome {
            "passed" => drop(scene.tell(&JudgeLook { look: 0, pairs: pairs(60, 0.0) }).unwrap()),
            "failed" => drop(scene.tell(&JudgeLook { look: 0, pairs: pairs(60, 30.0) }).unwrap()),
            "no_data" => scene.tell(&Overdue {}).unwrap(),
            "cancelled" => scene.tell(&Cancel { why: "enough".into() }).unwrap(),
            _ => {}
        }
        if outcome != "refused" {
            scene.tell(&start).unwrap();
            scene.tell(&Overdue {}).unwrap();
            scene.tell(&Cancel { why: "again".into() }).unwrap();
        }
        let replies: Vec<(&str, &str)> =
            scene.replies.iter().map(|reply| (reply.id.as_str(), reply.verdict.outcome.as_str())).collect();
        assert_eq!(replies, [("3/1", outcome)]);
    }
}

#[test]
fn a_canary_without_a_receiver_is_stored_as_older_builds_stored_it() {
    let mut scene = Scene::default();
    scene.tell(&start("troupe-sequential", None)).unwrap();
    let alone = wire::encode(&scene.canary).len();
    let mut watched = Scene::default();
    watched.tell(&start_for("troupe-sequential", None)).unwrap();
    assert!(wire::encode(&watched.canary).len() > alone);
    scene.tell(&start_for("troupe-sequential", None)).unwrap();
    scene.tell(&JudgeLook { look: 0, pairs: pairs(60, 0.0) }).unwrap();
    assert_eq!(scene.replies.len(), 1, "a later receiver gets the end as well");
    let late = Notify { id: "late".into(), ..start_for("troupe-sequential", None).notify };
    scene.tell(&StartFor { notify: late, ..start_for("troupe-sequential", None) }).unwrap();
    assert_eq!(scene.replies.len(), 2, "and one after the end gets it at once");
}
