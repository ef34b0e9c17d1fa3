//! Two channels over one connection: the bytes of ractor_cluster, and the mesh's own frames.
//!
//! Between two postboxes ractor_cluster hands a cast through some ten tasks, and each of them may wait for a processor.
//! A frame needs none of them: its writer writes it to the connection, and the connection's reader hands it to the
//! node. The session stays ractor_cluster's: it authenticates, it reports the peer's postbox, and both channels end with
//! it.
//!
//! Both ends agree on the two channels by ALPN. With a peer of an earlier version there is one channel, and frames travel
//! as casts. On the connection each record is its channel (one byte), its length (four bytes, little endian) and its
//! bytes.

use std::io;
use std::sync::Arc;

use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf,
};
use tokio::sync::{Mutex, watch};

use super::link::Links;

/// The name of the two channels in a TLS handshake.
pub(super) const ALPN: &[u8] = b"troupe-frames/1";
/// Largest record; a longer one ends the connection.
const RECORD_BYTES_MAX: u32 = 16 << 20;
/// Bytes of ractor_cluster that wait in each direction.
const SESSION_BUFFER_BYTES: usize = 64 << 10;
/// Records up to this size are copied behind their head and written at once.
const COPIED_BYTES_MAX: usize = 64 << 10;

/// A channel, as its byte in a record's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    Session = 0,
    Frames = 1,
}

/// The writing half of a connection with two channels.
pub(super) struct FrameWriter<W> {
    /// `None` once the connection has ended.
    half: Mutex<Option<W>>,
    ended: watch::Sender<bool>,
}

/// The writer of any connection.
pub(super) type AnyFrameWriter = FrameWriter<Box<dyn AsyncWrite + Send + Unpin>>;

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    fn new(half: W) -> Self {
        Self { half: Mutex::new(Some(half)), ended: watch::Sender::new(false) }
    }

    /// Writes one frame. It waits while the peer reads slowly, until the connection ends.
    ///
    /// # Errors
    /// `NotConnected` after the end, and errors of the socket.
    pub(super) async fn write(&self, frame: &[u8]) -> io::Result<()> {
        self.record(Channel::Frames, frame).await
    }

    async fn record(&self, channel: Channel, bytes: &[u8]) -> io::Result<()> {
        let mut ended = self.ended.subscribe();
        let written = async {
            let mut half = self.half.lock().await;
            let half = half.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            let length = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
            let mut record = Vec::with_capacity(5 + bytes.len().min(COPIED_BYTES_MAX));
            record.push(channel as u8);
            record.extend_from_slice(&length.to_le_bytes());
            if bytes.len() <= COPIED_BYTES_MAX {
                record.extend_from_slice(bytes);
                half.write_all(&record).await?;
            } else {
                half.write_all(&record).await?;
                half.write_all(bytes).await?;
            }
            half.flush().await
        };
        tokio::select! {
            biased;
            _ = ended.wait_for(|ended| *ended) => Err(io::ErrorKind::NotConnected.into()),
            written = written => written,
        }
    }

    /// Ends a write that waits, and closes the half.
    async fn end(&self) {
        self.ended.send_replace(true);
        drop(self.half.lock().await.take());
    }
}

/// Splits a connection into its channels. Returns ractor_cluster's stream; frames go to `links` until the connection or
/// the session ends.
pub(super) fn split<S>(links: Arc<Links>, number: u64, stream: S) -> DuplexStream
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (reader, writer) = tokio::io::split(stream);
    let (near, far) = tokio::io::duplex(SESSION_BUFFER_BYTES);
    let writer: Arc<AnyFrameWriter> = Arc::new(FrameWriter::new(Box::new(writer)));
    links.connected(number, writer.clone());
    let connected = Connected { links, number, writer };
    #[allow(clippy::disallowed_methods, reason = "it ends with the connection or with its session")]
    tokio::spawn(async move {
        let arrived = |frame: &[u8]| connected.links.arrived(frame);
        if let Err(error) = carry(reader, &connected.writer, near, arrived).await {
            tracing::debug!(%error, "a connection of the mesh ended");
        }
    });
    far
}

/// A connection that is known to the links. It is forgotten also after a panic of the node's receiver.
struct Connected {
    links: Arc<Links>,
    number: u64,
    writer: Arc<AnyFrameWriter>,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.writer.ended.send_replace(true);
        self.links.disconnected(self.number);
    }
}

/// Carries both channels until one of the two sides ends.
async fn carry<R, W>(
    reader: R,
    writer: &FrameWriter<W>,
    session: DuplexStream,
    arrived: impl Fn(&[u8]),
) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (from_session, to_session) = tokio::io::split(session);
    let ended = tokio::select! {
        ended = receive(reader, to_session, arrived) => ended,
        ended = send(from_session, writer) => ended,
    };
    writer.end().await;
    ended
}

/// Reads records from the connection.
async fn receive<R: AsyncRead + Unpin>(
    mut reader: R,
    mut to_session: WriteHalf<DuplexStream>,
    arrived: impl Fn(&[u8]),
) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let channel = match reader.read_u8().await? {
            0 => Channel::Session,
            1 => Channel::Frames,
            other => return Err(broken(format!("a record of channel {other}"))),
        };
        let length = reader.read_u32_le().await?;
        if length > RECORD_BYTES_MAX {
            return Err(broken(format!("a record of {length} bytes")));
        }
        bytes.clear();
        (&mut reader).take(u64::from(length)).read_to_end(&mut bytes).await?;
        if bytes.len() < length as usize {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match channel {
            Channel::Session => to_session.write_all(&bytes).await?,
            Channel::Frames => arrived(&bytes),
        }
        // A large frame's memory is not kept for small ones.
        bytes.shrink_to(COPIED_BYTES_MAX);
    }
}

/// Writes the session's bytes to the connection, until the session ends.
async fn send<W: AsyncWrite + Unpin>(
    mut from_session: ReadHalf<DuplexStream>,
    writer: &FrameWriter<W>,
) -> io::Result<()> {
    let mut bytes = vec![0; SESSION_BUFFER_BYTES];
    loop {
        match from_session.read(&mut bytes).await? {
            0 => return Ok(()),
            count => writer.record(Channel::Session, &bytes[..count]).await?,
        }
    }
}

fn broken(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as StdMutex;
    use std::sync::atomic::AtomicU64;

    use arc_swap::ArcSwap;

    use super::*;
    use crate::address::NodeId;
    use crate::time::Clock;
    use crate::transport::TransportConfig;

    /// One end of a connection.
    struct End {
        writer: Arc<FrameWriter<WriteHalf<DuplexStream>>>,
        session: DuplexStream,
        frames: Arc<StdMutex<Vec<Vec<u8>>>>,
        carried: tokio::task::JoinHandle<io::Result<()>>,
    }

    fn end(connection: DuplexStream) -> End {
        let (reader, half) = tokio::io::split(connection);
        let (near, session) = tokio::io::duplex(100);
        let writer = Arc::new(FrameWriter::new(half));
        let frames: Arc<StdMutex<Vec<Vec<u8>>>> = Arc::default();
        let (carrier, arrived) = (writer.clone(), frames.clone());
        let carried = tokio::spawn(async move {
            carry(reader, &carrier, near, |frame| arrived.lock().unwrap().push(frame.to_vec())).await
        });
        End { writer, session, frames, carried }
    }

    #[tokio::test]
    async fn both_channels_arrive_whole_and_in_order() {
        let (one, two) = tokio::io::duplex(1_000);
        let (mut one, mut two) = (end(one), end(two));
        let frames: Vec<Vec<u8>> =
            [0, 1, 5_000, COPIED_BYTES_MAX, COPIED_BYTES_MAX + 1].iter().map(|size| vec![7; *size]).collect();
        for frame in &frames {
            one.writer.write(frame).await.unwrap();
            one.session.write_all(b"session").await.unwrap();
        }
        let mut bytes = [0; 35];
        two.session.read_exact(&mut bytes).await.unwrap();
        assert_eq!(bytes, *b"sessionsessionsessionsessionsession");
        two.session.write_all(b"back").await.unwrap();
        one.session.read_exact(&mut bytes[..4]).await.unwrap();
        assert_eq!(bytes[..4], *b"back");
        assert_eq!(*two.frames.lock().unwrap(), frames);
    }

    #[tokio::test]
    async fn the_end_of_a_session_ends_the_connection_and_a_write_that_waits() {
        // The other end is held and not read.
        let (one, mut two) = tokio::io::duplex(1_000);
        let one = end(one);
        let writer = one.writer.clone();
        let blocked = tokio::spawn(async move { writer.write(&[2; 50_000]).await });
        while one.writer.half.try_lock().is_ok() {
            tokio::task::yield_now().await;
        }
        assert!(!blocked.is_finished());
        drop(one.session);
        assert_eq!(blocked.await.unwrap().unwrap_err().kind(), io::ErrorKind::NotConnected);
        one.carried.await.unwrap().unwrap();
        assert!(one.writer.write(b"late").await.is_err());
        let mut rest = Vec::new();
        two.read_to_end(&mut rest).await.unwrap();
        assert!(rest.len() < 50_000, "the connection is closed in the middle of the frame");
    }

    #[tokio::test]
    async fn a_connection_is_known_to_the_links_until_its_session_ends() {
        let links = Arc::new(Links {
            here: NodeId(1),
            incarnation: 1,
            clock: Clock::start(),
            config: TransportConfig::default(),
            slot: Arc::default(),
            links: ArcSwap::default(),
            sent: Arc::default(),
            broken: AtomicU64::new(0),
            connections: StdMutex::default(),
        });
        let (one, _two) = tokio::io::duplex(1_000);
        let session = split(links.clone(), 7, one);
        let frames = links.frames_of(7).expect("the connection");
        assert!(links.frames_of(8).is_none());
        drop(session);
        while links.frames_of(7).is_some() {
            tokio::task::yield_now().await;
        }
        assert_eq!(frames.write(b"late").await.unwrap_err().kind(), io::ErrorKind::NotConnected);
    }

    #[tokio::test]
    async fn a_record_of_no_channel_or_above_the_bound_ends_the_connection() {
        for bad in [[9, 1, 0, 0, 0], [1, 1, 0, 0, 1]] {
            let (mut one, two) = tokio::io::duplex(1_000);
            let mut two = end(two);
            one.write_all(&bad).await.unwrap();
            assert_eq!(two.carried.await.unwrap().unwrap_err().kind(), io::ErrorKind::InvalidData);
            assert_eq!(two.session.read(&mut [0]).await.unwrap(), 0, "the session ends too");
        }
    }
}
