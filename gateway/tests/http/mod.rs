//! One file per subject; `edge` starts an edge on the real kinds and on those of `toy`.

mod actors;
mod edge;
mod events;
mod lineage;
mod metaflow;
mod mlflow;
mod mlflow_search;
mod operation;
mod reads;
mod recorded;
mod toy;
