//! Threads for work that no caller waits for: checkpoints, and shards on their way from node to node.
//!
//! Where cores are short such work would be served as often as a request, in slices of milliseconds each; at a lower priority
//! it takes what requests leave.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Niceness of a background thread: about a tenth of a core's time where requests want all of it.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Starts a background thread.
///
/// # Errors
/// The system has no thread left.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(move || {
        step_back();
        work();
    })
}

/// Does work on a background thread while the task goes on to others.
///
/// # Errors
/// The system has no thread left, or the work panicked.
pub(crate) async fn done<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (said, heard) = tokio::sync::oneshot::channel();
    // Whoever no longer wants to know is no error.
    spawn(name, move || drop(said.send(work())))?;
    heard.await.map_err(|_| io::Error::other(format!("{name} panicked")))
}

/// Does work on a background thread and waits for its end; where the system has no thread left, on this one.
pub(crate) fn wait_for<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> T {
    let work = std::sync::Mutex::new(Some(work));
    let take = || work.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
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

/// Lowers this thread's priority, which an unprivileged thread cannot raise again: only for threads that live for such work.
fn step_back() {
    // Elsewhere than on Linux this is the priority of the whole process.
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
        let (said, heard) = std::sync::mpsc::channel();
        let thread =
            spawn("test", move || said.send(niceness()).expect("somebody who listens")).expect("a thread");
        assert_eq!(heard.recv(), Ok(here));
        thread.join().expect("an end");
    }
}
