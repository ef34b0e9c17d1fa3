//! Calls to other nodes that wait for their replies.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::oneshot;

use crate::address::NodeId;
use crate::error::AskError;
use crate::locks::lock;
use crate::transport::Outcome;

/// Calls that may wait at once; one more is answered `Busy`.
const WAITING_MAX: usize = 65_536;

struct Waiting {
    node: NodeId,
    asks: usize,
    reply: oneshot::Sender<Vec<Outcome>>,
}

/// An open call. Dropping it forgets the call, also when its caller has gone away: the answer may never come.
pub struct OpenCall {
    number: u64,
    calls: Arc<Calls>,
    /// Receives the replies.
    pub replies: oneshot::Receiver<Vec<Outcome>>,
}

impl OpenCall {
    /// Its number.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.calls.waiting().remove(&self.number);
    }
}

/// Open calls by number. Each reply is matched to its call; a lost peer answers all of its calls with `Unknown`.
#[derive(Default)]
pub struct Calls {
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, Waiting>>,
}

impl Calls {
    /// Opens a call to a node.
    ///
    /// # Errors
    /// `Busy` at the bound of open calls.
    pub fn open(self: &Arc<Self>, node: NodeId, asks: usize) -> Result<OpenCall, AskError> {
        let mut waiting = self.waiting();
        if waiting.len() >= WAITING_MAX {
            return Err(AskError::busy("pending calls", std::time::Duration::from_millis(100)));
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let (reply, replies) = oneshot::channel();
        waiting.insert(number, Waiting { node, asks, reply });
        Ok(OpenCall { number, calls: self.clone(), replies })
    }

    /// Passes a reply to its call.
    pub fn reply(&self, from: NodeId, call: u64, outcomes: Vec<Outcome>) {
        let found = {
            let mut waiting = self.waiting();
            match waiting.get(&call) {
                // Only the node that was asked may answer.
                Some(open) if open.node == from && open.asks == outcomes.len() => waiting.remove(&call),
                _ => None,
            }
        };
        if let Some(open) = found {
            let _ = open.reply.send(outcomes);
        }
    }

    /// A peer was lost: answers its calls with `Unknown`.
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
        lock(&self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_reaches_its_caller_once_and_only_from_the_node_asked() {
        let calls = Arc::new(Calls::default());
        let mut call = calls.open(NodeId(2), 1).unwrap();
        calls.reply(NodeId(3), call.number(), vec![Ok(vec![1])]);
        calls.reply(NodeId(2), call.number(), vec![]);
        assert!(call.replies.try_recv().is_err(), "wrong node, wrong count");
        calls.reply(NodeId(2), call.number(), vec![Ok(vec![7])]);
        assert_eq!(call.replies.try_recv(), Ok(vec![Ok(vec![7])]));
    }

    #[test]
    fn a_call_is_forgotten_with_its_caller() {
        let calls = Arc::new(Calls::default());
        let call = calls.open(NodeId(2), 1).unwrap();
        let number = call.number();
        drop(call);
        assert!(calls.waiting().is_empty());
        calls.reply(NodeId(2), number, vec![Ok(vec![7])]);
    }

    #[test]
    fn a_lost_peer_leaves_its_calls_in_doubt_and_no_others() {
        let calls = Arc::new(Calls::default());
        let mut lost = calls.open(NodeId(2), 2).unwrap();
        let mut other = calls.open(NodeId(3), 1).unwrap();
        calls.lost(NodeId(2));
        let outcomes = lost.replies.try_recv().unwrap();
        assert!(outcomes.len() == 2 && outcomes.iter().all(|o| matches!(o, Err(AskError::Unknown(_)))));
        assert!(other.replies.try_recv().is_err());
    }
}
