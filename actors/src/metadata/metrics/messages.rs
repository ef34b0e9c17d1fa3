//! Messages of a bucket of curves.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use troupe_runtime::{command, query};

use crate::metadata::runs::Point;

/// Adds points to their curves; the run sends it. A point that was already added is ignored.
#[command("draw.v1", repeatable)]
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// Name of the curve, and point.
    pub points: Vec<(String, Point)>,
}

/// Forgets all curves of the bucket, after the run was forgotten.
#[command("forget.v1", repeatable)]
#[derive(Debug, Clone, Encode, Decode, Serialize, Deserialize)]
pub struct ForgetCurves {}

/// Reads a curve.
#[query("get.v1", reply = CurveView)]
#[derive(Debug, Clone, Default, Encode, Decode, Serialize, Deserialize)]
#[serde(default)]
pub struct GetCurve {
    /// Its name.
    pub name: String,
    /// Number of points to skip at the front.
    pub from: u64,
    /// Upper bound on the points in the answer; default all.
    pub limit: Option<u64>,
}

/// The answer to [`GetCurve`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct CurveView {
    /// In order of arrival.
    pub points: Vec<Point>,
    /// Number of points kept.
    pub held: u64,
    /// Number of older points dropped.
    pub lost: u64,
}
