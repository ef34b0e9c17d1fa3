//! The definition of a workflow, with Maestro's field names and defaults.
//!
//! Reading reports every unknown field, missing field and wrong type. [`crate::validation`] checks a readable
//! definition. Definitions serialize as Maestro shows them, and can be read again from any format.

mod number;
mod param;
mod properties;
mod retry;
mod short;
mod signals;
mod step;
mod submission;
mod tags;
#[cfg(test)]
mod tests;
mod triggers;
mod workflow;

pub use number::Quantity;
pub(crate) use param::params;
pub use param::{InternalMode, Literal, ParamBody, ParamDefinition, ParamMode, ParamSource, ParamType};
pub use properties::{Properties, Rule, RunStrategy};
pub use retry::{Backoff, BackoffKind, RetryPolicy};
pub use signals::{
    MatchParam, Operator, SignalDependency, SignalOutput, SignalTrigger, SignalTriggerEntry, TriggerMatch,
};
pub use step::{FailureMode, Step, StepKind, StepType, Transition};
pub use submission::Submission;
pub use tags::{Namespace, Tag};
pub use triggers::{Predefined, TimeTrigger, TriggerTime};
pub use workflow::{Criticality, Workflow};

/// Parameter definitions by name, in the author's order.
pub type ParamDefinitions = crate::Ordered<ParamDefinition>;

/// Serde for a type that is read from a tree.
macro_rules! read_from_tree {
    ($($name:ty),+ $(,)?) => {$(
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::tree::from_tree(deserializer, <$name>::read)
            }
        }
    )+};
}
pub(crate) use read_from_tree;

/// An enum of words, read in any case and written in one.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            /// All values.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            pub(crate) const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),+];

            /// The word in Maestro's case.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Reads the word in any case.
            #[must_use]
            pub fn named(word: &str) -> Option<Self> {
                Self::WORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, value)| *value)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::named(&word).ok_or_else(|| serde::de::Error::custom(format!("{word:?} is not known")))
            }
        }
    };
}
pub(crate) use words;
