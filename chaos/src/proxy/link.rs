//! One direction of one proxied connection.

use std::time::Duration;

use rand::rngs::SmallRng;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::conditions::LinkConditions;

/// Most bytes of one piece.
const PIECE_BYTES: usize = 8_192;
/// Most pieces in flight; further bytes wait in the sender's socket.
const PIECES_MAX: usize = 256;
/// How long a reordered piece waits for the next piece.
const REORDER_WITHIN: Duration = Duration::from_millis(20);

/// Carries bytes until either end closes. Pieces in flight still arrive.
pub(super) async fn carry(
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    conditions: watch::Receiver<LinkConditions>,
    dice: SmallRng,
) {
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    tokio::join!(send(from, sender, conditions.clone(), dice), arrive(to, receiver, conditions));
}

async fn send(
    mut from: OwnedReadHalf,
    way: mpsc::Sender<(Instant, Vec<u8>)>,
    conditions: watch::Receiver<LinkConditions>,
    mut dice: SmallRng,
) {
    let mut last = Instant::now();
    let mut waiting: Option<(Instant, Vec<u8>)> = None;
    loop {
        let mut piece = vec![0; PIECE_BYTES];
        let read = match &waiting {
            None => from.read(&mut piece).await,
            Some((due, _)) => {
                match tokio::time::timeout_at(*due + REORDER_WITHIN, from.read(&mut piece)).await {
                    Ok(read) => read,
                    Err(_) => {
                        if let Some(late) = waiting.take()
                            && way.send(late).await.is_err()
                        {
                            return;
                        }
                        continue;
                    }
                }
            }
        };
        let Ok(bytes @ 1..) = read else { break };
        piece.truncate(bytes);
        let fate = conditions.borrow().fate(bytes, &mut dice);
        if let Some(bit) = fate.damaged {
            piece[bit / 8] ^= 1 << (bit % 8);
        }
        // No piece overtakes a late one, as in TCP behind a lost segment.
        last = last.max(Instant::now() + fate.late);
        if fate.after_next && waiting.is_none() {
            waiting = Some((last, piece));
            continue;
        }
        let mut pieces = vec![(last, piece)];
        if fate.twice {
            pieces.push(pieces[0].clone());
        }
        pieces.extend(waiting.take());
        for piece in pieces {
            if way.send(piece).await.is_err() {
                return;
            }
        }
    }
    if let Some(late) = waiting {
        // An error means that the other end has closed.
        let _ = way.send(late).await;
    }
}

async fn arrive(
    mut to: OwnedWriteHalf,
    mut way: mpsc::Receiver<(Instant, Vec<u8>)>,
    mut conditions: watch::Receiver<LinkConditions>,
) {
    while let Some((due, piece)) = way.recv().await {
        tokio::time::sleep_until(due).await;
        if conditions.wait_for(|conditions| !conditions.cut).await.is_err()
            || to.write_all(&piece).await.is_err()
        {
            return;
        }
    }
    // A cut holds the close as well.
    if conditions.wait_for(|conditions| !conditions.cut).await.is_ok() {
        let _ = to.shutdown().await;
    }
}
