//! The client of the services of all nodes.

use std::sync::Arc;
use std::time::Duration;

use super::calls::Calls;
use super::services::Services;
use crate::address::NodeId;
use crate::error::AskError;
use crate::transport::{Envelope, Outcome, SendError, ServiceCall, ServiceTell, Transport};

/// Calls services of any node, this node included. Clones share the services and the open calls.
#[derive(Clone)]
pub struct ServiceClient {
    here: NodeId,
    calls: Arc<Calls>,
    services: Arc<Services>,
    transport: Arc<dyn Transport>,
}

impl ServiceClient {
    /// The client of node `here`.
    #[must_use]
    pub fn new(
        here: NodeId,
        calls: Arc<Calls>,
        services: Arc<Services>,
        transport: Arc<dyn Transport>,
    ) -> Self {
        Self { here, calls, services, transport }
    }

    /// The services of this node.
    #[must_use]
    pub const fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// Sends a message to a service of another node: at most once, in order with this node's other messages to it.
    /// A success means that the message was queued.
    ///
    /// # Errors
    /// See [`SendError`]. A full queue refuses the message; the sender decides what that means.
    pub fn tell(&self, node: NodeId, service: &str, body: Vec<u8>) -> Result<(), SendError> {
        let tell = ServiceTell { service: service.to_owned(), body };
        self.transport.send(node, &Envelope::Tell(tell))
    }

    /// Calls a service of a node and waits at most `within` for its answer.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn call(&self, node: NodeId, service: &str, body: Vec<u8>, within: Duration) -> Outcome {
        if node == self.here {
            return self.services.answer(service, body).await;
        }
        let mut open = self.calls.open(node, 1)?;
        let call = ServiceCall { call: open.number(), service: service.to_owned(), body };
        if let Err(error) = self.transport.send(node, &Envelope::Call(call)) {
            return Err(AskError::NotSent(format!("node {node}: {error}")));
        }
        match tokio::time::timeout(within, &mut open.replies).await {
            Ok(Ok(mut outcomes)) => {
                outcomes.pop().unwrap_or_else(|| Err(AskError::Unknown("no answer".into())))
            }
            Ok(Err(_)) | Err(_) => {
                Err(AskError::Unknown(format!("node {node} did not answer within {within:?}")))
            }
        }
    }
}
