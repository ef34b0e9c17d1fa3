//! Activation of features for a context, as Unleash's clients decide it.
