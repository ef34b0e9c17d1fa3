//! An own experiment, written as a feature.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::payload::{Constraint, Feature, Features, Payload, Strategy, VariantDefinition};
use super::{At, Refused, Toggles};
