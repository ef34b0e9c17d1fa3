//! One session of a model: its signature checked, its runs batched.

use std::time::Instant;

use ort::session::{Session, builder::GraphOptimizationLevel};
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};
use troupe_runtime::text::cut;
use troupe_runtime::time::micros;

use super::engine::Engine;
use super::error::LoadError;

/// Name of the input: `f32[batch, items]`, 1 for each item of the member's history, else 0.
pub const INPUT: &str = "history";
/// Name of the output: `f32[batch, items]`, a higher score is better.
pub const OUTPUT: &str = "scores";

/// The measurements of a checked artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Contents it ranks.
    pub items: usize,
    /// Microseconds to load it.
    pub load_us: u64,
    /// Microseconds of its second run, for a batch of two.
    pub run_us: u64,
}

/// A loaded and warm model. A run needs exclusive access, so each replica owns one.
#[derive(Debug)]
pub struct ScoringModel {
    session: Session,
    items: usize,
    input: Vec<f32>,
}

impl ScoringModel {
    /// Loads an artifact, checks its signature and runs it once. Blocks.
    ///
    /// # Errors
    /// [`LoadError`]: the engine, the artifact, its signature or the trial run.
    pub fn load(
        engine: &Engine,
        artifact: &[u8],
        items: usize,
        intra_threads: usize,
    ) -> Result<Self, LoadError> {
        let environment = engine.environment().map_err(LoadError::Unavailable)?;
        let session = open(environment, artifact, intra_threads).map_err(LoadError::Artifact)?;
        check_signature(&session, items).map_err(LoadError::Signature)?;
        let mut model = Self { session, items, input: Vec::new() };
        model.try_out().map_err(LoadError::TrialRun)?;
        Ok(model)
    }

    /// Loads an artifact and drops it again, to check that it can be served. Blocks.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn verify(engine: &Engine, artifact: &[u8], items: usize) -> Result<Verified, LoadError> {
        let started = Instant::now();
        let mut model = Self::load(engine, artifact, items, 1)?;
        let load_us = micros(started.elapsed());
        let started = Instant::now();
        model.try_out().map_err(LoadError::TrialRun)?;
        Ok(Verified { items, load_us, run_us: micros(started.elapsed()) })
    }

    /// Contents it ranks.
    #[must_use]
    pub const fn items(&self) -> usize {
        self.items
    }

    /// Scores each history, given as positions in the vocabulary, in one run. `read` gets all scores, row by row, with
    /// `items` scores per row.
    ///
    /// # Errors
    /// The engine's error text, or an output of another shape.
    pub fn score<R>(&mut self, histories: &[&[u32]], read: impl FnOnce(&[f32]) -> R) -> Result<R, String> {
        let batch = histories.len();
        self.input.clear();
        self.input.resize(batch * self.items, 0.0);
        for (row, history) in self.input.chunks_exact_mut(self.items).zip(histories) {
            for &position in *history {
                if let Some(cell) = row.get_mut(position as usize) {
                    *cell = 1.0;
                }
            }
        }
        let input = TensorRef::from_array_view(([batch, self.items], self.input.as_slice()))
            .map_err(|error| error.to_string())?;
        let outputs = self.session.run(ort::inputs![INPUT => input]).map_err(|error| error.to_string())?;
        let scores = outputs.get(OUTPUT).ok_or_else(|| format!("the run gave no output {OUTPUT:?}"))?;
        let (shape, scores) = scores.try_extract_tensor::<f32>().map_err(|error| error.to_string())?;
        if scores.len() != batch * self.items {
            return Err(format!("{OUTPUT:?} has shape {shape:?}, expected [{batch}, {}]", self.items));
        }
        Ok(read(scores))
    }

    /// Runs a batch of two: an empty history and one with an item, because requests have both.
    fn try_out(&mut self) -> Result<(), String> {
        let finite = self.score(&[&[], &[0]], |scores| scores.iter().any(|score| score.is_finite()))?;
        if finite { Ok(()) } else { Err(format!("no value of {OUTPUT:?} is finite")) }
    }
}

fn open(
    environment: &ort::environment::Environment,
    artifact: &[u8],
    intra_threads: usize,
) -> Result<Session, String> {
    let build = || -> Result<Session, String> {
        let builder = Session::builder(environment).map_err(|error| error.to_string())?;
        builder
            .with_intra_threads(intra_threads)
            .map_err(|error| error.to_string())?
            .with_optimization_level(GraphOptimizationLevel::All)
            .unwrap_or_else(ort::Error::recover)
            .commit_from_memory(artifact)
            .map_err(|error| error.to_string())
    };
    build().map_err(|error| cut(error.lines().next().unwrap_or_default(), 300))
}

fn check_signature(session: &Session, items: usize) -> Result<(), String> {
    match session.inputs() {
        [input] => check_outlet("input", input, INPUT, items)?,
        inputs => return Err(format!("expected one input {INPUT:?}, got {}", names(inputs))),
    }
    let outputs = session.outputs();
    let output = outputs.iter().find(|output| output.name() == OUTPUT);
    let output = output.ok_or_else(|| format!("expected an output {OUTPUT:?}, got {}", names(outputs)))?;
    check_outlet("output", output, OUTPUT, items)
}

/// Requires `f32[batch, items]` with a free batch. The trial run checks an undeclared number of items.
fn check_outlet(what: &str, outlet: &Outlet, name: &str, items: usize) -> Result<(), String> {
    if outlet.name() != name {
        return Err(format!("expected the {what} {name:?}, got {:?}", outlet.name()));
    }
    let expected = format!("expected {what} {name:?} to be f32[batch, {items}] with a free batch");
    let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else {
        return Err(format!("{expected}, it is not a tensor"));
    };
    let wide = i64::try_from(items).unwrap_or(i64::MAX);
    match (ty, &shape[..]) {
        (TensorElementType::Float32, &[-1, width]) if width == wide || width == -1 => Ok(()),
        (TensorElementType::Float32, &[-1, width]) => {
            Err(format!("{expected}: it ranks {width} items, the vocabulary names {items}"))
        }
        _ => Err(format!("{expected}, got {ty:?}{shape:?}")),
    }
}

fn names(outlets: &[Outlet]) -> String {
    let names: Vec<_> = outlets.iter().map(|outlet| format!("{:?}", outlet.name())).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
