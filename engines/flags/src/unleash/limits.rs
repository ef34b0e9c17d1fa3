//! Limits of payloads. A payload over a limit is refused, never truncated.

/// Features of a payload.
pub const FEATURES_MAX: usize = 5_000;
/// Segments of a payload.
pub const SEGMENTS_MAX: usize = 1_000;
/// Strategies of a feature.
pub const STRATEGIES_MAX: usize = 100;
/// Constraints of a strategy or of a segment; segments of a strategy.
pub const CONSTRAINTS_MAX: usize = 100;
/// Values of one constraint, ids of one `userWithId` strategy, addresses, hosts.
pub const VALUES_MAX: usize = 10_000;
/// Values of all constraints and lists of a payload together.
pub const VALUES_TOTAL_MAX: usize = 1_000_000;
/// Variants of a feature or of a strategy; overrides of a variant.
pub const VARIANTS_MAX: usize = 100;
/// Parents of a feature.
pub const DEPENDENCIES_MAX: usize = 32;
/// Bytes of one name, value, group or pattern.
pub const TEXT_BYTES_MAX: usize = 4_096;
/// Bytes of a payload's value.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// Regular expressions of a payload.
pub const PATTERNS_MAX: usize = 256;
/// Bytes of one compiled regular expression.
pub const PATTERN_BYTES_MAX: usize = 1 << 20;
