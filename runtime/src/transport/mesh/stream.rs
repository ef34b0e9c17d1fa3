//! An authenticated connection in the form that ractor_cluster needs, and the socket under it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use ractor_cluster::{BoxRead, BoxWrite, ClusterBidiStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::channels;
use super::link::Links;

/// A socket that counts the bytes written.
pub(super) struct Counted {
    pub(super) stream: TcpStream,
    pub(super) sent: Arc<AtomicU64>,
}

impl Counted {
    fn count(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.sent.fetch_add(*bytes as u64, Ordering::Relaxed);
        }
        written
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// An authenticated connection.
pub(super) struct Connection<S> {
    pub(super) stream: S,
    /// The name in the peer's certificate.
    pub(super) name: String,
    /// The session's number.
    pub(super) number: u64,
    /// Whether it carries frames beside ractor_cluster's bytes.
    pub(super) two_channels: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Connection<S> {
    /// The stream for ractor_cluster.
    pub(super) fn open(self, links: &Arc<Links>) -> Box<dyn ClusterBidiStream> {
        let Self { stream, name, number, two_channels } = self;
        if two_channels {
            Box::new(MeshStream { stream: channels::split(links.clone(), number, stream), name, number })
        } else {
            Box::new(MeshStream { stream, name, number })
        }
    }
}

/// A stream, labelled with the name in its certificate and the session's number.
struct MeshStream<S> {
    stream: S,
    name: String,
    number: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> ClusterBidiStream for MeshStream<S> {
    fn split(self: Box<Self>) -> (BoxRead, BoxWrite) {
        let (reader, writer) = tokio::io::split(self.stream);
        (Box::new(reader), Box::new(writer))
    }

    fn peer_label(&self) -> Option<String> {
        // The only part of a stream that ractor_cluster keeps and shows in its events.
        Some(format!("{}/{:x}", self.name, self.number))
    }
}

/// Parses a label: the certificate's name and the session's number.
pub(super) fn read_label(label: &str) -> Option<(&str, u64)> {
    let (name, number) = label.rsplit_once('/')?;
    Some((name, u64::from_str_radix(number, 16).ok()?))
}
