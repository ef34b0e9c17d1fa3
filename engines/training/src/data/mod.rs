//! Interactions, and the matrices that models are trained on.

mod dataset;
mod movielens;

pub use dataset::{Dataset, Interaction};
pub use movielens::{Item, ReadError, User, read_interactions, read_items, read_users};
