//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{Curves, Draw, ForgetCurves, GetCurve};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Curves>()
        .command::<Curves, Draw>()
        .command::<Curves, ForgetCurves>()
        .query::<Curves, GetCurve>()
}
