//! The state, commands and queries of a series.

use std::collections::VecDeque;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::entity::Answer;
use troupe_runtime::{Context, Decide, Decision, Entity, Refused, Timestamp, command, query};

/// Retention of a series, in points.
pub const POINTS_MAX: usize = 20_000;
/// Maximum number of points of one command.
const APPENDED_MAX: usize = 2_000;
/// Maximum number of steps of one answer.
const STEPS_MAX: u64 = 20_000;

/// One series.
#[derive(Debug, Default, Encode, Decode, Serialize)]
pub struct Series {
    /// Milliseconds and value, in order of time.
    points: VecDeque<(u64, f64)>,
}

/// What happened to a series.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub enum Event {
    /// Points were added.
    Appended(Vec<(Timestamp, f64)>),
}

/// Adds points, at most 2,000. A point replaces the one at the same time, so a repetition changes nothing.
#[command("append.v1", reply = u64, repeatable)]
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Append {
    /// Times and values.
    pub points: Vec<(Timestamp, f64)>,
}

/// Reads the mean of each step of a time range; null for a step without points.
#[query("range.v1", reply = Vec<Option<f64>>)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Begin of the range, inclusive.
    pub from: Timestamp,
    /// End of the range, exclusive.
    pub until: Timestamp,
    /// Length of a step, in milliseconds.
    pub step_ms: u64,
}

impl Entity for Series {
    const KIND: &'static str = "series";
    type Event = Event;

    fn create(_key: &str) -> Self {
        Self::default()
    }

    fn apply(&mut self, event: &Event) {
        let Event::Appended(points) = event;
        for (at, value) in points {
            let place = self.points.partition_point(|(held, _)| *held < at.0);
            match self.points.get_mut(place) {
                Some(held) if held.0 == at.0 => held.1 = *value,
                _ => self.points.insert(place, (at.0, *value)),
            }
        }
        while self.points.len() > POINTS_MAX {
            self.points.pop_front();
        }
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.points.len() * 16
    }
}

impl Decide<Append> for Series {
    fn decide(&self, ask: &Append, _ctx: &Context<'_>) -> Decision<Self, Append> {
        if ask.points.is_empty() || ask.points.len() > APPENDED_MAX {
            let why = format!("points must be 1 to {APPENDED_MAX}");
            return Decision::refuse(Refused::field("BAD_POINTS", "points", why));
        }
        if let Some(at) = ask.points.iter().position(|(_, value)| !value.is_finite()) {
            let why = "a value must be a finite number: leave a point without one out";
            return Decision::refuse(Refused::field("NOT_FINITE", format!("points[{at}]"), why));
        }
        Decision::event(Event::Appended(ask.points.clone())).reply(ask.points.len() as u64)
    }
}

impl Answer<Range> for Series {
    fn answer(&self, ask: &Range, _ctx: &Context<'_>) -> Result<Vec<Option<f64>>, Refused> {
        let span = ask.until.0.saturating_sub(ask.from.0);
        if ask.step_ms == 0 || span.div_ceil(ask.step_ms) > STEPS_MAX {
            let why = format!("a step must be above 0, and steps at most {STEPS_MAX}");
            return Err(Refused::field("BAD_RANGE", "step_ms", why));
        }
        let mut sums = vec![(0.0, 0_u32); usize::try_from(span.div_ceil(ask.step_ms)).unwrap_or(0)];
        let first = self.points.partition_point(|(at, _)| *at < ask.from.0);
        for (at, value) in self.points.iter().skip(first).take_while(|(at, _)| *at < ask.until.0) {
            let step = usize::try_from((at - ask.from.0) / ask.step_ms).unwrap_or(usize::MAX);
            if let Some(sum) = sums.get_mut(step) {
                *sum = (sum.0 + value, sum.1 + 1);
            }
        }
        Ok(sums.into_iter().map(|(sum, n)| (n > 0).then(|| sum / f64::from(n))).collect())
    }
}

#[cfg(test)]
mod tests {
    use troupe_runtime::entity::Globals;

    use super::*;

    #[test]
    fn points_are_kept_in_order_once_each_and_answered_by_step() {
        let (globals, mut series) = (Globals::default(), Series::default());
        let ctx = Context::at(Timestamp(0), "cpu:a", &globals);
        let points = |points: &[(u64, f64)]| Append {
            points: points.iter().map(|(t, v)| (Timestamp(*t), *v)).collect(),
        };
        for append in [points(&[(30, 3.0), (10, 1.0)]), points(&[(20, 2.0), (10, 5.0)]), points(&[(20, 2.0)])]
        {
            let decision = series.decide(&append, &ctx);
            decision.events().iter().for_each(|event| series.apply(event));
        }
        let range = |from, until, step_ms| {
            series.answer(&Range { from: Timestamp(from), until: Timestamp(until), step_ms }, &ctx)
        };
        assert_eq!(range(10, 50, 20).unwrap(), [Some(3.5), Some(3.0)]);
        assert_eq!(range(0, 50, 10).unwrap(), [None, Some(5.0), Some(2.0), Some(3.0), None]);
        assert!(range(0, 50, 0).is_err() && range(0, u64::MAX, 1).is_err());
        assert!(series.decide(&points(&[(1, f64::NAN)]), &ctx).outcome().is_err());
    }
}
