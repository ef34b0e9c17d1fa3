//! Deployments: the delivery of one version of a model to its members, stage by stage.
//! A deployment is one execution of a pipeline, as an entity. Its state holds every step taken and everything that it
//! waits for, so a node that dies during a canary loses nothing. It sends requests as effects to the model's traffic,
//! a canary, the model, a work queue or another pipeline. Answers arrive as effects too. Their ids name the stage and
//! its attempt, so that one attempt has one canary and a late answer to an earlier attempt changes nothing. Every wait
//! has a time limit, after which the stage fails. Every end gives up the traffic once: after a failure the champion
//! gets all of it back.
//! - `definition` holds the parts of a pipeline. `reading` parses them from Spinnaker's JSON, with `kinds` for each
//!   type of stage; `unknown` reports unknown fields.
//! - `run` is the state, a fold of changes; `state` is the entity around it.
//! - `stages` turns the begin of a stage into a `plan`; `turn` applies plans and changes while it handles one message.
//! - `commands`, `answers` and `due` decide the messages of clients, of other entities and of the timer.
//! - `template` is the default pipeline of a model.

mod answers;
mod commands;
mod definition;
mod due;
pub mod expression;
mod fields;
mod kinds;
mod messages;
mod plan;
mod reading;
mod run;
mod stages;
mod state;
mod template;
#[cfg(test)]
mod tests;
mod turn;
mod unknown;
mod verbs;

pub use definition::{
    Analysis, Definition, Deploy, OnFailure, Parameter, Poll, RollbackTo, Stage, StageKind, Trigger,
    VersionRef, Webhook,
};
pub use messages::{Begin, Cancel, ChildEnded, Due, GetDeployment, Go, Judge, Pause, RestartStage, Resume};
pub use reading::read;
pub use run::{Begun, Change, Note, Run, StageRun, Status, Target, TrafficHold, Wait};
pub use state::{Deployment, Event};
pub use template::{Delivery, pipeline};
pub use unknown::checked;
pub use verbs::register;
