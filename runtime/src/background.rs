//! Threads for work that no caller waits for: checkpoints, and snapshots of moving shards.
//!
//! With few cores, such work would get as much CPU as requests, in slices of milliseconds. At a lower priority it
//! gets what requests leave.

use std::io;
use std::thread::{Builder, JoinHandle};

use crate::locks::lock;

/// Niceness of a background thread: about a tenth of a core while requests want all of it.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Starts a background thread.
///
/// # Errors
/// No thread could be created.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(move || {
        step_back();
        work();
    })
}

/// Runs work on a background thread; the calling task awaits the result.
///
/// # Errors
/// No thread could be created, or the work panicked.
pub(crate) async fn done<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // A caller that has gone away is not an error.
    spawn(name, move || drop(sender.send(work())))?;
    receiver.await.map_err(|_| io::Error::other(format!("{name} panicked")))
}

/// Runs work on a background thread and blocks until it ends; runs it on this thread if no thread can be created.
pub(crate) fn wait_for<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> T {
    let work = std::sync::Mutex::new(Some(work));
    let take = || lock(&work).take();
    let background = || {
        step_back();
        take().map(|work| work())
    };
    let done = std::thread::scope(|scope| {
        match Builder::new().name(name.to_owned()).spawn_scoped(scope, background) {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => take().map(|work| work()),
        }
    });
    done.expect("the work is taken once")
}

/// Lowers this thread's priority. An unprivileged thread cannot raise it again, so only dedicated threads call this.
fn step_back() {
    // On other systems than Linux this is the priority of the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "a background thread keeps its priority");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn background_threads_step_back_and_no_other() {
        let niceness = || rustix::process::getpriority_process(None).expect("a priority");
        let before = niceness();
        let mut here = 0;
        wait_for("test", || here = niceness());
        assert_eq!((here, niceness()), (NICENESS.max(before), before));
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = spawn("test", move || sender.send(niceness()).expect("a receiver")).expect("a thread");
        assert_eq!(receiver.recv(), Ok(here));
        thread.join().expect("an end");
    }
}
