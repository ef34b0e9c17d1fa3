//! Shows the console of a synthetic cluster: `cargo run -p troupe-supervision --example console_demo [address]`.

#[path = "../tests/synthetic/mod.rs"]
mod synthetic;

use std::sync::Arc;

use tokio::net::TcpListener;
use troupe_runtime::observe::{Journal as _, Lifecycle};
use troupe_runtime::{NodeId, Timestamp};
use troupe_supervision::RingJournal;
use troupe_supervision::console::{Console, ConsoleConfig};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9090".to_owned());
    let started = Timestamp(Timestamp::wall().millis().saturating_sub(3_720_000));
    let cluster = Arc::new(synthetic::Synthetic::new(7, started));
    if std::env::args().nth(2).as_deref() == Some("dead") {
        cluster.hang(NodeId(3));
    }
    let journal = Arc::new(RingJournal::default());
    for (subject, change, reason) in [
        ("n1", "started", "boot"),
        ("n3", "peer_up", "session over mutual TLS"),
        ("shard-3", "became_leader", "term 4"),
    ] {
        journal.record(Lifecycle {
            at: Timestamp::wall(),
            node: NodeId(1),
            subject: subject.to_owned(),
            change: change.to_owned(),
            reason: reason.to_owned(),
        });
    }
    let console = Console {
        inspect: cluster.clone(),
        operate: cluster.clone(),
        cluster: "synthetic".to_owned(),
        trees: cluster,
        journal,
        metrics: Arc::new(|| "# the synthetic cluster has no metrics\n".to_owned()),
        config: ConsoleConfig::default(),
    };
    let listener = TcpListener::bind(&address).await?;
    println!("http://{}", listener.local_addr()?);
    console.serve(listener, std::future::pending()).await
}
