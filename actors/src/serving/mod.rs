//! serving.
