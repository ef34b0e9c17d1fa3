//! Starts child processes, sends them commands and waits for their output.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::super::ensure_certificates;
use super::child::{Program, VARIABLE};
use crate::observe::PeerView;
use crate::transport::TransportConfig;

/// Longest wait; the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Settings shared by the nodes of a test.
pub(super) struct World {
    dir: tempfile::TempDir,
    addrs: Vec<SocketAddr>,
    pub(super) certs: PathBuf,
    pub(super) cookie: String,
    pub(super) silent_max: Duration,
    pub(super) credit_bytes: u32,
}

impl World {
    pub(super) fn new(nodes: u16) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let certs = dir.path().join("certs");
        let names: Vec<String> = (1..=nodes).map(|node| format!("n{node}")).collect();
        ensure_certificates(&certs, "test", &names).unwrap();
        // All are held at once, so that the ports differ, and then released for the children.
        let listeners: Vec<TcpListener> =
            names.iter().map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addrs = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        Self {
            dir,
            addrs,
            certs,
            cookie: "cookie".to_owned(),
            silent_max: Duration::from_secs(20),
            credit_bytes: 8 << 20,
        }
    }

    pub(super) fn addr(&self, node: u16) -> SocketAddr {
        self.addrs[usize::from(node) - 1]
    }

    pub(super) fn copy_of_certs(&self) -> PathBuf {
        let copy = self.dir.path().join("copy");
        std::fs::create_dir(&copy).unwrap();
        for file in std::fs::read_dir(&self.certs).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
        }
        copy
    }

    pub(super) fn start(&self, node: u16, incarnation: u64) -> Node {
        let program = Program {
            here: node,
            incarnation,
            cookie: self.cookie.clone(),
            nodes: (1..).zip(self.addrs.iter().copied()).collect(),
            certs: self.certs.clone(),
            config: TransportConfig {
                heartbeat_every: Duration::from_millis(100),
                peer_silent_max: self.silent_max,
                credit_bytes: self.credit_bytes,
                handshake_timeout: Duration::from_secs(2),
                ..TransportConfig::default()
            },
        };
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["transport::mesh::tests::child::a_node_in_a_process_of_its_own", "--exact"])
            .args(["--ignored", "--nocapture"])
            .env(VARIABLE, serde_json::to_string(&program).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Some((_, text)) = line.split_once('@') {
                    let _ = tell.send(text.to_owned());
                }
            }
        });
        let orders = child.stdin.take().unwrap();
        Node { number: node, child, orders, lines, seen: Vec::new(), read: 0 }
    }
}

/// A child process.
pub(super) struct Node {
    number: u16,
    child: Child,
    orders: ChildStdin,
    lines: Receiver<String>,
    /// All its output.
    pub(super) seen: Vec<String>,
    read: usize,
}

impl Node {
    pub(super) fn ask(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
    }

    /// Waits for a line with this prefix. Lines that were returned earlier, and lines before them, are not searched
    /// again unless they were skipped.
    pub(super) fn until(&mut self, start: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen[self.read..].iter().position(|line| line.starts_with(start)) {
                let line = self.seen[self.read + at].clone();
                // The line counts as read; lines before it may still be waited for.
                self.seen[self.read..=self.read + at].rotate_right(1);
                self.read += 1;
                return line;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.seen.push(line),
                Err(_) => panic!("n{} did not say {start:?}: {:?}", self.number, self.seen),
            }
        }
    }

    pub(super) fn peers(&mut self) -> Vec<PeerView> {
        self.ask("peers");
        let line = self.until("peers ");
        serde_json::from_str(line.trim_start_matches("peers ")).unwrap()
    }

    /// Waits until the views of the node's peers match.
    pub(super) fn until_peers(&mut self, so: impl Fn(&[PeerView]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let peers = self.peers();
            if so(&peers) {
                return;
            }
            assert!(Instant::now() < deadline, "n{}: {peers:?}", self.number);
        }
    }

    /// Waits until the node reports no session with a peer, and the reason.
    pub(super) fn until_error(&mut self, peer: u16, part: &str) {
        self.until_peers(|peers| {
            let view = peers.iter().find(|view| view.node.0 == peer).unwrap();
            !view.connected && view.last_error.as_ref().is_some_and(|error| error.contains(part))
        });
    }

    pub(super) fn count(&self, start: &str) -> usize {
        self.seen.iter().filter(|line| line.starts_with(start)).count()
    }

    pub(super) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
