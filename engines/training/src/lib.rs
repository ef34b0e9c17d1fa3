//! Trainers: interactions in, ONNX out. Never linked into the serving path.
//!
//! EASE (Steck 2019) and iALS (Hu et al. 2008, regularised as in Rendle et al. 2021) are trained on implicit feedback:
//! every interaction counts as one. Each is exported with the signature `history: float32[batch, items]` (one where the
//! member interacted) to `scores: float32[batch, items]`, so that members who were never seen in training are served
//! like any other.

#![warn(clippy::disallowed_methods)]

pub mod data;
mod ease;
mod evaluate;
mod ials;
mod onnx;
mod popularity;
mod quality;
mod recommender;
mod split;
mod synthetic;
mod train;
mod weigh;

pub use ease::Ease;
pub use evaluate::{Metrics, evaluate, evaluate_beside};
pub use ials::{Ials, IalsParameters};
pub use onnx::Export;
pub use popularity::Popularity;
pub use quality::{Quality, quality};
pub use recommender::Recommender;
pub use split::{Split, leave_one_out, random_split, time_split};
pub use synthetic::{SyntheticSpec, synthetic};
pub use train::{Algorithm, TrainError, Trained, train};
pub use weigh::weigh_down;

#[cfg(test)]
mod tests;
