//! One file per subject; `edge` starts an edge, `toy` is the kind that it serves where the domain does not matter.

mod actors;
mod edge;
mod operation;
mod toy;
