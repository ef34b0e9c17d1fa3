//! The binary under test, and configurations on free ports.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use troupe_local_cluster::node_process::{Launch, NodeProcess};
use troupe_local_cluster::ports::free_port;

/// The `troupe` that was built beside this test.
pub(crate) fn troupe() -> Command {
    Command::new(binary_of("troupe"))
}

fn binary_of(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let binary = test.parent().unwrap().parent().unwrap().join(name);
    assert!(binary.exists(), "{} is missing: `make test` builds it", binary.display());
    binary
}

/// A configuration with free ports, in a folder of its own.
pub(crate) struct Site {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) gateways: Vec<String>,
    pub(crate) admins: Vec<String>,
    binary: PathBuf,
    nodes: Vec<(String, Option<NodeProcess>)>,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::of("troupe")
    }

    /// Nodes of another binary that was built beside this test.
    pub(crate) fn of(binary: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ports: Vec<u16> = (0..9).map(|_| free_port()).collect();
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
            admins: ports.chunks(3).map(|three| format!("http://127.0.0.1:{}", three[2])).collect(),
            gateways: ports.chunks(3).map(|three| format!("http://127.0.0.1:{}", three[1])).collect(),
            binary: binary_of(binary),
            nodes: (1..=3).map(|id| (format!("n{id}"), None)).collect(),
            dir,
        }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("cluster.toml")
    }

    pub(crate) fn start(&mut self, node: usize) {
        self.start_as(node, &self.config(), &[]);
    }

    /// With another configuration, or another environment, than its peers have.
    pub(crate) fn start_as(&mut self, node: usize, config: &Path, environment: &[(&str, &str)]) {
        self.run(node, config, &[], environment);
    }

    fn run(&mut self, node: usize, config: &Path, more: &[&str], environment: &[(&str, &str)]) {
        let (name, process) = &mut self.nodes[node];
        let log = self.dir.path().join(format!("{name}.log"));
        // A log is of one life.
        std::fs::write(&log, "").unwrap();
        let mut launch = Launch::new(&self.binary, config, name, &log);
        launch.arguments = more.iter().map(Into::into).collect();
        launch.environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        *process = Some(launch.start().unwrap());
    }

    /// Three nodes that serve.
    pub(crate) async fn running() -> Self {
        let mut site = Self::new();
        site.serve().await;
        site
    }

    /// Starts the three founding nodes, and waits until all of them serve.
    pub(crate) async fn serve(&mut self) {
        for node in 0..3 {
            self.start(node);
        }
        for node in 0..3 {
            self.until_ready(node).await;
        }
    }

    /// A node that comes to the cluster of the others: it knows itself alone, and where to ask. Returns its place.
    pub(crate) fn join(&mut self) -> usize {
        let id = self.nodes.len() + 1;
        let ports: Vec<u16> = (0..3).map(|_| free_port()).collect();
        let text = format!(
            "[cluster]\nshards = 4\n[serving]\nreplicas = 1\n[[nodes]]\nid = {id}\nname = \"n{id}\"\n\
             mesh = \"127.0.0.1:{}\"\ngateway = \"127.0.0.1:{}\"\nadmin = \"127.0.0.1:{}\"\n",
            ports[0], ports[1], ports[2]
        );
        std::fs::write(self.dir.path().join(format!("n{id}.toml")), text).unwrap();
        self.gateways.push(format!("http://127.0.0.1:{}", ports[1]));
        self.admins.push(format!("http://127.0.0.1:{}", ports[2]));
        self.nodes.push((format!("n{id}"), None));
        let seed = self.admins[0].trim_start_matches("http://").to_owned();
        self.run(id - 1, &self.dir.path().join(format!("n{id}.toml")), &["--join", &seed], &[]);
        id - 1
    }

    /// SIGTERM, and the end that it leads to.
    pub(crate) fn stop(&mut self, node: usize) {
        if let Some(process) = self.nodes[node].1.take() {
            assert!(process.terminate().unwrap().success(), "{}", self.log(node));
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self, node: usize) {
        drop(self.nodes[node].1.take());
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

/// Where the repository is: the binary looks for the inference library from its working directory upward.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
