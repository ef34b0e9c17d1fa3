//! Tests of the whole: see `main.rs`.
