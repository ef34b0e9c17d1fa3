//! The view of one node, or the reason why it is missing.

use serde::Serialize;
use troupe_runtime::AskError;
use troupe_runtime::observe::NodeAddress;

/// Why a view is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unseen {
    /// Stable code, for programs.
    pub code: String,
    /// Reason, for people.
    pub reason: String,
}

/// The code of a node that was just asked for the first time.
const ASKING: &str = "ASKING";

impl Unseen {
    /// A node that was asked for the first time and has not answered yet.
    pub(super) fn not_yet() -> Self {
        Self { code: ASKING.to_owned(), reason: "asked, no answer yet".to_owned() }
    }

    pub(super) fn asking(&self) -> bool {
        self.code == ASKING
    }
}

impl From<&AskError> for Unseen {
    fn from(error: &AskError) -> Self {
        Self { code: error.code().to_owned(), reason: error.to_string() }
    }
}

/// The view of a configured node, or why it is missing: exactly one of `view` and `unseen` is set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seen<V> {
    /// The node's configured addresses.
    #[serde(flatten)]
    pub address: NodeAddress,
    /// The view.
    pub view: Option<V>,
    /// Why the view is missing.
    pub unseen: Option<Unseen>,
}

impl<V> Seen<V> {
    pub(super) fn new(address: NodeAddress, looked: Result<V, Unseen>) -> Self {
        match looked {
            Ok(view) => Self { address, view: Some(view), unseen: None },
            Err(unseen) => Self { address, view: None, unseen: Some(unseen) },
        }
    }
}
