//! Named services of a node for other nodes, such as inspection.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use futures::future::BoxFuture;
use tokio::sync::Semaphore;

use crate::address::NodeId;
use crate::error::AskError;
use crate::locks;
use crate::transport::Outcome;

/// Calls handled at once; one more is answered `Busy`.
const RUNNING_MAX: usize = 256;

/// Answers one call.
pub type ServiceHandler = Arc<dyn Fn(Vec<u8>) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// Takes one message without an answer, and its sender. Called on the receive path: it must not block.
pub type TellHandler = Arc<dyn Fn(NodeId, Vec<u8>) + Send + Sync>;

/// The services of this node.
pub struct Services {
    handlers: RwLock<HashMap<String, ServiceHandler>>,
    listeners: RwLock<HashMap<String, TellHandler>>,
    running: Arc<Semaphore>,
}

impl Default for Services {
    fn default() -> Self {
        Self {
            handlers: RwLock::default(),
            listeners: RwLock::default(),
            running: Arc::new(Semaphore::new(RUNNING_MAX)),
        }
    }
}

impl Services {
    /// Offers a service under a name, replacing an earlier one.
    pub fn offer(&self, name: &str, handler: ServiceHandler) {
        locks::write(&self.handlers).insert(name.to_owned(), handler);
    }

    /// Listens under a name, replacing an earlier listener.
    pub fn listen(&self, name: &str, handler: TellHandler) {
        locks::write(&self.listeners).insert(name.to_owned(), handler);
    }

    /// Hands a message to the listener of a name; without a listener the message is dropped.
    pub fn deliver(&self, name: &str, from: NodeId, body: Vec<u8>) {
        let listeners = locks::read(&self.listeners);
        if let Some(listener) = listeners.get(name) {
            listener(from, body);
        }
    }

    /// Answers a call.
    pub async fn answer(&self, name: &str, body: Vec<u8>) -> Outcome {
        let handler = locks::read(&self.handlers).get(name).cloned();
        let handler =
            handler.ok_or_else(|| AskError::NotSent(format!("no service {name:?} on this node")))?;
        let _running = self
            .running
            .try_acquire()
            .map_err(|_| AskError::busy("services", std::time::Duration::from_millis(100)))?;
        handler(body).await
    }
}
