//! A program as a child process: its output lines are progress, and its process group ends with the task.

use std::collections::VecDeque;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::Command;

use super::super::progress::Progress;

/// Longest line of progress, in bytes.
const LINE_BYTES_MAX: u64 = 4 << 10;
/// How long the output of a program that has ended may still come.
const LINGER: Duration = Duration::from_secs(1);

/// How a child ended.
pub(super) struct Ended {
    /// None where a signal ended it.
    pub(super) code: Option<i32>,
    /// The last of its standard output, whole lines.
    pub(super) out: String,
    /// The last of its standard error.
    pub(super) err: String,
}

/// Kills the child's whole group when it goes out of scope, whichever way.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let pid = self.0.and_then(|pid| rustix::process::Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(pid) = pid {
            // It may have ended by itself.
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Runs a program to its end. Output beyond `bytes_max` is read and forgotten, the oldest first. What it has left running
/// ends with it.
pub(super) async fn run(
    mut command: Command,
    bytes_max: usize,
    progress: &Progress,
) -> std::io::Result<Ended> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let group = Group(child.id());
    let (from_out, from_err) = (child.stdout.take(), child.stderr.take());
    let silent = Progress::default();
    let (mut out, mut err) = (Tail::new(bytes_max), Tail::new(bytes_max));
    let status = {
        let reads = async { tokio::join!(out.read(from_out, progress), err.read(from_err, &silent)) };
        let end = async {
            let status = child.wait().await;
            drop(group);
            status
        };
        tokio::pin!(reads, end);
        tokio::select! {
            status = &mut end => {
                // What has left the group may hold the pipes for as long as it likes.
                let _ = tokio::time::timeout(LINGER, &mut reads).await;
                status
            }
            _ = &mut reads => end.await,
        }
    };
    Ok(Ended { code: status?.code(), out: out.text(), err: err.text() })
}

/// The last lines of an output.
struct Tail {
    lines: VecDeque<String>,
    bytes: usize,
    bytes_max: usize,
}

impl Tail {
    fn new(bytes_max: usize) -> Self {
        Self { lines: VecDeque::new(), bytes: 0, bytes_max }
    }

    async fn read(&mut self, from: Option<impl AsyncRead + Unpin>, progress: &Progress) {
        let Some(from) = from else { return };
        let mut from = BufReader::new(from);
        loop {
            let mut line = Vec::new();
            match (&mut from).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if line.is_empty() {
                continue;
            }
            progress.tell(line.trim(), None);
            self.push(line);
        }
    }

    fn push(&mut self, line: String) {
        self.bytes += line.len() + 1;
        self.lines.push_back(line);
        while self.bytes > self.bytes_max {
            self.bytes -= self.lines.pop_front().map_or(self.bytes, |line| line.len() + 1);
        }
    }

    fn text(mut self) -> String {
        self.lines.make_contiguous().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shell(line: &str) -> Ended {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]);
        run(command, 1_000, &Progress::default()).await.unwrap()
    }

    #[tokio::test]
    async fn of_a_program_that_floods_the_last_lines_are_kept() {
        let ended = shell("seq 1 200000; head -c 100000 /dev/zero | tr '\\0' x >&2").await;
        assert_eq!(ended.code, Some(0));
        assert!(ended.out.ends_with("199999\n200000") && ended.out.len() <= 1_000, "{}", ended.out);
        assert!(ended.err.len() <= 1_000, "{} bytes", ended.err.len());
    }

    #[tokio::test]
    async fn a_program_that_leaves_others_behind_ends_with_them() {
        // One in its group, which ends with it, and one that has left the group and holds the pipe.
        for left in ["sleep 600 &", "setsid sleep 5 &"] {
            let ended = shell(&format!("{left} echo done")).await;
            assert_eq!((ended.code, ended.out.as_str()), (Some(0), "done"), "{left}");
        }
    }

    #[tokio::test]
    async fn a_program_that_dies_is_told_from_one_that_fails() {
        assert_eq!(shell("kill -9 $$").await.code, None);
        let failed = shell("echo no >&2; exit 3").await;
        assert_eq!((failed.code, failed.err.as_str()), (Some(3), "no"));
    }

    #[tokio::test]
    async fn of_a_program_that_nobody_waits_for_any_more_nothing_stays() {
        let file = tempfile::tempdir().unwrap();
        let pid = file.path().join("pid");
        let line = format!("echo $$ > {}; sleep 600", pid.display());
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &line]);
        let progress = Progress::default();
        let mut hangs = Box::pin(run(command, 1_000, &progress));
        let written = || std::fs::read_to_string(&pid).ok().and_then(|text| text.trim().parse::<i32>().ok());
        let pid = loop {
            tokio::select! {
                _ = &mut hangs => panic!("it does not end"),
                () = tokio::task::yield_now() => {}
            }
            if let Some(pid) = written() {
                break rustix::process::Pid::from_raw(pid).unwrap();
            }
        };
        drop(hangs);
        while rustix::process::test_kill_process_group(pid).is_ok() {
            tokio::task::yield_now().await;
        }
    }
}
