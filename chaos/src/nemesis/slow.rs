//! Clients that send requests and do not read the answers.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::cluster::Endpoints;

/// Connections per node.
const CONNECTIONS: usize = 64;
/// Most requests per connection; backpressure may stop the client earlier.
const REQUESTS: usize = 20_000;

/// Each client pipelines requests on its connection and never reads an answer.
pub(super) async fn consumers(endpoints: &[Endpoints], hold: Duration) -> anyhow::Result<Vec<String>> {
    let mut clients = JoinSet::new();
    for endpoint in endpoints {
        for _ in 0..CONNECTIONS {
            let gateway = endpoint.gateway;
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
