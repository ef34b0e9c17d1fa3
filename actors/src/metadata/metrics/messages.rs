//! What a bucket of curves can be told and asked.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{Command, Query};

use crate::metadata::runs::Point;

/// Adds points to their curves; the run tells it. A point that is there is not added again.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// Points by the name of their curve.
    pub points: Vec<(String, Point)>,
}

impl Command for Draw {
    const VERB: &'static str = "draw.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Forgets all curves of the bucket; the run has been forgotten.
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct ForgetCurves {}

impl Command for ForgetCurves {
    const VERB: &'static str = "forget.v1";
    type Reply = ();
    const REPEATABLE: bool = true;
}

/// Asks for a curve.
#[derive(Debug, Clone, Default, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct GetCurve {
    /// Its name.
    pub name: String,
    /// Points to leave out at the front.
    pub from: u64,
    /// At most so many; none for all.
    pub limit: Option<u64>,
}

/// The answer to [`GetCurve`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct CurveView {
    /// In the order in which they came.
    pub points: Vec<Point>,
    /// Points that the curve holds.
    pub held: u64,
    /// Older ones that it lost.
    pub lost: u64,
}

impl Query for GetCurve {
    const VERB: &'static str = "get.v1";
    type Reply = CurveView;
}
