//! One file per subject; `edge` starts an edge, `toy` and `domain` are what it serves.

mod actors;
mod domain;
mod edge;
mod events;
mod lineage;
mod metaflow;
mod mlflow;
mod operation;
mod reads;
mod recorded;
mod toy;
