//! Limits of an expression's work.

/// Limits of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Operations, calls and statements.
    pub steps: u64,
    /// Iterations of all loops together.
    pub rounds: u64,
    /// Elements of one array or map.
    pub elements: usize,
    /// Bytes of one string.
    pub string_bytes: usize,
    /// Bytes of all values that the run makes, including unused ones.
    pub memory_bytes: usize,
}

impl Limits {
    /// The defaults: far above the need of a definition, far below the capacity of a node.
    pub const DEFAULT: Self = Self {
        steps: 1_000_000,
        rounds: 100_000,
        elements: crate::bounds::ELEMENTS_MAX,
        string_bytes: 1 << 20,
        memory_bytes: 32 << 20,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
