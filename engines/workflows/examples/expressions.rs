//! Benchmark of parsing and running an expression, compared with `evalexpr`, and of one foreach iteration before its
//! work begins.
//!
//! `cargo run --release -p troupe-workflows --example expressions`

use std::hint::black_box;
use std::time::Instant;

use troupe_workflows::Ordered;
use troupe_workflows::definition::{ParamDefinition, ParamType, Step, StepKind, StepType};
use troupe_workflows::expression::{Limits, Program};
use troupe_workflows::graph::{Graph, StepState, next};
use troupe_workflows::params::{NoFacts, Run, Value, evaluate, step_params};

const ROUNDS: u32 = 200_000;
/// Repetitions of each measurement; the best counts, because the machine may be shared.
const TIMES: usize = 5;

fn nanoseconds(mut what: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..TIMES {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            what();
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS));
    }
    best
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let facts = NoFacts { now_ms: 1_769_862_896_789, seed: 1 };
    let names = |name: &str| match name {
        "x" => Some(Value::Long(15)),
        "y" => Some(Value::Long(3)),
        _ => None,
    };
    let run = |program: &Program| program.run(&names, &facts, &Limits::DEFAULT).map(drop);

    let condition = "x > 10 && (y < 5 || x + y * 2 == 21)";
    let program = Program::parse(condition)?;
    run(&program)?;
    let parse = nanoseconds(|| drop(black_box(Program::parse(black_box(condition)))));
    let ours = nanoseconds(|| drop(black_box(run(&program))));
    println!("condition     parse {parse:7.0} ns   run {ours:6.0} ns   {condition}");

    let tree = evalexpr::build_operator_tree(condition)?;
    let mut context = evalexpr::HashMapContext::new();
    evalexpr::ContextWithMutableVariables::set_value(&mut context, "x".into(), 15.into())?;
    evalexpr::ContextWithMutableVariables::set_value(&mut context, "y".into(), 3.into())?;
    let parse = nanoseconds(|| drop(black_box(evalexpr::build_operator_tree(black_box(condition)))));
    let theirs = nanoseconds(|| drop(black_box(tree.eval_boolean_with_context(&context))));
    println!("  evalexpr    parse {parse:7.0} ns   run {theirs:6.0} ns   ratio of runs {:.2}", ours / theirs);

    for source in [
        "x + 'a'",
        "int s = 0; for (int i = 0; i < 100; i++) s += i; s",
        "new DateTime(1569018000000).withZone(DateTimeZone.forID('America/Los_Angeles')).toString('yyyyMMdd')",
        "Util.dateIntsBetween(20200101, 20210101, 1)",
    ] {
        let program = Program::parse(source)?;
        run(&program)?;
        let parse = nanoseconds(|| drop(black_box(Program::parse(black_box(source)))));
        let ran = if source.len() < 40 {
            nanoseconds(|| drop(black_box(run(&program))))
        } else {
            slow(|| drop(black_box(run(&program))))
        };
        println!("              parse {parse:7.0} ns   run {ran:6.0} ns   {source}");
    }

    let mut step = Step::new("job", StepKind::Typed { step_type: StepType::NoOp, sub_type: None });
    step.params.insert("text".into(), ParamDefinition::expression(ParamType::String, "i + j"));
    let graph = Graph::of(std::slice::from_ref(&step))?;
    let values = Ordered::from([("i".to_owned(), Value::Long(7)), ("j".to_owned(), "a".into())]);
    let (none, launch) = (Ordered::new(), Run::launch(Ordered::new()));
    let iteration = nanoseconds(|| {
        let ready = next(&graph, &[StepState::new()]);
        let params = step_params(&step, &none, &launch).map(|mut params| {
            let evaluated = evaluate(&mut params, &[&values], &facts, &Limits::DEFAULT);
            (params, evaluated)
        });
        drop(black_box((ready, params)));
    });
    println!("iteration of a foreach, one step with one parameter: {iteration:.0} ns");
    Ok(())
}

/// The same for slower operations.
fn slow(mut what: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..ROUNDS / 50 {
        what();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS / 50)
}
