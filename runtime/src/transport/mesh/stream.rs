//! An authenticated connection as ractor_cluster takes it.

use ractor_cluster::{BoxRead, BoxWrite, ClusterBidiStream};
use tokio::io::{AsyncRead, AsyncWrite};

/// A TLS stream, labelled with the name in its certificate and the session's number.
pub(super) struct MeshStream<S> {
    pub(super) stream: S,
    pub(super) name: String,
    pub(super) number: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> ClusterBidiStream for MeshStream<S> {
    fn split(self: Box<Self>) -> (BoxRead, BoxWrite) {
        let (reader, writer) = tokio::io::split(self.stream);
        (Box::new(reader), Box::new(writer))
    }

    fn peer_label(&self) -> Option<String> {
        // The one thing that ractor_cluster keeps of a stream and shows in its events.
        Some(format!("{}/{:x}", self.name, self.number))
    }
}

/// Reads a label: the certificate's name and the session's number.
pub(super) fn read_label(label: &str) -> Option<(&str, u64)> {
    let (name, number) = label.rsplit_once('/')?;
    Some((name, u64::from_str_radix(number, 16).ok()?))
}
