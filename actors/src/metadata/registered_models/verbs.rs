//! The verbs of this kind.

use troupe_runtime::Registry;

use super::{
    AddVersion, DescribeModel, DescribeVersion, DropAlias, GetRegistered, MoveStage, Register, Registered,
    SetAlias,
};

/// Registers the kind and its verbs.
pub fn register(registry: Registry) -> Registry {
    registry
        .kind::<Registered>()
        .command::<Registered, Register>()
        .command::<Registered, DescribeModel>()
        .command::<Registered, AddVersion>()
        .command::<Registered, DescribeVersion>()
        .command::<Registered, MoveStage>()
        .command::<Registered, SetAlias>()
        .command::<Registered, DropAlias>()
        .query::<Registered, GetRegistered>()
}
