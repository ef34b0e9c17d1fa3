//! The program of a child process: a node that executes commands from its input and prints what it observes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::super::{Mesh, MeshPeer, MeshSpec};
use crate::address::NodeId;
use crate::time::Clock;
use crate::transport::{
    Envelope, Receiver, ReceiverSlot, SendError, ServiceCall, Transport as _, TransportConfig,
};

/// The environment variable with a child's settings.
pub(super) const VARIABLE: &str = "TROUPE_TEST_MESH_NODE";

/// The settings of a child.
#[derive(Serialize, Deserialize)]
pub(super) struct Program {
    pub(super) here: u16,
    pub(super) incarnation: u64,
    pub(super) cookie: String,
    pub(super) nodes: Vec<(u16, std::net::SocketAddr)>,
    pub(super) certs: PathBuf,
    pub(super) config: TransportConfig,
}

#[test]
#[ignore = "a child of the other tests runs it"]
fn a_node_in_a_process_of_its_own() {
    let Ok(text) = std::env::var(VARIABLE) else { return };
    let program: Program = serde_json::from_str(&text).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(run(program));
}

/// Lines have a marker: the test harness writes to the same stream.
fn say(line: &str) {
    println!("@{line}");
}

#[derive(Default)]
struct Eyes(Mutex<HashMap<NodeId, u64>>);

impl Receiver for Eyes {
    fn receive(&self, from: NodeId, envelope: Envelope) {
        let Envelope::Call(call) = envelope else { return say(&format!("disorder {envelope:?}")) };
        let mut next = self.0.lock().unwrap();
        let next = next.entry(from).or_insert(0);
        if call.call != *next {
            say(&format!("disorder {} instead of {next} from {from}", call.call));
        }
        *next = call.call + 1;
        if call.service == "last" {
            say(&format!("have {} {}", from.0, call.call));
        }
    }

    fn peer_up(&self, node: NodeId, incarnation: u64) {
        // The counter restarts with a new session, as the sender's does.
        say(&format!("up {} {incarnation}", node.0));
    }

    fn peer_down(&self, node: NodeId, reason: &str) {
        self.0.lock().unwrap().remove(&node);
        say(&format!("down {} {reason}", node.0));
    }
}

async fn run(program: Program) {
    let slot = ReceiverSlot::default();
    let eyes: Arc<dyn Receiver> = Arc::new(Eyes::default());
    assert!(slot.set(eyes).is_ok());
    let peer = |(node, addr): &(u16, std::net::SocketAddr)| MeshPeer {
        node: NodeId(*node),
        name: format!("n{node}"),
        addr: *addr,
    };
    let spec = MeshSpec {
        here: NodeId(program.here),
        name: format!("n{}", program.here),
        incarnation: program.incarnation,
        cookie: program.cookie,
        listen: program.nodes.iter().find(|(node, _)| *node == program.here).unwrap().1,
        peers: program.nodes.iter().filter(|(node, _)| *node != program.here).map(peer).collect(),
        certs: program.certs,
        config: program.config,
    };
    let mesh = Mesh::start(spec, Clock::start(), slot).await.unwrap();
    say("started");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    // The end of the input means that the parent has ended.
    while let Ok(Some(line)) = lines.next_line().await {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        match words[0] {
            "send" => {
                let to = NodeId(u16::try_from(number(1)).unwrap());
                send(&mesh, to, number(2)..number(2) + number(3), number(4)).await;
            }
            "peers" => say(&format!("peers {}", serde_json::to_string(&mesh.peers()).unwrap())),
            _ => say("disorder: no such order"),
        }
    }
    mesh.stop();
}

async fn send(mesh: &Mesh, to: NodeId, calls: std::ops::Range<u64>, bytes: u64) {
    let count = calls.end - calls.start;
    for call in calls.clone() {
        let service = if call + 1 == calls.end { "last" } else { "next" };
        let body = vec![7; usize::try_from(bytes).unwrap()];
        let envelope = Envelope::Call(ServiceCall { call, service: service.to_owned(), body });
        loop {
            match mesh.send(to, &envelope) {
                Ok(()) => break,
                Err(SendError::Full) => tokio::time::sleep(Duration::from_millis(1)).await,
                Err(error) => return say(&format!("refused {error}")),
            }
        }
    }
    say(&format!("sent {count}"));
}
