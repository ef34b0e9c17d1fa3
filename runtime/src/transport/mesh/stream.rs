//! An authenticated connection as ractor_cluster takes it.

use ractor_cluster::{BoxRead, BoxWrite, ClusterBidiStream};
use tokio::io::{AsyncRead, AsyncWrite};

/// A TLS stream, labelled with the name in its certificate.
pub(super) struct MeshStream<S> {
    pub(super) stream: S,
    pub(super) name: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> ClusterBidiStream for MeshStream<S> {
    fn split(self: Box<Self>) -> (BoxRead, BoxWrite) {
        let (reader, writer) = tokio::io::split(self.stream);
        (Box::new(reader), Box::new(writer))
    }

    fn peer_label(&self) -> Option<String> {
        Some(self.name.clone())
    }
}
