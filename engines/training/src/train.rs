//! One call from interactions to a publishable model.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::data::{Dataset, Interaction};
use crate::ease::Ease;
use crate::evaluate::{Metrics, evaluate};
use crate::ials::{Ials, IalsParameters};
use crate::onnx::Export;
use crate::popularity::Popularity;
use crate::recommender::Recommender;
use crate::split::time_split;

/// Share of the interactions, by time, that the evaluation trains on.
const TRAIN_SHARE: f64 = 0.9;
/// Contents above which a dense item-to-item model is refused: its matrix alone would take gigabytes.
const ITEMS_MAX: usize = 20_000;

/// The algorithm and its hyperparameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Algorithm {
    /// EASE with this regulariser.
    Ease {
        /// The regulariser; 300 suits MovieLens-100K.
        lambda: f64,
    },
    /// iALS.
    Ials(IalsParameters),
    /// The most popular contents for everyone.
    Popularity,
}

impl Algorithm {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ease { .. } => "ease",
            Self::Ials(_) => "ials",
            Self::Popularity => "popularity",
        }
    }

    fn parameters(&self) -> BTreeMap<String, f64> {
        match self {
            Self::Ease { lambda } => BTreeMap::from([("lambda".to_owned(), *lambda)]),
            #[allow(clippy::cast_precision_loss, reason = "small counts")]
            Self::Ials(ials) => BTreeMap::from([
                ("dimensions".to_owned(), ials.dimensions as f64),
                ("alpha".to_owned(), f64::from(ials.alpha)),
                ("regularisation".to_owned(), f64::from(ials.regularisation)),
                ("iterations".to_owned(), ials.iterations as f64),
            ]),
            Self::Popularity => BTreeMap::new(),
        }
    }
}

/// Why the training failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrainError {
    /// No interactions.
    #[error("there is nothing to train on")]
    Empty,
    /// More contents than a dense model can hold.
    #[error("{0} contents are more than the {ITEMS_MAX} that a dense model can hold")]
    TooLarge(usize),
    /// A parameter out of range.
    #[error("{0} {1}")]
    Parameter(&'static str, &'static str),
    /// The system could not be solved.
    #[error("the system cannot be solved: {0}")]
    Singular(String),
}

/// A model, ready to be published.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The algorithm.
    pub algorithm: String,
    /// The hyperparameters.
    pub parameters: BTreeMap<String, f64>,
    /// Metrics on the last tenth by time, trained on the rest: `recall@10`, `ndcg@10`, `hr@10`.
    pub metrics: BTreeMap<String, f64>,
    /// The file.
    pub onnx: Vec<u8>,
    /// Contents in the order of the model's columns.
    pub vocabulary: Vec<String>,
    /// Interactions that it was trained on.
    pub events: u64,
    /// Time of the first.
    pub from_ms: u64,
    /// Time of the last.
    pub to_ms: u64,
    /// Duration in seconds.
    pub seconds: f64,
}

enum Fitted {
    Ease(Ease),
    Ials(Ials),
    Popularity(Popularity),
}

impl Fitted {
    fn fit(algorithm: &Algorithm, data: &Dataset, seed: u64) -> Result<Self, TrainError> {
        Ok(match algorithm {
            Algorithm::Ease { lambda } => Self::Ease(Ease::train(data, *lambda)?),
            Algorithm::Ials(parameters) => Self::Ials(Ials::train(data, *parameters, seed)?),
            Algorithm::Popularity => Self::Popularity(Popularity::train(data)),
        })
    }

    fn recommender(&self) -> &dyn Recommender {
        match self {
            Self::Ease(model) => model,
            Self::Ials(model) => model,
            Self::Popularity(model) => model,
        }
    }

    fn to_onnx(&self) -> Vec<u8> {
        match self {
            Self::Ease(model) => model.to_onnx(),
            Self::Ials(model) => model.to_onnx(),
            Self::Popularity(model) => model.to_onnx(),
        }
    }
}

/// Evaluates on the last tenth by time, then trains on everything. `tell` is called with each step, for a progress bar.
///
/// # Errors
/// See [`TrainError`].
pub fn train(
    algorithm: Algorithm,
    interactions: &[Interaction],
    seed: u64,
    tell: &mut dyn FnMut(&str),
) -> Result<Trained, TrainError> {
    #[allow(clippy::disallowed_methods, reason = "how long it took is part of the lineage")]
    let start = Instant::now();
    let data = Dataset::new(interactions);
    if data.is_empty() {
        return Err(TrainError::Empty);
    }
    if data.contents.len() > ITEMS_MAX {
        return Err(TrainError::TooLarge(data.contents.len()));
    }
    tell("evaluating on the last tenth");
    let split = time_split(&data, TRAIN_SHARE);
    let candidate = Fitted::fit(&algorithm, &split.train, seed)?;
    let metrics = evaluate(candidate.recommender(), &split.train.histories(), &split.test);
    tell("training on everything");
    let fitted = Fitted::fit(&algorithm, &data, seed)?;
    tell("exporting");
    let times = data.rows.iter().flatten().map(|(_, at)| *at);
    Ok(Trained {
        algorithm: algorithm.name().to_owned(),
        parameters: algorithm.parameters(),
        metrics: named(&metrics),
        onnx: fitted.to_onnx(),
        events: data.len() as u64,
        from_ms: times.clone().min().unwrap_or(0),
        to_ms: times.max().unwrap_or(0),
        vocabulary: data.contents,
        seconds: start.elapsed().as_secs_f64(),
    })
}

fn named(metrics: &Metrics) -> BTreeMap<String, f64> {
    BTreeMap::from([
        ("recall@10".to_owned(), metrics.recall),
        ("ndcg@10".to_owned(), metrics.ndcg),
        ("hr@10".to_owned(), metrics.hit_rate),
    ])
}
