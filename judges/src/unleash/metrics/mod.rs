//! What clients report back.
