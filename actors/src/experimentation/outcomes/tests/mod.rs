use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use troupe_runtime::entity::{Answer, Globals};
use troupe_runtime::{Command, Context, Decide, Entity, Timestamp, wire};

use super::state::LOOKS_MAX;
use super::{AddMembers, AddSums, Follow, GetOutcome, LookNow, LookView, Outcome, OutcomeView, Withdraw};
use crate::experimentation::experiments;
use crate::experimentation::experiments::{
    Aggregation, Conclude, Correction, Direction, Experiment, ExperimentSpec, Method, MetricSpec, Plan,
    Variation,
};
use crate::experimentation::participants::{Expose, Measure, Participant};

mod looking;
mod quantiles;
mod stored;

pub(crate) fn metric(name: &str, event: &str, of: Aggregation) -> MetricSpec {
    MetricSpec {
        name: name.into(),
        event: event.into(),
        of,
        cap: None,
        per: None,
        quantile: None,
        good: Direction::Up,
        guardrail: false,
        margin: 0.0,
        cuped: false,
    }
}

fn spec() -> ExperimentSpec {
    let arm = |name: &str| Variation { name: name.into(), version: None };
    ExperimentSpec {
        model: "movies".into(),
        variations: vec![arm("old"), arm("new")],
        weights: None,
        coverage: 1.0,
        seed: None,
        hash_version: 2,
    }
}

/// An experiment, its outcome and its participants; effects are delivered at once.
struct Scene {
    globals: Globals,
    experiment: Experiment,
    outcome: Outcome,
    participants: Vec<Participant>,
    now: u64,
    concluded: Vec<Conclude>,
}

impl Scene {
    fn new(plan: Plan, members: usize) -> Self {
        let mut experiment = Experiment::create("e");
        for event in [
            experiments::Event::Defined(spec()),
            experiments::Event::Planned(plan),
            experiments::Event::Began(Timestamp(1)),
        ] {
            experiment.apply(&event);
        }
        let mut scene = Self {
            globals: Globals::default(),
            experiment: Experiment::default(),
            outcome: Outcome::default(),
            participants: (0..members).map(|_| Participant::default()).collect(),
            now: 1_000,
            concluded: Vec::new(),
        };
        scene.publish(experiment);
        scene.outcome(&Follow { runs: true });
        scene
    }

    fn publish(&mut self, experiment: Experiment) {
        let copy: Experiment = wire::decode(&wire::encode(&experiment)).unwrap();
        self.globals.publish(vec![(Experiment::KIND, "e".to_owned(), Arc::new(copy))]);
        self.experiment = experiment;
    }

    fn outcome<C: Command>(&mut self, command: &C) -> C::Reply
    where
        Outcome: Decide<C>,
        C::Reply: Clone,
    {
        let decision = self.outcome.decide(command, &Context::at(Timestamp(self.now), "e", &self.globals));
        let reply = decision.outcome().unwrap().unwrap().clone();
        for event in decision.events() {
            self.outcome.apply(&wire::decode(&wire::encode(event)).unwrap());
        }
        for effect in decision.effects() {
            assert_eq!(effect.verb, Conclude::VERB);
            self.concluded.push(wire::decode(&effect.body).unwrap());
        }
        reply
    }

    fn member<C: Command>(&mut self, member: usize, command: &C) -> Result<(), String>
    where
        Participant: Decide<C>,
    {
        let ctx = Context::at(Timestamp(self.now), "m", &self.globals);
        let decision = self.participants[member].decide(command, &ctx);
        decision.outcome().map_err(|refused| refused.code.clone())?;
        let effects = decision.effects().to_vec();
        let events: Vec<_> = decision.events().iter().map(wire::encode).collect();
        events.iter().for_each(|event| self.participants[member].apply(&wire::decode(event).unwrap()));
        for effect in effects {
            match effect.verb.as_str() {
                AddMembers::VERB => self.outcome(&wire::decode::<AddMembers>(&effect.body).unwrap()),
                Withdraw::VERB => self.outcome(&wire::decode::<Withdraw>(&effect.body).unwrap()),
                AddSums::VERB => self.outcome(&wire::decode::<AddSums>(&effect.body).unwrap()),
                verb => panic!("{verb}"),
            }
        }
        Ok(())
    }

    fn expose(&mut self, member: usize, variation: &str) {
        let expose = Expose { experiment: "e".into(), variation: variation.into() };
        self.member(member, &expose).unwrap();
    }

    fn event(&mut self, member: usize, kind: &str, value: f32) {
        let measure = Measure { kind: kind.into(), value: Some(value), at: Timestamp(self.now) };
        self.member(member, &measure).unwrap();
    }

    fn look(&mut self) -> LookView {
        self.now += 60_000;
        self.outcome(&LookNow {})
    }

    fn view(&self) -> OutcomeView {
        self.outcome.answer(&GetOutcome {}, &Context::at(Timestamp(self.now), "e", &self.globals)).unwrap()
    }
}

#[test]
fn sums_updated_event_by_event_equal_the_sums_of_the_members_totals() {
    let capped = MetricSpec { cap: Some(6.0), cuped: true, ..metric("hours", "play", Aggregation::Sum) };
    let ratio =
        MetricSpec { per: Some("visit".into()), ..metric("plays a visit", "play", Aggregation::Count) };
    let metrics = vec![
        metric("plays", "play", Aggregation::Count),
        capped,
        metric("played", "play", Aggregation::Any),
        ratio,
    ];
    let mut scene = Scene::new(Plan { metrics, ..Plan::default() }, 40);
    let mut random = SmallRng::seed_from_u64(1);
    let mut expected = [0.0; 8];
    for member in 0..40 {
        let mut before = 0.0_f64;
        for _ in 0..random.random_range(0..4) {
            let value = random.random_range(0..4) as f32;
            scene.event(member, "play", value);
            before += f64::from(value);
        }
        scene.now += 1;
        scene.expose(member, "new");
        let (mut plays, mut hours, mut visits) = (0.0, 0.0_f64, 0.0);
        for _ in 0..random.random_range(0..6) {
            let value = random.random_range(0..4) as f32;
            scene.event(member, "play", value);
            (plays, hours) = (plays + 1.0, hours + f64::from(value));
            if random.random() {
                scene.event(member, "visit", 0.0);
                visits += 1.0;
            }
        }
        let (x, y) = (hours.min(6.0), before.min(6.0));
        let member = [x, x * x, y, y * y, x * y, plays, plays * visits, visits * visits];
        expected.iter_mut().zip(member).for_each(|(sum, one)| *sum += one);
    }
    let arm = &scene.outcome.arms[0];
    let (hours, ratio) = (arm.sums[1].0, arm.sums[3].0);
    assert_eq!([hours.x, hours.xx, hours.y, hours.yy, hours.xy, ratio.x, ratio.xz, ratio.zz], expected);
    assert_eq!(arm.members, 40);
    assert!(arm.sums[2].0.x <= 40.0 && arm.sums[2].0.x == arm.sums[2].0.xx);
}

#[test]
fn a_member_in_two_variations_is_taken_out_of_both_and_counts_once_as_mixed() {
    let metrics = vec![metric("hours", "play", Aggregation::Sum)];
    let mut scene = Scene::new(Plan { metrics, ..Plan::default() }, 2);
    scene.expose(0, "old");
    scene.expose(0, "old");
    scene.event(0, "play", 3.0);
    scene.expose(1, "old");
    scene.event(1, "play", 2.0);
    scene.expose(0, "new");
    scene.event(0, "play", 5.0);
    scene.expose(0, "old");
    let view = scene.view();
    assert_eq!((view.members, view.mixed), (vec![("old".to_owned(), 1)], 1));
    let sums = scene.outcome.arms[0].sums[0].0;
    assert_eq!((sums.x, sums.xx), (2.0, 4.0));
}

#[test]
fn a_lift_is_decided_once_by_looks_that_may_be_taken_at_any_time() {
    let metrics = vec![metric("hours", "play", Aggregation::Sum)];
    let mut scene = Scene::new(Plan { metrics, ..Plan::default() }, 4_000);
    let mut random = SmallRng::seed_from_u64(7);
    assert_eq!(scene.look().verdict, "no_data");
    for member in 0..4_000 {
        let new = member % 2 == 1;
        scene.expose(member, if new { "new" } else { "old" });
        let value = random.random::<f32>() + if new { 0.3 } else { 0.0 };
        scene.event(member, "play", value);
        if member % 200 == 199 {
            scene.look();
        }
    }
    let view = scene.view();
    let decided = view.decided.expect("a lift of 50 % is detected");
    assert_eq!(decided.verdict, "winner");
    assert_eq!(scene.concluded.len(), 1, "{:?}", scene.concluded);
    assert!(decided.at < view.looks.last().unwrap().at, "it was decided before the end");
    let last = &view.looks.last().unwrap().measured[0];
    let (low, high) = last.interval.unwrap();
    assert!(low < 0.6 && high > 0.6 && last.verdict == "better", "{last:?}");
    assert!(view.looks_are_free);
}

#[test]
fn a_fixed_horizon_decides_only_when_the_experiment_was_stopped() {
    let metrics = vec![metric("hours", "play", Aggregation::Sum)];
    let mut scene = Scene::new(Plan { metrics, method: Method::Fixed, ..Plan::default() }, 200);
    for member in 0..200 {
        scene.expose(member, if member % 2 == 1 { "new" } else { "old" });
        scene.event(member, "play", (member % 7) as f32 + if member % 2 == 1 { 5.0 } else { 0.0 });
    }
    let look = scene.look();
    assert_eq!((look.verdict.as_str(), look.measured[0].verdict.as_str()), ("open", "better"));
    let ctx = Context::at(Timestamp(scene.now), "e", &scene.globals);
    let decision = scene.outcome.decide(&Follow { runs: false }, &ctx);
    let [(_, Some(timer))] = decision.timers() else { panic!("it sets a timer for the last look") };
    assert!(timer.due > Timestamp(scene.now) && timer.every_ms.is_none(), "{timer:?}");
    scene.outcome(&Follow { runs: false });
    assert_eq!(scene.look().verdict, "winner");
    assert_eq!(scene.concluded.len(), 1);
}

#[test]
fn arms_of_the_wrong_size_and_broken_guardrails_stop_an_experiment_that_stops_on_harm() {
    let guard = MetricSpec { guardrail: true, margin: 0.05, ..metric("stays", "visit", Aggregation::Sum) };
    let plan = Plan { metrics: vec![guard], stops_on_harm: true, ..Plan::default() };
    let mut scene = Scene::new(plan.clone(), 600);
    for member in 0..600 {
        let new = member % 2 == 1;
        scene.expose(member, if new { "new" } else { "old" });
        scene.event(member, "visit", (member % 5) as f32 + if new { 0.5 } else { 3.0 });
    }
    assert_eq!(scene.look().verdict, "harm");
    assert!(scene.concluded[0].stops);
    let mut scene = Scene::new(plan, 600);
    for member in 0..600 {
        scene.expose(member, if member % 3 == 1 { "new" } else { "old" });
    }
    assert_eq!(scene.look().verdict, "imbalance");
    let ctx = Context::at(Timestamp(scene.now), "e", &scene.globals);
    let decision = scene.experiment.decide(&scene.concluded[0], &ctx);
    assert!(decision.events().contains(&experiments::Event::Stopped));
}

#[test]
fn many_looks_are_thinned_from_the_old_end_and_the_decision_stays() {
    let metrics = vec![metric("hours", "play", Aggregation::Sum)];
    let mut scene = Scene::new(Plan { metrics, ..Plan::default() }, 1);
    scene.expose(0, "old");
    for _ in 0..3 * LOOKS_MAX {
        scene.look();
    }
    let view = scene.view();
    assert!(view.looks.len() <= LOOKS_MAX && view.looks.len() > LOOKS_MAX / 4);
    assert_eq!(view.looked, 3 * LOOKS_MAX as u64);
    assert_eq!(view.looks.last().unwrap().at, Timestamp(scene.now));
    assert!(view.looks.windows(2).all(|pair| pair[0].at < pair[1].at));
}

#[test]
fn what_was_measured_under_another_definition_is_not_mixed_in() {
    let metrics = vec![metric("hours", "play", Aggregation::Sum)];
    let mut scene = Scene::new(Plan { metrics, ..Plan::default() }, 2);
    scene.expose(0, "old");
    scene.event(0, "play", 3.0);
    let mut experiment: Experiment = wire::decode(&wire::encode(&scene.experiment)).unwrap();
    let longer = Plan { look_every_ms: Some(9_000), ..experiment.plan().clone() };
    experiment.apply(&experiments::Event::Planned(longer));
    experiment.apply(&experiments::Event::Began(Timestamp(5)));
    scene.publish(experiment);
    assert_eq!(scene.look().verdict, "no_data");
    scene.event(0, "play", 9.0);
    scene.expose(1, "new");
    assert_eq!(scene.view().members, [("new".to_owned(), 1)]);
    scene.expose(0, "old");
    assert_eq!(scene.outcome.arms.iter().map(|arm| arm.sums[0].0.x).sum::<f64>(), 0.0);
}

#[test]
fn a_member_is_in_a_bounded_number_of_experiments_and_never_twice_in_one() {
    let named = |at: usize| format!("e{at:02}");
    let running = |at: usize| {
        let mut experiment = Experiment::create(&named(at));
        let metrics = vec![metric("hours", "play", Aggregation::Sum)];
        for event in [
            experiments::Event::Defined(spec()),
            experiments::Event::Planned(Plan { metrics, ..Plan::default() }),
            experiments::Event::Began(Timestamp(1)),
        ] {
            experiment.apply(&event);
        }
        experiment
    };
    let globals = Globals::default();
    globals.publish((0..66).map(|at| (Experiment::KIND, named(at), Arc::new(running(at)) as _)).collect());
    let mut member = Participant::default();
    let mut expose = |at: usize, globals: &Globals| {
        let expose = Expose { experiment: named(at), variation: "old".into() };
        let decision = member.decide(&expose, &Context::at(Timestamp(9), "m", globals));
        let said = decision.outcome().map(|reply| reply.unwrap().first).map_err(|one| one.code.clone());
        let enrolled = decision.effects().iter().filter(|effect| effect.verb == AddMembers::VERB).count();
        let events: Vec<_> = decision.events().iter().map(wire::encode).collect();
        events.iter().for_each(|event| member.apply(&wire::decode(event).unwrap()));
        said.map(|first| (first, enrolled))
    };
    for at in 0..64 {
        assert_eq!(expose(at, &globals), Ok((true, 1)), "{at}");
    }
    assert_eq!(expose(64, &globals), Err("TOO_MANY".to_owned()), "all 64 run");
    for at in 0..64 {
        assert_eq!(expose(at, &globals), Ok((false, 0)), "{at} was counted");
    }
    let mut over = running(30);
    over.apply(&experiments::Event::Stopped);
    globals.publish(vec![(Experiment::KIND, named(30), Arc::new(over) as _)]);
    assert_eq!(expose(64, &globals), Ok((true, 1)), "replaces a stopped one");
    assert_eq!(expose(0, &globals), Ok((false, 0)), "and replaces no other");
    assert_eq!(expose(65, &globals), Err("TOO_MANY".to_owned()));
}

#[test]
fn a_forced_member_sees_a_variation_and_is_not_measured() {
    let plan = Plan {
        metrics: vec![metric("hours", "play", Aggregation::Sum)],
        forced: vec![("m".into(), "new".into())],
        ..Plan::default()
    };
    let mut scene = Scene::new(plan, 1);
    scene.expose(0, "new");
    scene.event(0, "play", 3.0);
    assert!(scene.view().members.is_empty());
    let seen = scene.experiment.allocate("m", Timestamp(scene.now)).map(|variation| variation.name.clone());
    assert_eq!(seen.as_deref(), Some("new"));
}

#[test]
fn a_value_beyond_single_precision_does_not_corrupt_the_sums() {
    let metrics = vec![metric("hours", "play", Aggregation::Sum)];
    let mut scene = Scene::new(Plan { metrics, ..Plan::default() }, 1);
    scene.expose(0, "old");
    for value in [f32::INFINITY, f32::NAN] {
        let measure = Measure { kind: "play".into(), value: Some(value), at: Timestamp(scene.now) };
        assert_eq!(scene.member(0, &measure), Err("NOT_FINITE".to_owned()));
    }
    scene.event(0, "play", 2.0);
    assert_eq!(scene.outcome.arms[0].sums[0].0.xx, 4.0);
}

#[test]
fn exposures_to_experiments_that_do_not_run_are_refused() {
    let mut scene = Scene::new(Plan::default(), 1);
    let expose = |experiment: &str, variation: &str| Expose {
        experiment: experiment.into(),
        variation: variation.into(),
    };
    assert_eq!(scene.member(0, &expose("f", "old")).unwrap_err(), "UNKNOWN_EXPERIMENT");
    assert_eq!(scene.member(0, &expose("e", "odd")).unwrap_err(), "UNKNOWN_VARIATION");
}

#[test]
fn bayesian_probabilities_are_not_corrected_as_p_values() {
    for correction in [Correction::Holm, Correction::BenjaminiHochberg] {
        let metrics =
            vec![metric("hours", "play", Aggregation::Sum), metric("plays", "play", Aggregation::Count)];
        let plan = Plan { metrics, correction, method: Method::Bayesian, ..Plan::default() };
        let mut scene = Scene::new(plan, 400);
        for member in 0..400 {
            scene.expose(member, if member % 2 == 1 { "new" } else { "old" });
            for _ in 0..=member / 2 % 3 {
                scene.event(member, "play", (member / 2 % 5) as f32);
            }
        }
        scene.outcome(&Follow { runs: false });
        let look = scene.look();
        let said: Vec<(&str, f64)> =
            look.measured.iter().map(|one| (one.verdict.as_str(), one.p.unwrap())).collect();
        assert!(said.iter().all(|(verdict, p)| *verdict == "open" && (p - 0.5).abs() < 0.01), "{said:?}");
    }
}
