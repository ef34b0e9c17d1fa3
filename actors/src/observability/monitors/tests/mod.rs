//! Tests of monitors.

mod labels;
mod monitors;
mod scene;
