//! Calls to other nodes that wait for their replies.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::address::NodeId;
use crate::error::AskError;
use crate::transport::Outcome;

/// Calls that wait at most; one more is answered `Busy`.
const WAITING_MAX: usize = 65_536;

struct Waiting {
    node: NodeId,
    asks: usize,
    reply: oneshot::Sender<Vec<Outcome>>,
}

/// Calls by number. Replies are matched to them; a lost peer answers all of its calls with `Unknown`.
#[derive(Default)]
pub struct Calls {
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, Waiting>>,
}

impl Calls {
    /// Opens a call to a node.
    ///
    /// # Errors
    /// `Busy` when too many wait.
    pub fn open(
        &self,
        node: NodeId,
        asks: usize,
    ) -> Result<(u64, oneshot::Receiver<Vec<Outcome>>), AskError> {
        let mut waiting = self.waiting();
        if waiting.len() >= WAITING_MAX {
            return Err(AskError::busy("pending calls", std::time::Duration::from_millis(100)));
        }
        let call = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let (reply, receiver) = oneshot::channel();
        waiting.insert(call, Waiting { node, asks, reply });
        Ok((call, receiver))
    }

    /// A reply came.
    pub fn reply(&self, from: NodeId, call: u64, outcomes: Vec<Outcome>) {
        let found = {
            let mut waiting = self.waiting();
            match waiting.get(&call) {
                // Another node must not answer for the one asked.
                Some(open) if open.node == from && open.asks == outcomes.len() => waiting.remove(&call),
                _ => None,
            }
        };
        if let Some(open) = found {
            let _ = open.reply.send(outcomes);
        }
    }

    /// The caller no longer waits.
    pub fn forget(&self, call: u64) {
        self.waiting().remove(&call);
    }

    /// The peer is gone, and with it every answer it owed.
    pub fn lost(&self, node: NodeId) {
        let lost: Vec<Waiting> = {
            let mut waiting = self.waiting();
            let calls: Vec<u64> =
                waiting.iter().filter(|(_, open)| open.node == node).map(|(call, _)| *call).collect();
            calls.iter().filter_map(|call| waiting.remove(call)).collect()
        };
        for open in lost {
            let error = AskError::Unknown(format!("node {node} was lost while it held the call"));
            let _ = open.reply.send(vec![Err(error); open.asks]);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_reaches_its_caller_once_and_only_from_the_node_asked() {
        let calls = Calls::default();
        let (call, mut receiver) = calls.open(NodeId(2), 1).unwrap();
        calls.reply(NodeId(3), call, vec![Ok(vec![1])]);
        calls.reply(NodeId(2), call, vec![]);
        assert!(receiver.try_recv().is_err(), "wrong node, wrong count");
        calls.reply(NodeId(2), call, vec![Ok(vec![7])]);
        assert_eq!(receiver.try_recv(), Ok(vec![Ok(vec![7])]));
    }

    #[test]
    fn a_lost_peer_leaves_its_calls_in_doubt_and_no_others() {
        let calls = Calls::default();
        let (_, mut lost) = calls.open(NodeId(2), 2).unwrap();
        let (_, mut other) = calls.open(NodeId(3), 1).unwrap();
        calls.lost(NodeId(2));
        let outcomes = lost.try_recv().unwrap();
        assert!(outcomes.len() == 2 && outcomes.iter().all(|o| matches!(o, Err(AskError::Unknown(_)))));
        assert!(other.try_recv().is_err());
    }
}
