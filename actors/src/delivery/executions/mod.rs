//! Deployments: how one version of a model comes to its members, stage by stage.
//!
//! A deployment is one execution of a pipeline, as an entity: every step that it took, and whatever it waits for, is part of
//! its state, so that a node which dies in the middle of a canary takes nothing with it. It asks others by effects (the
//! model's traffic, a canary, the model, a queue of tasks, another pipeline) and is answered by effects, under ids that name
//! the stage and its attempt: a second canary of one attempt cannot come to be, and an answer to an attempt that is over
//! changes nothing. Everything that it waits for has a time after which the stage fails. Whatever its end, traffic that it
//! held is given back, once: to the champion, unless all went well.
//!
//! - `definition` is what a pipeline is made of, `reading` makes it from Spinnaker's JSON, `kinds` each type of stage;
//!   `unknown` names what nobody reads.
//! - `run` is the state, a fold of changes; `turn` decides what a message comes to.
//! - `stages` is how stages begin, `answers` what they are told.
//! - `template` is the pipeline that a model gets where nobody wrote one.

mod answers;
mod definition;
pub mod expression;
mod fields;
mod kinds;
mod messages;
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
    Analysis, Definition, Deploy, Does, OnFailure, Parameter, Poll, Stage, Trigger, Unwanted, Webhook, Whose,
};
pub use messages::{Begin, Cancel, ChildEnded, Due, GetDeployment, Go, Judge, Pause, RestartStage, Resume};
pub use reading::read;
pub use run::{Begun, Change, Hold, Note, Run, StageRun, Status, Target, Wait};
pub use state::{Deployment, Event};
pub use template::{Delivery, pipeline};
pub use unknown::checked;
pub use verbs::register;
