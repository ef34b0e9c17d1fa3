//! The lower bound of every HTTP figure: one process without replication and state, with the same framework and client.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use troupe_runtime::locks::lock;

/// The fixed answers, copied from a real node, so that the bytes are the same.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// To a feature lookup.
    pub features: String,
    /// To a request for recommendations.
    pub recommendations: String,
}

/// A server that reads a request, appends writes to one file with `fdatasync`, and answers.
pub struct Floor {
    /// The listening address.
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
    _dir: tempfile::TempDir,
}

#[derive(Clone)]
struct Shared {
    file: Arc<Mutex<File>>,
    answers: Arc<Answers>,
}

impl Floor {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// The file or the port could not be opened.
    pub async fn start(answers: Answers) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("troupe-floor-").tempdir()?;
        let file = Arc::new(Mutex::new(File::create(dir.path().join("log"))?));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/v1/events", post(events))
            .route("/v1/actors/{kind}/{key}/{verb}", post(command))
            .route("/metaflow/{*path}", post(command))
            .route(
                "/v1/features:lookup",
                post(async |State(shared): State<Shared>| json(shared.answers.features.clone())),
            )
            .route(
                "/v1/members/{id}/recommendations",
                get(async |State(shared): State<Shared>| json(shared.answers.recommendations.clone())),
            )
            .with_state(Shared { file, answers: Arc::new(answers) });
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, task, _dir: dir })
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn events(State(shared): State<Shared>, body: Bytes) -> impl IntoResponse {
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    keep(shared, body).await;
    json(format!(r#"{{"accepted":{lines},"duplicates":0,"rejected":[],"failed":[]}}"#))
}

async fn command(State(shared): State<Shared>, body: Bytes) -> impl IntoResponse {
    keep(shared, body).await;
    json("null".to_owned())
}

async fn keep(shared: Shared, body: Bytes) {
    let kept = tokio::task::spawn_blocking(move || {
        let mut file = lock(&shared.file);
        file.write_all(&body).and_then(|()| file.sync_data())
    });
    // A write that failed gets no answer: the caller sees a closed connection.
    kept.await.expect("the writer does not panic").expect("the file can be written");
}

fn json(body: String) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], body)
}
