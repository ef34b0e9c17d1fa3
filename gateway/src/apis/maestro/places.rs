//! Where a step is that a path names: among those of its instance, or in an iteration of a loop.
//!
//! A step in a loop is named by its iterations, numbered from 0: `outer[3].inner`, and deeper ones the same way.

use troupe_actors::orchestrator::runs::{
    GetIterations, GetLoop, GetRun, RunView, StepView, WorkflowRun, key_of,
};

use super::failure::Failure;
use crate::edge::call::Call;
use crate::edge::state::GatewayState;
use troupe_runtime::routing::ask;
use troupe_runtime::text::cut;

/// Loops inside each other that a path may name.
const DEEP_MAX: usize = 8;

/// Runs of a loop that are asked how far they are.
const CHILDREN_MAX: usize = 64;

/// An iteration of a loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Iteration {
    pub(super) of: String,
    pub(super) number: u64,
}

/// A step's name in a path: the iterations around it, the outermost first, and its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) around: Vec<Iteration>,
    pub(super) step: String,
}

impl Named {
    pub(super) fn read(text: &str) -> Result<Self, Failure> {
        let wrong = || {
            let text = cut(text, 128);
            let why = format!("{text:?} names no step: write it as step, or loop[0].step in an iteration");
            Failure::missing("step", why)
        };
        let (mut around, mut rest) = (Vec::new(), text);
        while let Some((of, after)) = rest.split_once('[') {
            let (number, after) = after.split_once(']').ok_or_else(wrong)?;
            let number = number.parse().map_err(|_| wrong())?;
            if of.is_empty() || around.len() >= DEEP_MAX {
                return Err(wrong());
            }
            around.push(Iteration { of: of.to_owned(), number });
            rest = after.strip_prefix('.').ok_or_else(wrong)?;
        }
        if rest.is_empty() || rest.contains(']') {
            Err(wrong())
        } else {
            Ok(Self { around, step: rest.to_owned() })
        }
    }
}

/// The run that carries a step, and the lane in which it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) run: String,
    pub(super) lane: u64,
    pub(super) step: String,
    /// The iteration around it, for errors.
    iteration: Option<(Iteration, u64)>,
}

/// Goes from loop to loop to where a step is.
pub(super) async fn place(
    edge: &GatewayState,
    call: &Call,
    (id, instance): (&str, u64),
    text: &str,
) -> Result<Place, Failure> {
    let Named { around, step } = Named::read(text)?;
    let mut place = Place { run: key_of(id, instance), lane: 0, step, iteration: None };
    for iteration in around {
        let get =
            GetLoop { step: iteration.of.clone(), outer_iteration: place.lane, iteration: iteration.number };
        let held = ask::<WorkflowRun, GetLoop>(&edge.router, &place.run, &get, call.left()?).await?;
        let begun = held.key.filter(|_| held.total == 0 || iteration.number < held.total);
        let Some(run) = begun else {
            let Iteration { of, number } = &iteration;
            let why = match held.total {
                0 => format!("iteration {number} of {of} has not begun"),
                total => format!("iteration {number} of {of} has not begun; there are {total}, from 0"),
            };
            return Err(Failure::missing("step", why));
        };
        let first = held.range.0;
        let lane = iteration.number - first;
        place = Place { run, lane, iteration: Some((iteration, first)), ..place };
    }
    Ok(place)
}

/// The step as it is.
pub(super) async fn viewed(edge: &GatewayState, call: &Call, place: &Place) -> Result<StepView, Failure> {
    let view = ask::<WorkflowRun, GetRun>(&edge.router, &place.run, &GetRun {}, call.left()?).await?;
    if view.of.is_none() {
        return Err(Failure::missing("step", "the instance waits for its turn".to_owned()));
    }
    if let Some(step) = step_of(&view, place) {
        return Ok(step.clone());
    }
    let Some((Iteration { of, number }, first)) = &place.iteration else {
        let step = cut(&place.step, 128);
        let why = format!("unknown step {step:?}: the instance has no such step");
        return Err(Failure::missing("step", why));
    };
    let ended =
        ask::<WorkflowRun, GetIterations>(&edge.router, &place.run, &GetIterations {}, call.left()?).await?;
    let over = ended.over.iter().find(|(over, _)| over == number).map(|(_, status)| status.0);
    let why = match over {
        Some(status) => format!("iteration {number} of {of} is over: {status}; of its steps nothing is kept"),
        None if view.iterations.iter().any(|lane| first + lane.iteration == *number) => {
            format!("iteration {number} of {of} has no step {:?}", place.step)
        }
        None => format!("iteration {number} of {of} has not begun, or it is not kept any more"),
    };
    Err(Failure::missing("step", why))
}

/// The same, with the progress of the loop's running runs, which report to the loop only when they end.
pub(super) async fn counted(edge: &GatewayState, call: &Call, place: &Place) -> Result<StepView, Failure> {
    let mut step = viewed(edge, call, place).await?;
    if let Some((_, counts)) = step.iterations.as_mut().filter(|_| step.sort != "subworkflow") {
        for key in step.children.iter().take(CHILDREN_MAX) {
            let run = ask::<WorkflowRun, GetRun>(&edge.router, key, &GetRun {}, call.left()?).await?;
            counts.succeeded += run.counts.succeeded;
            counts.failed += run.counts.failed;
            counts.stopped += run.counts.stopped;
        }
    }
    Ok(step)
}

fn step_of<'v>(view: &'v RunView, place: &Place) -> Option<&'v StepView> {
    let lane = view.iterations.iter().find(|lane| lane.iteration == place.lane)?;
    lane.steps.iter().find(|step| step.id == place.step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_named_by_itself_or_by_the_iterations_around_it() {
        for (text, around, step) in [
            ("train", vec![], "train"),
            ("v1.2-a_b", vec![], "v1.2-a_b"),
            ("each[3].work", vec![("each", 3)], "work"),
            ("a.b[0].c[12].d.e", vec![("a.b", 0), ("c", 12)], "d.e"),
        ] {
            let around = around.into_iter().map(|(of, number)| Iteration { of: of.to_owned(), number });
            let named = Named::read(text).unwrap();
            assert_eq!(named, Named { around: around.collect(), step: step.to_owned() }, "{text}");
        }
        for text in
            ["", "each[3]", "each[3]work", "each[x].a", "each[-1].a", "[0].a", "each[0].", "a]", "a[0"]
        {
            assert!(Named::read(text).is_err(), "{text}");
        }
        let deep = "a[0].".repeat(DEEP_MAX + 1) + "b";
        assert!(Named::read(&deep).is_err());
    }
}
