//! The parameters of paths.

use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfFlow {
    /// The flow's name.
    pub(super) flow: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfRun {
    /// The flow's name.
    pub(super) flow: String,
    /// The run's number, or the name that its client gave it.
    pub(super) run: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfStep {
    /// The flow's name.
    pub(super) flow: String,
    /// The run's number, or the name that its client gave it.
    pub(super) run: String,
    /// The step's name.
    pub(super) step: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfTask {
    /// The flow's name.
    pub(super) flow: String,
    /// The run's number, or the name that its client gave it.
    pub(super) run: String,
    /// The step's name.
    pub(super) step: String,
    /// The task's number, or the name that its client gave it.
    pub(super) task: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfAttempt {
    /// The flow's name.
    pub(super) flow: String,
    /// The run's number, or the name that its client gave it.
    pub(super) run: String,
    /// The step's name.
    pub(super) step: String,
    /// The task's number, or the name that its client gave it.
    pub(super) task: String,
    /// The attempt, from 0.
    pub(super) attempt: u32,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfArtifact {
    /// The flow's name.
    pub(super) flow: String,
    /// The run's number, or the name that its client gave it.
    pub(super) run: String,
    /// The step's name.
    pub(super) step: String,
    /// The task's number, or the name that its client gave it.
    pub(super) task: String,
    /// The artifact's name.
    pub(super) name: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfArtifactAttempt {
    /// The flow's name.
    pub(super) flow: String,
    /// The run's number, or the name that its client gave it.
    pub(super) run: String,
    /// The step's name.
    pub(super) step: String,
    /// The task's number, or the name that its client gave it.
    pub(super) task: String,
    /// The artifact's name.
    pub(super) name: String,
    /// The attempt, from 0.
    pub(super) attempt: u32,
}
