//! The binary under test, and configurations on free ports.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The `troupe` that was built beside this test.
pub(crate) fn troupe() -> Command {
    let test = std::env::current_exe().unwrap();
    let binary = test.parent().unwrap().parent().unwrap().join("troupe");
    assert!(binary.exists(), "{} is missing: `make test` builds it", binary.display());
    Command::new(binary)
}

/// Whether what is missing on a laptop must be here.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| ci == "true")
}

/// A configuration with free ports, in a folder of its own.
pub(crate) struct Site {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) gateways: Vec<String>,
    pub(crate) consoles: Vec<String>,
    nodes: Vec<(String, Option<Child>)>,
}

impl Site {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // All are held until all are known, so that none is given twice.
        let held: Vec<TcpListener> = (0..9).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> = held.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        let mut text = String::from("[cluster]\nshards = 4\n[serving]\nreplicas = 1\n");
        for (at, three) in ports.chunks(3).enumerate() {
            let id = at + 1;
            text.push_str(&format!(
                "[[nodes]]\nid = {id}\nname = \"n{id}\"\nmesh = \"127.0.0.1:{}\"\ngateway = \"127.0.0.1:{}\"\n\
                 admin = \"127.0.0.1:{}\"\n",
                three[0], three[1], three[2]
            ));
        }
        std::fs::write(dir.path().join("cluster.toml"), text).unwrap();
        Self {
            gateways: ports.chunks(3).map(|three| format!("http://127.0.0.1:{}", three[1])).collect(),
            consoles: ports.chunks(3).map(|three| format!("http://127.0.0.1:{}", three[2])).collect(),
            nodes: (1..=3).map(|id| (format!("n{id}"), None)).collect(),
            dir,
        }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("cluster.toml")
    }

    pub(crate) fn start(&mut self, node: usize) {
        let config = self.config();
        let (name, child) = &mut self.nodes[node];
        let log = std::fs::File::create(self.dir.path().join(format!("{name}.log"))).unwrap();
        let started = troupe()
            .args(["node", "--name", name, "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        *child = Some(started);
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self, node: usize) {
        if let Some(mut child) = self.nodes[node].1.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn log(&self, node: usize) -> String {
        std::fs::read_to_string(self.dir.path().join(format!("{}.log", self.nodes[node].0)))
            .unwrap_or_default()
    }

    /// Waits until a node reports that every shard is led.
    pub(crate) async fn until_ready(&self, node: usize) {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(1)).build().unwrap();
        let url = format!("{}/readyz", self.gateways[node]);
        let start = Instant::now();
        while !client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(start.elapsed() < Duration::from_secs(60), "not ready: {}", self.log(node));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for node in 0..self.nodes.len() {
            self.kill(node);
        }
    }
}

/// Where the repository is: the binary looks for the inference library from its working directory upward.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
