//! Steady writers: the longest time of any without an acknowledgement is what a client sees of a failover.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use troupe_sdk::{Client, Event};

use crate::audit::Ledger;

/// Pause between writes.
const PAUSE: Duration = Duration::from_millis(20);

/// Writers, each to a member of its own.
pub struct Probe {
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<Duration>>,
}

impl Probe {
    pub fn start(client: &Client, ledger: &Arc<Mutex<Ledger>>, members: usize) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = |at: usize| {
            let (client, ledger, stopped) = (client.clone(), ledger.clone(), stopped.clone());
            tokio::spawn(async move { write(&client, &ledger, &format!("probe-{at}"), &stopped).await })
        };
        Self { stop, tasks: (0..members).map(task).collect() }
    }

    /// Ends the writers and tells the longest gap of any.
    pub async fn stop(self) -> anyhow::Result<Duration> {
        self.stop.send(true)?;
        let mut longest = Duration::ZERO;
        for task in self.tasks {
            longest = longest.max(task.await?);
        }
        Ok(longest)
    }
}

async fn write(
    client: &Client,
    ledger: &Mutex<Ledger>,
    member: &str,
    stopped: &watch::Receiver<bool>,
) -> Duration {
    let (mut longest, mut last, mut at) = (Duration::ZERO, Instant::now(), 1_u64);
    while !*stopped.borrow() {
        let event = Event::new(member, "probe", "probe", at).value(1.0);
        at += 1;
        let receipt = client.record_events(std::slice::from_ref(&event)).await;
        let acknowledged = receipt.is_ok_and(|receipt| receipt.acknowledged() == 1);
        if acknowledged {
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
        ledger.lock().unwrap_or_else(PoisonError::into_inner).sent(&event, acknowledged);
        tokio::time::sleep(PAUSE).await;
    }
    longest.max(last.elapsed())
}
