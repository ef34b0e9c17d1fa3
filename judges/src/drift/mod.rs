//! Drift of data in batches and of errors in streams.
