//! Clients that ask and do not read.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::site::Place;

/// For each node.
const CONNECTIONS: usize = 64;
/// Requests that each sends if it is let.
const REQUESTS: usize = 20_000;

/// Each sends one request after the other down its connection and never looks at an answer.
pub(super) async fn consumers(places: &[Place], hold: Duration) -> anyhow::Result<Vec<String>> {
    let mut clients = JoinSet::new();
    for place in places {
        for _ in 0..CONNECTIONS {
            let gateway = place.gateway;
            clients.spawn(async move {
                let request =
                    "POST /v1/actors/probes/slow/read HTTP/1.1\r\nHost: troupe\r\nContent-Length: 2\r\n\r\n{}";
                let Ok(mut stream) = TcpStream::connect(gateway).await else { return 0 };
                let mut sent = 0_usize;
                let _ = tokio::time::timeout(hold, async {
                    while sent < REQUESTS && stream.write_all(request.as_bytes()).await.is_ok() {
                        sent += 1;
                    }
                    std::future::pending::<()>().await;
                })
                .await;
                sent
            });
        }
    }
    let count = clients.len();
    let mut sent = 0;
    while let Some(of_one) = clients.join_next().await {
        sent += of_one.unwrap_or(0);
    }
    Ok(vec![format!("{count} connections that read nothing were let send {sent} requests")])
}
