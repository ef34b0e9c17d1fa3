//! Load generators. Samples are microseconds.

use std::future::Future;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use troupe_runtime::time::micros;

/// A closed loop: `count` calls with `in_flight` at once; each starts when another has ended. Returns their durations.
///
/// # Errors
/// The first call that fails ends the load.
pub async fn closed<F>(count: usize, in_flight: usize, call: impl Fn(usize) -> F) -> anyhow::Result<Vec<u64>>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let calls = futures::stream::iter(0..count)
        .map(|at| {
            let call = call(at);
            async move {
                let start = Instant::now();
                call.await.map(|()| micros(start.elapsed()))
            }
        })
        .buffer_unordered(in_flight);
    futures::pin_mut!(calls);
    let mut samples = Vec::with_capacity(count);
    while let Some(sample) = calls.next().await {
        samples.push(sample?);
    }
    Ok(samples)
}

/// An open loop: calls at a fixed rate, independent of the answers. Each is timed from its due time, so a stall shows in
/// every delayed call.
///
/// # Errors
/// The first call that fails.
pub async fn open<F>(per_second: u32, count: usize, call: impl Fn(usize) -> F) -> anyhow::Result<Vec<u64>>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let every = Duration::from_secs(1) / per_second.max(1);
    let start = Instant::now();
    let mut running = Vec::with_capacity(count);
    let mut due = Duration::ZERO;
    for at in 0..count {
        tokio::time::sleep_until((start + due).into()).await;
        let (call, was_due) = (call(at), start + due);
        running.push(tokio::spawn(async move { call.await.map(|()| micros(was_due.elapsed())) }));
        due += every;
    }
    let mut samples = Vec::with_capacity(count);
    for call in running {
        samples.push(call.await??);
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_closed_loop_keeps_so_many_in_flight_and_no_more() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let call = |_| {
            let (now, most) = (&now, &most);
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(5)).await;
                now.fetch_sub(1, Ordering::Relaxed);
                Ok(())
            }
        };
        assert_eq!(closed(20, 4, call).await.unwrap().len(), 20);
        assert_eq!(most.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn an_open_loop_does_not_wait_for_answers() {
        let calls = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(tokio::sync::Notify::new());
        let call = {
            let (calls, gate) = (calls.clone(), gate.clone());
            move |_| {
                let (calls, gate) = (calls.clone(), gate.clone());
                async move {
                    // The last call to start releases all: a loop that waits for an answer would never start it.
                    if calls.fetch_add(1, Ordering::Relaxed) + 1 == 10 {
                        gate.notify_waiters();
                        return Ok(());
                    }
                    gate.notified().await;
                    Ok(())
                }
            }
        };
        let samples = open(10_000, 10, call).await.unwrap();
        assert_eq!(samples.len(), 10);
    }

    #[tokio::test]
    async fn a_call_that_fails_ends_the_load_with_its_error() {
        let call = |at| async move { if at == 3 { anyhow::bail!("the fourth") } else { Ok(()) } };
        assert_eq!(closed(10, 1, call).await.unwrap_err().to_string(), "the fourth");
        assert_eq!(open(10_000, 10, call).await.unwrap_err().to_string(), "the fourth");
    }
}
