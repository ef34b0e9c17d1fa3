//! A program as a child of this node: its lines are told as they come, and nothing of it outlives the task.

use std::collections::VecDeque;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::Command;

use super::super::progress::Told;

/// Longest line that is told.
const LINE_BYTES_MAX: u64 = 4 << 10;

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

/// Runs a program to its end. Output beyond `bytes_max` is read and forgotten, the oldest first.
pub(super) async fn run(mut command: Command, bytes_max: usize, told: &Told) -> std::io::Result<Ended> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let _group = Group(child.id());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let silent = Told::default();
    let (out, err, status) =
        tokio::join!(kept(out, bytes_max, told), kept(err, bytes_max, &silent), child.wait());
    Ok(Ended { code: status?.code(), out, err })
}

async fn kept(from: Option<impl AsyncRead + Unpin>, bytes_max: usize, told: &Told) -> String {
    let Some(from) = from else { return String::new() };
    let mut from = BufReader::new(from);
    let (mut lines, mut bytes) = (VecDeque::<String>::new(), 0);
    loop {
        let mut line = Vec::new();
        match (&mut from).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if line.is_empty() {
            continue;
        }
        told.tell(line.trim(), None);
        bytes += line.len() + 1;
        lines.push_back(line);
        while bytes > bytes_max {
            bytes -= lines.pop_front().map_or(bytes, |line| line.len() + 1);
        }
    }
    lines.make_contiguous().join("\n")
}
