//! One direction of one connection.

use std::time::Duration;

use rand::rngs::SmallRng;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::weather::Weather;

/// Bytes read at once.
const PIECE_BYTES: usize = 8_192;
/// Pieces on the way at once; more wait in the sender's socket.
const PIECES_MAX: usize = 256;
/// How long a piece waits for another to come before it.
const REORDER_WITHIN: Duration = Duration::from_millis(20);

/// Carries bytes until either end hangs up. What was on the way still arrives.
pub(super) async fn carry(
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    weather: watch::Receiver<Weather>,
    dice: SmallRng,
) {
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    tokio::join!(send(from, sender, weather.clone(), dice), arrive(to, receiver, weather));
}

async fn send(
    mut from: OwnedReadHalf,
    way: mpsc::Sender<(Instant, Vec<u8>)>,
    weather: watch::Receiver<Weather>,
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
        let fate = weather.borrow().fate(bytes, &mut dice);
        if let Some(bit) = fate.damaged {
            piece[bit / 8] ^= 1 << (bit % 8);
        }
        // Nothing overtakes what is late: that is what TCP does behind a lost segment.
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
        // An error means that the other end has hung up.
        let _ = way.send(late).await;
    }
}

async fn arrive(
    mut to: OwnedWriteHalf,
    mut way: mpsc::Receiver<(Instant, Vec<u8>)>,
    mut weather: watch::Receiver<Weather>,
) {
    while let Some((due, piece)) = way.recv().await {
        tokio::time::sleep_until(due).await;
        if weather.wait_for(|weather| !weather.cut).await.is_err() || to.write_all(&piece).await.is_err() {
            return;
        }
    }
    // A farewell does not get through either.
    if weather.wait_for(|weather| !weather.cut).await.is_ok() {
        let _ = to.shutdown().await;
    }
}
